"""Normalisation over any set of axes: the core of batch, layer and group norm.

    y = clip((x - mean) / sqrt(var + eps) * weight + bias + residual, low, high)

with mean and (biased) variance over ``axes``; weight, bias and residual broadcast against x.
``limits`` are (low, high): (0, inf) is ReLU, (0, 6) ReLU6, None leaves y as it is.
"""

from typing import Any

import numpy as np

Array = Any
Axes = tuple[int, ...]
Limits = tuple[float, float] | None


def normalize(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float,
    mean: Array | None = None, var: Array | None = None, residual: Array | None = None,
    limits: Limits = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """y, mean, var as above; mean and var keep ``axes`` with length 1, and may be given

    Sums run in float64: a channel of a batch has 100,000 values and more, too many for float32.
    """
    if mean is None or var is None:
        mean = x.mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
        centred = x - mean
        var = (centred * centred).mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    y = _unlimited(x, weight, bias, mean, var, residual, eps)
    if limits is not None:
        y = np.minimum(np.maximum(y, x.dtype.type(limits[0])), x.dtype.type(limits[1]))
    return y, mean, var


def normalize_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, var: Array, axes: Axes, eps: float,
    bias: Array | None = None, residual: Array | None = None, limits: Limits = None,
    fixed: bool = False,
) -> tuple[Array, Array | None, Array | None, Array | None]:  # fmt: skip
    """gx = s * (g - mean(g) - h * mean(g * h)), and the gradients of weight, bias and residual;
    s = 1/sqrt(var+eps), h = (x-mean) s, g = weight * gy where y is strictly inside the limits

    gweight = sum of gy * h, gbias = sum of gy over what they were broadcast to, gresidual = gy, all
    inside the limits. Two of the three terms of gx are there because mean and var depend on every x
    (Ioffe, Szegedy, 2015, section 3); where they are ``fixed``, gx = s * g.
    """
    if limits is not None:
        y = _unlimited(x, weight, bias, mean, var, residual, eps)
        gy = gy * ((y > limits[0]) & (y < limits[1])).astype(gy.dtype)
    s = 1 / np.sqrt(var + eps)
    h = (x - mean) * s
    g = gy if weight is None else gy * weight
    gx = s * g
    if not fixed:
        g_mean = g.mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
        gh_mean = (g * h).mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
        gx = s * (g - g_mean - h * gh_mean)
    gweight = None if weight is None else _sum_to(gy * h, weight.shape)
    gbias = None if bias is None else _sum_to(gy, bias.shape)
    return gx, gweight, gbias, None if residual is None else gy


def _unlimited(
    x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array,
    residual: Array | None, eps: float,
) -> Array:  # fmt: skip
    y = (x - mean) / np.sqrt(var + eps)
    y = y if weight is None else y * weight
    y = y if bias is None else y + bias
    return y if residual is None else y + residual


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes that broadcasting from ``shape`` has copied."""
    full = (1,) * (x.ndim - len(shape)) + shape
    copied = tuple(i for i, n in enumerate(full) if n == 1)
    return x.sum(copied, dtype=np.float64, keepdims=True).astype(x.dtype).reshape(shape)
