"""Putting one function in the place of another, everywhere in the library."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor, as_tensor, record, wrap
from ..testing.doctor import OPS

Function = Callable[..., Any]
Hook = Callable[[Function], AbstractContextManager[None]]


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


def half_of(op: str, half: str, function: Function) -> AbstractContextManager[None]:
    """One half of an op is the learner's; the other is in use now, or else the doctor's."""
    now = getattr(ops, op)
    halves = {"forward": forward_of(op), "backward": backward_of(op), **getattr(now, "halves", {})}
    return replaced(now, recorded(op, **{**halves, half: function}))


def recorded(name: str, forward: Function, backward: Function) -> Function:
    """An op of Tensors made of two functions on arrays; `backward(gy, *inputs, **options)`.

    A call with options that no exercise has (padding "same", ceil_mode) stays the library's.
    """
    inputs, library = tuple(OPS[name].inputs), _library_op(name)
    arguments, unknown = signature(library), _unknown(name)

    def op(*given: Any, **options: Any) -> Tensor:
        call = arguments.bind(*given, **options)
        call.apply_defaults()
        values = dict(call.arguments)
        first = [values.pop(k) for k in list(values)[: len(inputs)]]
        tensors = [as_tensor(t) for t in first if t is not None]
        if _beyond(values, unknown):
            return library(*given, **options)
        chosen = {k: _chosen(name, values, k) for k in values if k not in unknown}
        arrays = _flat(name, [t.data for t in tensors])
        if inputs[-1] == "bias" and len(arrays) == len(inputs) - 1:  # a layer without a bias
            arrays.append(np.zeros(len(arrays[1]), arrays[1].dtype))
        y = np.asarray(forward(*arrays, **chosen))
        shape = (*tensors[0].shape[:-1], *y.shape[1:]) if name in FLATTENED else y.shape

        def rule(gy: Tensor) -> Any:
            gradients = backward(gy.data.reshape(y.shape), *arrays, **chosen)
            if not isinstance(gradients, tuple | list):
                gradients = (gradients,)
            made = [wrap(np.asarray(g).reshape(t.shape).astype(t.dtype, copy=False))
                    for g, t in zip(gradients, tensors, strict=False)]  # fmt: skip
            return tuple(made) if len(tensors) > 1 else made[0]

        dtype = tensors[0].dtype
        return record(name, y.reshape(shape).astype(dtype, copy=False), tuple(tensors), rule)

    op.halves = {"forward": forward, "backward": backward}  # type: ignore[attr-defined]
    op.library = library  # type: ignore[attr-defined]
    return op


FLATTENED = {"linear"}  # the lesson's function sees rows (N, D), the library also (..., D)


def _flat(name: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    if name in FLATTENED:
        arrays[0] = arrays[0].reshape(-1, arrays[0].shape[-1])
    return arrays


def _library_op(name: str) -> Function:
    """The library's own, also where another function has its place now."""
    now: Any = getattr(ops, name)
    return getattr(now, "library", now)


@cache
def _unknown(name: str) -> dict[str, Any]:
    """Options of the library's op that an exercise need not have, with their usual values.

    max_pool2d has a dilation, and the doctor's probes have none.
    """
    known = {option for probe in OPS[name].probes(0) for option in probe.options}
    arguments = signature(_library_op(name)).parameters.values()
    return {p.name: p.default for p in arguments
            if p.default is not p.empty and p.name not in {*known, *OPS[name].inputs}}  # fmt: skip


def _beyond(options: dict[str, Any], unknown: dict[str, Any]) -> bool:
    """Whether the call asks for more than numbers and pairs of the options that are taught."""
    padding = options.get("padding", 0)
    sides = isinstance(padding, tuple) and any(isinstance(p, tuple) for p in padding)
    return isinstance(padding, str) or sides or any(options[k] != v for k, v in unknown.items())


def _chosen(name: str, options: dict[str, Any], option: str) -> Any:
    """An option's value; None stands for the usual one, like the stride of a pool."""
    usual = OPS[name].defaults.get(option) if options[option] is None else options[option]
    return usual(options) if callable(usual) else usual


def forward_of(op: str) -> Function:
    def forward(*arrays: Any, **options: Any) -> Any:
        return OPS[op].run(dict(zip(OPS[op].inputs, arrays, strict=False)), options)[0]

    return forward


def backward_of(op: str) -> Function:
    def backward(gy: Any, *arrays: Any, **options: Any) -> Any:
        inputs = dict(zip(OPS[op].inputs, arrays, strict=False))
        return tuple(OPS[op].run(inputs, options)[1](gy).values())

    return backward
