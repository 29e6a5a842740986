"""Gradient clipping: against single steps that throw the weights far away.

The clipped gradient is a new Tensor: parameters may share one gradient Tensor, and a change in
place would clip it twice.
"""

from collections.abc import Iterable

import numpy as np

from ..kernels import kernels_for
from ..tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0
) -> float:
    """Scale all gradients together so that their joint norm is at most ``max_norm``.

        gw = gw min(1, max_norm / (norm + 1e-6)),   norm = (sum over all entries |gw|^p)^(1/p)

    ``norm_type`` is p, or `float("inf")` for the largest |gw|. Returns the norm before clipping, a
    Python float (NaN or Inf where a gradient has one). A norm of NaN makes all gradients NaN, one
    of Inf makes all finite entries 0 and the others NaN.
    Paper: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
    2013, algorithm 1.
    """
    max_norm, norm_type = float(max_norm), float(norm_type)  # NumPy's would widen float32
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, got {max_norm}")
    clipped = _with_gradient(parameters)
    if norm_type == float("inf"):
        total = float(np.max([float(abs(g.data).max()) for _, g in clipped], initial=0.0))
    elif norm_type == 2:
        total = sum(kernels_for(g.data).sum_of_squares(g.data) for _, g in clipped) ** 0.5
    else:
        powers = sum(float((abs(g.data) ** norm_type).sum()) for _, g in clipped)
        total = powers ** (1 / norm_type)
    scale = min(max_norm / (total + 1e-6), 1.0)  # in this order a NaN stays a NaN
    with np.errstate(invalid="ignore"):  # Inf times 0 is NaN, as announced above
        for p, g in clipped if scale != 1 else []:
            p.grad = Tensor(g.data * scale)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every entry of every gradient to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be at least 0, got {clip_value}")
    for p, g in _with_gradient(parameters):
        p.grad = Tensor(g.data.clip(-clip_value, clip_value))


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [(p, p.grad) for p in params if p.grad is not None]
