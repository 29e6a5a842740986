"""Normalisation over any set of axes: the core of batch, layer and group norm.

    y = (x - mean) / sqrt(var + eps) * weight + bias

with mean and (biased) variance over ``axes``; weight and bias broadcast against x.
"""

from typing import Any

import numpy as np

Array = Any
Axes = tuple[int, ...]


def normalize(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float
) -> tuple[Array, Array, Array]:
    """y, mean, var as above; mean and var keep ``axes`` with length 1

    Sums run in float64: a channel of a batch has 100,000 values and more, too many for float32.
    """
    mean = x.mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    centred = x - mean
    var = (centred * centred).mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    y = centred / np.sqrt(var + eps)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, mean, var


def normalize_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, var: Array, axes: Axes, eps: float
) -> tuple[Array, Array | None]:
    """gx = s * (g - mean(g) - h * mean(g * h)),  gweight = sum of gy * h over what weight was
    broadcast to;  s = 1/sqrt(var+eps), h = (x-mean) s, g = gy weight

    Two of the three terms of gx are there because mean and var depend on every x
    (Ioffe, Szegedy, 2015, section 3).
    """
    s = 1 / np.sqrt(var + eps)
    h = (x - mean) * s
    g = gy if weight is None else gy * weight
    g_mean = g.mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    gh_mean = (g * h).mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    gx = s * (g - g_mean - h * gh_mean)
    return gx, None if weight is None else _sum_to(gy * h, weight.shape)


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes that broadcasting from ``shape`` has copied."""
    full = (1,) * (x.ndim - len(shape)) + shape
    copied = tuple(i for i, n in enumerate(full) if n == 1)
    return x.sum(copied, dtype=np.float64, keepdims=True).astype(x.dtype).reshape(shape)
