"""`swap`: a learner's function in the place of the library's.

A hook is the name of a place:

    relu_grad          a kernel: the function is laid over it by `minicnn.override`
    linear.backward    one half of an op of `minicnn.ops`; the doctor's rule is the other half
    HOOKS["..."]       anything else: a function that makes a context manager of the learner's
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from .. import autograd, ops
from ..kernels import kernel_set, override
from ..ops.shape import broadcast_to, sum_to
from ..tensor import Tensor, as_tensor, record, wrap
from ..testing.doctor import OPS
from . import columns

Function = Callable[..., Any]
Hook = Callable[[Function], AbstractContextManager[None]]


def swap(key: str, function: Function) -> AbstractContextManager[None]:
    """Use the function in the library inside a `with` block.

    >>> with swap("relu_grad", my_relu_backward): train(...)

    Raises ValueError for a hook that is not known.
    """
    if key in HOOKS:
        return HOOKS[key](function)
    op, _, half = key.rpartition(".")
    if half in ("forward", "backward") and op in OPS and hasattr(ops, op):
        return _half(op, half, function)
    if key in vars(kernel_set("numpy")):
        return override(**{key: function})
    raise ValueError(
        f"swap: no place in the library is called {key!r}; a place is a kernel (relu_grad), half "
        f"of an op (linear.backward), or one of {', '.join(HOOKS) or 'none'}"
    )


@contextmanager
def replaced(old: Any, new: Any) -> Iterator[None]:
    """Put ``new`` wherever the library holds ``old``, and back again."""
    places = [(place, name) for place in _places() for name, value in list(vars(place).items())
              if value is old]  # fmt: skip
    for place, name in places:
        setattr(place, name, new)
    try:
        yield
    finally:
        for place, name in places:
            setattr(place, name, old)


def _places() -> Iterator[Any]:
    """The library's modules, and the classes in them: a layer keeps its op as an attribute."""
    for module in _library():
        yield module
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield value


def _library() -> list[ModuleType]:
    rooms = ("minicnn.learn", "minicnn.testing")
    return [module for name, module in list(sys.modules.items())
            if name.split(".")[0] == "minicnn" and not name.startswith(rooms)
            and isinstance(module, ModuleType)]  # fmt: skip


def _half(op: str, half: str, function: Function) -> AbstractContextManager[None]:
    """One half of an op is the learner's; the other is in use now, or else the doctor's."""
    now = getattr(ops, op)
    halves = {"forward": _forward(op), "backward": _backward(op), **getattr(now, "halves", {})}
    return replaced(now, recorded(op, **{**halves, half: function}))


def recorded(name: str, forward: Function, backward: Function) -> Function:
    """An op of Tensors made of two functions on arrays; `backward(gy, *inputs, **options)`."""
    inputs, option_names = tuple(OPS[name].inputs), _option_names(name)

    def op(*given: Any, **options: Any) -> Tensor:
        tensors = tuple(as_tensor(t) for t in given[: len(inputs)] if t is not None)
        options |= dict(zip(option_names, given[len(inputs) :], strict=False))
        arrays = _flat(name, [t.data for t in tensors])
        if inputs[-1] == "bias" and len(arrays) == len(inputs) - 1:  # a layer without a bias
            arrays.append(np.zeros(len(arrays[1]), arrays[1].dtype))
        y = np.asarray(forward(*arrays, **options))
        shape = (*tensors[0].shape[:-1], *y.shape[1:]) if name in FLATTENED else y.shape

        def rule(gy: Tensor) -> Any:
            gradients = backward(gy.data.reshape(y.shape), *arrays, **options)
            if not isinstance(gradients, tuple | list):
                gradients = (gradients,)
            made = [wrap(np.asarray(g).reshape(t.shape).astype(t.dtype, copy=False))
                    for g, t in zip(gradients, tensors, strict=False)]  # fmt: skip
            return tuple(made) if len(tensors) > 1 else made[0]

        dtype = tensors[0].dtype
        return record(name, y.reshape(shape).astype(dtype, copy=False), tensors, rule)

    op.halves = {"forward": forward, "backward": backward}  # type: ignore[attr-defined]
    op.option_names = option_names  # type: ignore[attr-defined]
    return op


FLATTENED = {"linear"}  # the lesson's function sees rows (N, D), the library also (..., D)


def _flat(name: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    if name in FLATTENED:
        arrays[0] = arrays[0].reshape(-1, arrays[0].shape[-1])
    return arrays


def _option_names(name: str) -> list[str]:
    """The options of a library op (or of `recorded`, in its place) that may come by position."""
    now = getattr(ops, name)
    if hasattr(now, "option_names"):
        return list(now.option_names)
    code = now.__code__
    return list(code.co_varnames[len(OPS[name].inputs) : code.co_argcount])


def _forward(op: str) -> Function:
    def forward(*arrays: Any, **options: Any) -> Any:
        return OPS[op].run(dict(zip(OPS[op].inputs, arrays, strict=False)), options)[0]

    return forward


def _backward(op: str) -> Function:
    def backward(gy: Any, *arrays: Any, **options: Any) -> Any:
        inputs = dict(zip(OPS[op].inputs, arrays, strict=False))
        return tuple(OPS[op].run(inputs, options)[1](gy).values())

    return backward


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


def _mean_backward(function: Function) -> AbstractContextManager[None]:
    def theirs(x: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
        x = as_tensor(x)
        y = np.asarray(x.data.mean(dim, keepdims=keepdim))
        return record("mean", y, (x,), lambda gy: wrap(function(gy.data, x.data, dim, keepdim)))

    return replaced(ops.mean, theirs)


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


HOOKS: dict[str, Hook] = {
    "autograd.topological": _topological,
    "sum_to": _sum_to,
    "mean_backward": _mean_backward,
    "optim.SGD": _sgd,
    "optim.Adam": _adam(decoupled=False),
    "optim.AdamW": _adam(decoupled=True),
    "cross_entropy": _single_number("cross_entropy"),
    "softmax_of_rows": _of_rows("softmax"),
    "im2col": columns.im2col,
    "col2im": columns.col2im,
    "sigmoid_grad_from_output": _from_output("sigmoid"),
    "tanh_grad_from_output": _from_output("tanh"),
}
