"""Neighbouring layers that are faster together, with the same result as one after the other.

A model still has every layer: its name, its weights, its line in a summary. They are computed
together only while nobody looks between them, by a hook or by observing every op, and while nobody
has put a function of their own in the place of a layer's forward or of a kernel.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kernels import current_kernels, kernel_set, kernels_for
from ..modes import mode
from ..tensor import Tensor
from .activation import ReLU, ReLU6
from .folded import FoldedConv2d
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d
from .pool import MaxPool2d

_NORMS = (BatchNorm1d, BatchNorm2d, FoldedConv2d)  # the last stands in the place of a norm
_ACTIVATIONS: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6"}


def norm_act(norm: Module, activation: Module, x: Tensor) -> Tensor:
    """y = activation(norm(x))"""
    return in_turn((norm, activation), x)


def norm_add_act(
    norm: Module, shortcut: Module, activation: Module, y: Tensor, x: Tensor
) -> Tensor:
    """activation(norm(y) + shortcut(x)), the end of a residual block"""
    known = type(norm) in _NORMS and type(activation) in _ACTIVATIONS
    if not known or _is_watched(norm, activation):
        return activation(norm(y) + shortcut(x))
    residual = shortcut(x)
    if residual.shape != y.shape and type(norm) is not FoldedConv2d:
        return activation(norm(y) + residual)
    return norm(y, residual, _ACTIVATIONS[type(activation)])


def in_turn(layers: Sequence[Module], x: Any) -> Any:
    """last(... second(first(x))), with neighbours together where they can be"""
    i = 0
    while i < len(layers):
        pair = layers[i : i + 2]
        together = _TOGETHER.get(tuple(map(type, pair)))
        if together is None or _is_watched(*pair):
            x, i = layers[i](x), i + 1
        else:
            x, i = together(*pair, x), i + 2
    return x


def _pool_first(relu: Module, pool: Module, x: Tensor) -> Tensor:
    """relu(pool(x)) = pool(relu(x)), and there are fewer numbers after the pool

    ReLU keeps the order of numbers, so the largest stays the largest. What it makes equal is then
    0, and no gradient passes there, whichever of them the pool takes.
    """
    return relu(pool(x))


def _norm_act(norm: Module, activation: Module, x: Tensor) -> Tensor:
    return norm(x, activation=_ACTIVATIONS[type(activation)])


# What is computed together: (first, second) -> function(first, second, x) = second(first(x)).
_TOGETHER: dict[tuple[type[Module], ...], Callable[..., Any]] = {
    (ReLU, MaxPool2d): _pool_first,
    **{(norm, activation): _norm_act for norm in _NORMS for activation in _ACTIVATIONS},
}


def _is_watched(*layers: Module) -> bool:
    """Whether somebody looks between the layers, or has changed what they do."""
    changed = any(m._hooks.before or m._hooks.after or "forward" in vars(m) for m in layers)
    kernels = vars(kernels_for(_ON_CPU)) != vars(kernel_set(current_kernels()))  # `override`
    return changed or kernels or bool(mode.get().observers)


_ON_CPU = np.zeros(0)
