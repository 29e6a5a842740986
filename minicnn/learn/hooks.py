"""`swap`: a learner's function in the place of the library's.

A hook is the name of a place:

    relu_grad          a kernel: the function is laid over it by `minicnn.override`
    linear.backward    one half of an op of `minicnn.ops`; the doctor's rule is the other half
    HOOKS["..."]       anything else: a function that makes a context manager of the learner's
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from .. import ops
from ..kernels import kernel_set, override
from ..random import generator
from ..tensor import Tensor, as_tensor, record, wrap
from ..testing.doctor import OPS

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
    inputs, unknown = tuple(OPS[name].inputs), _unknown(name)

    def op(*given: Any, **options: Any) -> Tensor:
        tensors = tuple(as_tensor(t) for t in given[: len(inputs)] if t is not None)
        options |= dict(zip(_option_names(name), given[len(inputs) :], strict=False))
        options = {k: _chosen(name, options, k) for k, v in options.items()
                   if k not in unknown or v != unknown[k]}  # fmt: skip
        arrays = _flat(name, [t.data for t in tensors])
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
    return op


FLATTENED = {"linear"}  # the lesson's function sees rows (N, D), the library also (..., D)


def _flat(name: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    if name in FLATTENED:
        arrays[0] = arrays[0].reshape(-1, arrays[0].shape[-1])
    return arrays


@cache
def _unknown(name: str) -> dict[str, Any]:
    """Options of the library's op that an exercise need not have, while they are at these values.

    max_pool2d has a dilation, and the doctor's probes have none.
    """
    known = {option for probe in OPS[name].probes(0) for option in probe.options}
    arguments = signature(getattr(ops, name)).parameters.values()
    return {p.name: p.default for p in arguments
            if p.default is not p.empty and p.name not in known}  # fmt: skip


def _chosen(name: str, options: dict[str, Any], option: str) -> Any:
    """An option's value; None stands for the usual one, like the stride of a pool."""
    usual = OPS[name].defaults.get(option) if options[option] is None else options[option]
    return usual(options) if callable(usual) else usual


def _option_names(name: str) -> list[str]:
    """The options of a library op that may be given by position."""
    code = getattr(ops, name).__code__
    return list(code.co_varnames[len(OPS[name].inputs) : code.co_argcount])


def _forward(op: str) -> Function:
    def forward(*arrays: Any, **options: Any) -> Any:
        inputs = dict(zip(OPS[op].inputs, arrays, strict=False))
        return OPS[op].run(inputs, options)[0]

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


def _batch_norm(half: str) -> Hook:
    """Half of batch norm in training, f(x, weight, bias, eps); other norms share its kernels."""

    def hook(function: Function) -> AbstractContextManager[None]:
        kernels = kernel_set("numpy")

        def normalize(x: Any, w: Any, b: Any, axes: Any, eps: float, *more: Any) -> Any:
            y, mean, var = kernels.normalize(x, w, b, axes, eps, *more)
            if axes[0] == 0 and w is not None and all(v is None for v in more):
                y = function(x, w.ravel(), b.ravel(), eps)
            return y, mean, var

        def normalize_grad(gy: Any, x: Any, w: Any, mean: Any, var: Any, axes: Any, eps: float,
                           b: Any, *more: Any) -> Any:  # fmt: skip
            if axes[0] != 0 or w is None or any(v is not None and v is not False for v in more):
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


def _scaled(values: Any, p: float, mask: Any) -> Any:
    return values * mask / (1 - p)


HOOKS: dict[str, Hook] = {
    "sigmoid_grad_from_output": _from_output("sigmoid"),
    "tanh_grad_from_output": _from_output("tanh"),
    "batch_norm_forward": _batch_norm("normalize"),
    "dropout_forward": _dropout("forward"),
    "dropout_backward": _dropout("backward"),
    "batch_norm_backward": _batch_norm("normalize_grad"),
}
