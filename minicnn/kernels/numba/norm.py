"""Batch normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.

x becomes a table of pixels by channels, (N*H*W, C). Loop order pixels, channels: that of memory.
The innermost loop serves several channels at once, each with a sum of its own, so nothing has to
be reordered to be fast. Sums are float64, as in `reference`. Three passes: mean, variance, result;
the gradient takes two. Layer and group norm (any other axes) are left to `reference`.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import norm as reference

from .compiled import compiled, overlays, plain

Array = Any
Axes = tuple[int, ...]


@overlays(reference.normalize)
def normalize(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float
) -> tuple[Array, Array, Array]:
    """y, mean, var as above; mean and var keep ``axes`` with length 1"""
    if not _is_per_channel(x, weight, bias, axes):
        return reference.normalize(x, weight, bias, axes, eps)
    table, shape = _table(x), _row_shape(x)
    total, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    _add_rows(table, total)
    mean = (total / len(table)).astype(x.dtype)
    _add_squares(table, mean, squares)
    var = (squares / len(table)).astype(x.dtype)
    scale = 1 / np.sqrt(var + eps)
    if weight is not None:
        scale *= weight.reshape(-1)
    y = np.empty_like(table)
    _scale_and_shift(table, mean, scale, _per_channel(bias, 0, x), y)
    return _image(y, x), mean.reshape(shape), var.reshape(shape)


@compiled
def _add_rows(x: Array, total: Array) -> None:
    rows, channels = x.shape
    for r in range(rows):
        for c in range(channels):
            total[c] += x[r, c]


@compiled
def _add_squares(x: Array, mean: Array, total: Array) -> None:
    rows, channels = x.shape
    for r in range(rows):
        for c in range(channels):
            centred = x[r, c] - mean[c]
            total[c] += centred * centred


@compiled
def _scale_and_shift(x: Array, mean: Array, scale: Array, bias: Array, y: Array) -> None:
    rows, channels = x.shape
    for r in range(rows):
        for c in range(channels):
            y[r, c] = (x[r, c] - mean[c]) * scale[c] + bias[c]


@overlays(reference.normalize_grad)
def normalize_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, var: Array, axes: Axes, eps: float
) -> tuple[Array, Array | None]:
    """gx = s * (g - mean(g) - h * mean(g * h)),  gweight = sum of gy * h;
    s = 1/sqrt(var+eps), h = (x-mean) s, g = gy weight

    Two of the three terms of gx are there because mean and var depend on every x
    (Ioffe, Szegedy, 2015, section 3). The weight is the same for all pixels of a channel, so both
    means are those of gy and gy * h times the weight.
    """
    if not _is_per_channel(x, weight, None, axes):
        return reference.normalize_grad(gy, x, weight, mean, var, axes, eps)
    table, rows, mean = _table(x), _table(gy), plain(mean.reshape(-1))
    s, w = 1 / np.sqrt(var.reshape(-1) + eps), _per_channel(weight, 1, x)
    gy_sum, gyh_sum = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    _add_gradients(rows, table, mean, s, gy_sum, gyh_sum)
    g_mean, gh_mean = ((w * t / len(table)).astype(x.dtype) for t in (gy_sum, gyh_sum))
    gx = np.empty_like(table)
    _combine(rows, table, w, mean, s, g_mean, gh_mean, gx)
    gweight = None if weight is None else gyh_sum.astype(x.dtype).reshape(weight.shape)
    return _image(gx, x), gweight


@compiled
def _add_gradients(
    gy: Array, x: Array, mean: Array, s: Array, gy_sum: Array, gyh_sum: Array
) -> None:
    rows, channels = x.shape
    for r in range(rows):
        for c in range(channels):
            gy_sum[c] += gy[r, c]
            gyh_sum[c] += gy[r, c] * ((x[r, c] - mean[c]) * s[c])


@compiled
def _combine(
    gy: Array, x: Array, weight: Array, mean: Array, s: Array, g_mean: Array, gh_mean: Array,
    gx: Array,
) -> None:  # fmt: skip
    rows, channels = x.shape
    for r in range(rows):
        for c in range(channels):
            g, h = gy[r, c] * weight[c], (x[r, c] - mean[c]) * s[c]
            gx[r, c] = s[c] * (g - g_mean[c] - h * gh_mean[c])


def _is_per_channel(x: Array, weight: Array | None, bias: Array | None, axes: Axes) -> bool:
    """One mean, weight and bias per channel?"""
    per_row = all(p is None or p.shape == _row_shape(x)[1:] for p in (weight, bias))
    return axes == (0, *range(2, x.ndim)) and per_row


def _row_shape(x: Array) -> tuple[int, ...]:
    """(1, C, 1, 1) for (N, C, H, W)"""
    return (1, x.shape[1]) + (1,) * (x.ndim - 2)


def _table(x: Array) -> Array:
    """(N, C, H, W) -> (N*H*W, C); without a copy where x is channels-last"""
    return plain(np.moveaxis(x, 1, -1)).reshape(-1, x.shape[1])


def _image(table: Array, x: Array) -> Array:
    """(N*H*W, C) -> x's shape (N, C, H, W), channels-last in memory"""
    return np.moveaxis(table.reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1)


def _per_channel(values: Array | None, default: float, x: Array) -> Array:
    """(C, 1, 1) -> (C,); ``default`` everywhere where there are no values"""
    c = x.shape[1]
    return np.full(c, default, x.dtype) if values is None else plain(values.reshape(c))
