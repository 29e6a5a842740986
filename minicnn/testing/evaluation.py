"""Evaluating a function of Tensors again and again, and the gradients that its rules give."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import random
from ..kernels import to_device
from ..nn import Module
from ..tensor import Tensor, grad

Call = Callable[[], Any]
Run = Callable[[], tuple[Tensor, ...]]


def prepare(fn: Callable[..., Any], inputs: Any) -> tuple[dict[str, Tensor], Call]:
    """The tensors to check, by name, and a function that calls ``fn`` on copies of them."""
    in_module = isinstance(fn, Module)
    inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
    args = [_own(x, i, in_module) if isinstance(x, Tensor) else x for i, x in enumerate(inputs)]
    leaves = {f"input {i}": x for i, x in enumerate(args) if _wants_gradient(x)}
    restore_buffers = None
    if isinstance(fn, Module):
        fn = module = copy.deepcopy(fn).double()
        leaves |= {name: p for name, p in module.named_parameters() if p.requires_grad}
        restore_buffers = _keep_buffers(module)
    if not leaves:
        raise ValueError(
            "gradcheck: at least one input must require gradients, got none; "
            "make it with Tensor(array, requires_grad=True)"
        )
    state = random.get_state()

    def call() -> Any:
        random.set_state(state)
        if restore_buffers:
            restore_buffers()
        try:
            return fn(*args)
        finally:
            random.set_state(state)

    return leaves, call


def evaluator(call: Call) -> Run:
    """The floating-point outputs of each call."""
    return lambda: outputs(call())


def _keep_buffers(module: Module) -> Callable[[], None]:
    """A function that gives the module's buffers the values that they have now."""
    kept = {name: buffer.data.copy() for name, buffer in module.named_buffers()}

    def restore() -> None:
        for name, buffer in module.named_buffers():
            buffer.data[...] = kept[name]

    return restore


def _wants_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _own(x: Tensor, i: int, in_module: bool) -> Tensor:
    """A copy that may be changed, in double precision where it goes into a Module."""
    double = in_module and x.dtype.kind == "f"
    if x.requires_grad and x.dtype != np.float64 and not double:
        raise TypeError(
            f"gradcheck: input {i} must be float64, got {x.dtype}, whose rounding hides wrong "
            "gradients; convert with Tensor(x.data.astype(np.float64), requires_grad=True)"
        )
    array = x.data.copy(order="K")
    return Tensor(array, x.requires_grad, np.float64 if double else None)


def outputs(answer: Any) -> tuple[Tensor, ...]:
    """The floating-point outputs of the function (indices have no gradient)."""
    answers = answer if isinstance(answer, tuple | list) else (answer,)
    for y in answers:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"gradcheck: the function must return a Tensor or a tuple of them, got "
                f"{type(y).__name__}"
            )
    ys = tuple(y for y in answers if y.dtype.kind == "f")
    for y in ys:
        if y.dtype != np.float64:
            raise TypeError(
                f"gradcheck: the output must be float64 like the inputs, got {y.dtype}; the "
                "function converts on the way"
            )
    return ys


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Not default_rng(seed), which may have made the inputs: numbers that repeat hide mistakes."""
    return np.random.default_rng([seed, *purpose.encode()])


def random_like(y: Tensor, rng: np.random.Generator) -> Tensor:
    return Tensor(to_device(rng.standard_normal(y.shape), y.device))


def all_gradients(
    ys: Sequence[Tensor], xs: list[Tensor], gys: Sequence[Tensor], create_graph: bool = False
) -> tuple[Tensor, ...]:
    """The gradients of all outputs together."""
    total: tuple[Tensor, ...] = ()
    for y, gy in zip(ys, gys, strict=True):
        if y.requires_grad:
            gxs = grad(y, xs, gy, create_graph)
            total = tuple(a + b for a, b in zip(total, gxs, strict=True)) if total else gxs
    if not total:
        raise ValueError(
            "gradcheck: no output depends on an input that requires gradients; check for detach(), "
            "no_grad() or .data on the way"
        )
    return total
