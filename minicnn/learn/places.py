"""Places in the library that are neither a kernel nor half of an op, each with a way to fill it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import reduce
from typing import Any

import numpy as np

from .. import autograd, ops
from ..kernels import kernel_set, override
from ..nn import MultiheadAttention
from ..ops import index
from ..ops.shape import broadcast_to, sum_to
from ..random import generator
from ..tensor import Tensor, as_tensor, record, wrap
from . import columns
from .replacing import Function, Hook, backward_of, forward_of, replaced


def _from_output(kernel: str) -> Hook:
    """A gradient written with the output, gx = f(gy, y), as a kernel of gy and x."""

    def hook(function: Function) -> AbstractContextManager[None]:
        forward = getattr(kernel_set("numpy"), kernel)
        return override(**{f"{kernel}_grad": lambda gy, x: function(gy, forward(x))})

    return hook


class _Value:
    """A node of the library as the lesson's function sees it: it has parents, all to be visited."""

    def __init__(self, node: autograd.Node) -> None:
        self.node = node
        self.parents: tuple[_Value, ...] = ()


def _topological(function: Function) -> AbstractContextManager[None]:
    """The order of the backward pass."""
    library = autograd.topological

    def order(root: autograd.Node) -> list[autograd.Node]:
        values = {node: _Value(node) for node in library(root)}
        for node, value in values.items():
            value.parents = tuple(values[p] for p in node.parents if p is not None)
        return [value.node for value in function(values[root])]

    return replaced(library, order)


def _sum_to(function: Function) -> AbstractContextManager[None]:
    """What brings every gradient back to its operand's shape; `function(g, shape)` on arrays."""

    def theirs(x: Tensor, shape: tuple[int, ...]) -> Tensor:
        y = np.asarray(function(x.data, shape))
        return record("sum_to", y, (x,), lambda gy: broadcast_to(gy, x.shape))

    return replaced(sum_to, theirs)


def _reduction_backward(name: str) -> Hook:
    """The rule of mean or max, f(gy, x, axis, keepdims)."""

    def hook(function: Function) -> AbstractContextManager[None]:
        def theirs(x: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
            x = as_tensor(x)
            y = np.asarray(getattr(x.data, name)(dim, keepdims=keepdim))
            return record(name, y, (x,), lambda gy: wrap(function(gy.data, x.data, dim, keepdim)))

        return replaced(getattr(ops, name), theirs)

    return hook


def _getitem_backward(function: Function) -> AbstractContextManager[None]:
    """The rule of y = x[key], f(gy, x, key); it sees zeros of x's shape."""

    def theirs(gy: Tensor, key: Any, shape: tuple[int, ...]) -> Tensor:
        gx = function(gy.data, np.zeros(shape, gy.dtype), key)
        return record("getitem_grad", np.asarray(gx), (gy,), lambda g: index.getitem(g, key))

    return replaced(index.getitem_grad, theirs)


class _Part:
    """What a rule of lesson 02 knows of a value, for arrays."""

    def __init__(self, data: Any) -> None:
        self.data, self.grad = data, 0.0


def _product_rule(function: Function) -> AbstractContextManager[None]:
    """The rule of a product of two tensors; one with a plain number stays the library's."""
    library = ops.mul

    def theirs(a: Any, b: Any) -> Tensor:
        if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
            return library(a, b)
        parts, product = (_Part(a.data), _Part(b.data)), a.data * b.data
        out = _Part(product)
        rule = function(*parts, out)

        def backward(gy: Tensor) -> Any:
            parts[0].grad, parts[1].grad, out.grad = 0.0, 0.0, gy.data
            rule()
            grads = [np.broadcast_to(part.grad, gy.shape) for part in parts]
            return tuple(sum_to(wrap(g.astype(t.dtype)), t.shape)
                         for g, t in zip(grads, (a, b), strict=True))  # fmt: skip

        return record("mul", product, (a, b), backward)

    return replaced(library, theirs)


def _smooth_labels(function: Function) -> AbstractContextManager[None]:
    """The probabilities that label_smoothing makes of class numbers, f(target, classes, s)."""
    library = ops.cross_entropy

    def theirs(x: Any, target: Any, weight: Any = None, ignore_index: int = -100,
               reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:  # fmt: skip
        x, labels = as_tensor(x), as_tensor(target)
        taught = labels.dtype.kind != "f" and x.ndim == 2 and 0 < label_smoothing <= 1
        if not taught or weight is not None or (labels.data == ignore_index).any():
            return library(x, labels, weight, ignore_index, reduction, label_smoothing)
        q = np.asarray(function(labels.data, x.shape[1], label_smoothing), x.dtype)
        return library(x, Tensor(q), reduction=reduction)

    return replaced(library, theirs)


def _depthwise(function: Function) -> AbstractContextManager[None]:
    """All rows of a depthwise convolution with stride 1, f(x, weight, y, start, stop)."""
    library = kernel_set("numpy").depthwise_conv2d

    def kernel(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        if (stride, dilation) != ((1, 1), (1, 1)) or len(weight) != x.shape[1]:
            return library(x, weight, stride, padding, dilation)
        padded = np.pad(x, ((0, 0), (0, 0), *padding)).transpose(0, 2, 3, 1).copy()
        n, h, w, c = padded.shape
        kh, kw = weight.shape[2:]
        y = np.empty((n, h - kh + 1, w - kw + 1, c), x.dtype)
        function(padded, weight[:, 0].transpose(1, 2, 0).copy(), y, 0, y.shape[1])
        return y.transpose(0, 3, 1, 2)

    return override(depthwise_conv2d=kernel)


def _of_rows(kernel: str) -> Hook:
    """A function along the last axis as a kernel of x and any axis."""

    def hook(function: Function) -> AbstractContextManager[None]:
        def along(x: Any, axis: int) -> Any:
            return np.moveaxis(function(np.moveaxis(x, axis, -1)), -1, axis)

        return override(**{kernel: along})

    return hook


def _single_number(kernel: str) -> Hook:
    """A function that may return a plain number, as a kernel that returns an array."""

    def hook(function: Function) -> AbstractContextManager[None]:
        return override(**{kernel: lambda x, *more: np.asarray(function(x, *more), x.dtype)})

    return hook


def _unweighted(kernel: str) -> Hook:
    """Half of a focal loss f(..., labels, weight, gamma) as cross-entropy: weights 1, gamma 0."""

    def hook(function: Function) -> AbstractContextManager[None]:
        def plain(*arrays: Any) -> Any:
            x = arrays[-2]
            return np.asarray(function(*arrays, np.ones(x.shape[1], x.dtype), 0.0), x.dtype)

        return override(**{kernel: plain})

    return hook


def _sgd(function: Function) -> AbstractContextManager[None]:
    """A step of SGD with momentum that returns [param, velocity]; Nesterov's takes the velocity."""

    def sgd_step(w: Any, g: Any, v: Any, lr: float, momentum: float, *more: Any) -> None:
        dampening, decay, nesterov = more
        if v is None or dampening:
            theirs(w, g, v, lr, momentum, *more)
        else:
            new, v[...] = function(w, g, v, lr, momentum, decay)
            w[...] = w - lr * (g + decay * w + momentum * v) if nesterov else new

    theirs = kernel_set("numpy").sgd_step
    return override(sgd_step=sgd_step)


def _adam(decoupled: bool) -> Hook:
    """A step of Adam, or of AdamW, that returns [param, m, v]."""

    def hook(function: Function) -> AbstractContextManager[None]:
        def adam_step(w: Any, g: Any, m: Any, v: Any, t: int, lr: float, *more: Any) -> None:
            beta1, beta2, eps, decay, beside = more
            if beside != decoupled:
                theirs(w, g, m, v, t, lr, *more)
            else:
                state = np.stack([m, v])
                w[...], m[...], v[...] = function(w, g, state, lr, (beta1, beta2), eps, t, decay)

        theirs = kernel_set("numpy").adam_step
        return override(adam_step=adam_step)

    return hook


def _over_batch(x: Any, axes: Any) -> bool:
    return bool(axes[0] == 0)


def _over_features(x: Any, axes: Any) -> bool:
    return tuple(axes) == (x.ndim - 1,) and x.ndim > 1


def _has_both(weight: Any, bias: Any) -> bool:
    return weight is not None and bias is not None


def _norm(half: str, mine: Callable[[Any, Any], bool]) -> Hook:
    """Half of batch norm in training or of layer norm, f(x, weight, bias, eps); they share kernels.

    ``mine(x, axes)``: is it this norm?
    """

    def hook(function: Function) -> AbstractContextManager[None]:
        kernels = kernel_set("numpy")

        def normalize(x: Any, w: Any, b: Any, axes: Any, eps: float, *more: Any) -> Any:
            y, mean, var = kernels.normalize(x, w, b, axes, eps, *more)
            if mine(x, axes) and _has_both(w, b) and all(v is None for v in more):
                y = function(x, w.ravel(), b.ravel(), eps)
            return y, mean, var

        def normalize_grad(gy: Any, x: Any, w: Any, mean: Any, var: Any, axes: Any, eps: float,
                           b: Any, *more: Any) -> Any:  # fmt: skip
            plain = all(v is None or v is False for v in more)
            if not (mine(x, axes) and _has_both(w, b) and plain):
                return kernels.normalize_grad(gy, x, w, mean, var, axes, eps, b, *more)
            gx, gw, gb = function(gy, x, w.ravel(), b.ravel(), eps)
            return gx, gw.reshape(w.shape), gb.reshape(b.shape), None

        return override(**{half: normalize if half == "normalize" else normalize_grad})

    return hook


def _dropout(half: str) -> Hook:
    """Half of dropout in training, f(x or gy, p, mask); the mask is the one the library draws."""

    def hook(function: Function) -> AbstractContextManager[None]:
        now = ops.dropout
        halves = {"forward": _scaled, "backward": _scaled, **getattr(now, "halves", {})}
        halves[half] = function

        def op(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
            x = as_tensor(x)
            if not training or p in (0, 1):
                return now(x, p, training)
            mask = (generator().random(x.shape) >= p).astype(x.dtype)
            y = halves["forward"](x.data, p, mask)
            return record("dropout", y, (x,), lambda gy: wrap(halves["backward"](gy.data, p, mask)))

        op.halves = halves  # type: ignore[attr-defined]
        return replaced(now, op)

    return hook


def _attention(half: str) -> Hook:
    """Half of self-attention, f(q, k, v), each (B, T, D); a head is one more sample to it."""

    def hook(function: Function) -> AbstractContextManager[None]:
        now = MultiheadAttention.forward
        halves = {"forward": forward_of("attention"), "backward": backward_of("attention")}
        halves |= {**getattr(now, "halves", {}), half: function}

        def forward(self: MultiheadAttention, x: Tensor, *more: Any, **masks: Any) -> Tensor:
            if more or masks or self.in_proj_bias is None or (self.training and self.dropout):
                return now(self, x, *more, **masks)
            maps = (ops.split(p, self.embed_dim) for p in (self.in_proj_weight, self.in_proj_bias))
            q, k, v = (self._into_heads(ops.linear(x, w, b)) for w, b in zip(*maps, strict=True))
            inputs = tuple(t.flatten(0, 1) for t in (q, k, v))
            arrays = [t.data for t in inputs]
            gradients = halves["backward"]
            y = record("attention", halves["forward"](*arrays), inputs,
                       lambda gy: tuple(map(wrap, gradients(gy.data, *arrays))))  # fmt: skip
            return self.out_proj(y.reshape(q.shape).permute(0, 2, 1, 3).flatten(2))

        forward.halves = halves  # type: ignore[attr-defined]
        return replaced(now, forward)

    return hook


def _scaled(values: Any, p: float, mask: Any) -> Any:
    return values * mask / (1 - p)


def _dense_weight(function: Function) -> AbstractContextManager[None]:
    """A convolution with groups as a full one, whose weight the function makes."""

    def conv2d(
        x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        return theirs(x, function(w, groups), b, stride, padding, dilation, 1)

    theirs = kernel_set("numpy").conv2d
    return override(conv2d=conv2d)


def _concat_backward(function: Function) -> AbstractContextManager[None]:
    """The gradients of two arrays put together, f(gy, a, b, axis); longer lists two at a time."""

    def pair(a: Tensor, b: Tensor, axis: int) -> Tensor:
        def backward(gy: Tensor) -> tuple[Tensor, ...]:
            return tuple(wrap(g) for g in function(gy.data, a.data, b.data, axis))

        return record("concat", np.concatenate([a.data, b.data], axis), (a, b), backward)

    def theirs(tensors: Any, dim: int = 0) -> Tensor:
        return reduce(lambda a, b: pair(a, b, dim), [as_tensor(x) for x in tensors])

    return replaced(ops.concat, theirs)


HOOKS: dict[str, Hook] = {
    "concat_backward": _concat_backward,
    "dense_weight": _dense_weight,
    "attention_forward": _attention("forward"),
    "attention_backward": _attention("backward"),
    "batch_norm_forward": _norm("normalize", _over_batch),
    "batch_norm_backward": _norm("normalize_grad", _over_batch),
    "layer_norm_backward": _norm("normalize_grad", _over_features),
    "dropout_forward": _dropout("forward"),
    "dropout_backward": _dropout("backward"),
    "autograd.topological": _topological,
    "sum_to": _sum_to,
    "mean_backward": _reduction_backward("mean"),
    "max_backward": _reduction_backward("max"),
    "getitem_backward": _getitem_backward,
    "product_rule": _product_rule,
    "smooth_labels": _smooth_labels,
    "depthwise_part": _depthwise,
    "optim.SGD": _sgd,
    "optim.Adam": _adam(decoupled=False),
    "optim.AdamW": _adam(decoupled=True),
    "cross_entropy": _single_number("cross_entropy"),
    "softmax_of_rows": _of_rows("softmax"),
    "focal_forward": _unweighted("cross_entropy"),
    "focal_backward": _unweighted("cross_entropy_grad"),
    "im2col": columns.im2col,
    "col2im": columns.col2im,
    "sigmoid_grad_from_output": _from_output("sigmoid"),
    "tanh_grad_from_output": _from_output("tanh"),
}
