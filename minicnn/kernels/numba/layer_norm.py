"""Layer normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, each sample by itself.

x becomes a table of samples by numbers, (B*T, D), and each part of the work a range of samples. A
sample is in the cache while its mean, its variance and its result are computed one after the other,
so memory sees one pass. Sums are float64, and several side by side, an order that vectors keep too:
so nothing has to be reordered to be fast.
"""

from typing import Any

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel, plain, subroutine

Array = Any
Axes = tuple[int, ...]

_LANES = 32  # sums side by side, each of every 32nd number; a power of 2
_SMALL = 2**14  # numbers that one thread is done with before the others have begun


def serves(x: Array, weight: Array | None, bias: Array | None, axes: Axes) -> bool:
    """The last axes, but not all, and weight and bias of just these?"""
    first = x.ndim - len(axes)
    per_number = all(p is None or p.shape == x.shape[first:] for p in (weight, bias))
    return x.size > 0 and first > 0 and axes == tuple(range(first, x.ndim)) and per_number


def normalize(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float
) -> tuple[Array, Array, Array]:
    """y, mean, var; mean and var keep ``axes`` with length 1"""
    table, shape = _table(x, axes), x.shape[: axes[0]] + (1,) * len(axes)
    mean, var = np.empty(len(table), x.dtype), np.empty(len(table), x.dtype)
    w, b, y = _full(weight, 1, table), _full(bias, 0, table), np.empty_like(table)
    _normalize_samples(_parts(x), table, w, b, eps, mean, var, y)
    return y.reshape(x.shape), mean.reshape(shape), var.reshape(shape)


@compiled_parallel
def _normalize_samples(
    part: int, parts: int, x: Array, weight: Array, bias: Array, eps: float, mean: Array,
    var: Array, y: Array,
) -> None:  # fmt: skip
    sums = np.zeros(_LANES)
    for n in range(len(x) * part // parts, len(x) * (part + 1) // parts):
        mean[n], var[n] = _moments(x[n], sums)
        _scale(x[n], mean[n], 1 / np.sqrt(var[n] + eps), weight, bias, y[n])


@subroutine
def _moments(x: Array, sums: Array) -> tuple[float, float]:
    """Mean and variance of one sample"""
    sums[:] = 0
    for i in range(0, x.size, sums.size):
        row = x[i : i + sums.size]
        for d in range(row.size):
            sums[d] += row[d]
    mean = _total(sums) / x.size
    sums[:] = 0
    for i in range(0, x.size, sums.size):
        row = x[i : i + sums.size]
        for d in range(row.size):
            sums[d] += (row[d] - mean) * (row[d] - mean)
    return mean, _total(sums) / x.size


@subroutine
def _total(sums: Array) -> float:
    """Their sum, half added to half until one is left"""
    half = sums.size // 2
    while half:
        for d in range(half):
            sums[d] += sums[half + d]
        half //= 2
    return sums[0]


@subroutine
def _scale(x: Array, mean: float, s: float, weight: Array, bias: Array, y: Array) -> None:
    mean, s = x.dtype.type(mean), x.dtype.type(s)
    for d in range(x.size):
        y[d] = (x[d] - mean) * s * weight[d] + bias[d]


def normalize_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, var: Array, axes: Axes, eps: float,
    bias: Array | None,
) -> tuple[Array, Array | None, Array | None]:  # fmt: skip
    """gx = s (g - mean(g) - h mean(g h)),  gweight = sum of gy h, gbias = sum of gy over samples;
    s = 1/sqrt(var+eps), h = (x-mean) s, g = gy weight
    """
    table, rows, parts = _table(x, axes), _table(gy, axes), _parts(x)
    s = 1 / np.sqrt(plain(var.reshape(-1)) + eps)
    w, gx = _full(weight, 1, table), np.empty_like(table)
    sums = np.zeros((parts, 2, table.shape[1]))
    _sample_gradients(parts, rows, table, w, plain(mean.reshape(-1)), s, sums, gx)
    gweight, gbias = sums.sum(0).astype(x.dtype)
    return (
        gx.reshape(x.shape),
        None if weight is None else gweight.reshape(weight.shape),
        None if bias is None else gbias.reshape(bias.shape),
    )


@compiled_parallel
def _sample_gradients(
    part: int, parts: int, gy: Array, x: Array, weight: Array, mean: Array, s: Array, sums: Array,
    gx: Array,
) -> None:  # fmt: skip
    gweight, gbias, lanes = sums[part, 0], sums[part, 1], np.zeros((2, _LANES))
    for n in range(len(x) * part // parts, len(x) * (part + 1) // parts):
        g_mean, gh_mean = _means(gy[n], x[n], weight, mean[n], s[n], lanes)
        _combine(gy[n], x[n], weight, mean[n], s[n], g_mean, gh_mean, gweight, gbias, gx[n])


@subroutine
def _means(
    gy: Array, x: Array, weight: Array, mean: float, s: float, sums: Array
) -> tuple[float, float]:
    """The means of g and of g h"""
    sums[:] = 0
    lanes, with_h = sums[0], sums[1]
    for i in range(0, x.size, lanes.size):
        end = i + lanes.size
        row, gradient, w = x[i:end], gy[i:end], weight[i:end]
        for d in range(row.size):
            g = gradient[d] * w[d]
            lanes[d] += g
            with_h[d] += g * ((row[d] - mean) * s)
    return _total(lanes) / x.size, _total(with_h) / x.size


@subroutine
def _combine(
    gy: Array, x: Array, weight: Array, mean: float, s: float, g_mean: float, gh_mean: float,
    gweight: Array, gbias: Array, gx: Array,
) -> None:  # fmt: skip
    g_mean, gh_mean = x.dtype.type(g_mean), x.dtype.type(gh_mean)
    for d in range(x.size):
        g, h = gy[d], (x[d] - mean) * s
        gweight[d] += g * h
        gbias[d] += g
        gx[d] = s * (g * weight[d] - g_mean - h * gh_mean)


def _parts(x: Array) -> int:
    return get_num_threads() if x.size > _SMALL else 1


def _table(x: Array, axes: Axes) -> Array:
    """(B, T, D) -> (B*T, D), one row for each sample"""
    return plain(x).reshape(-1, int(np.prod(x.shape[axes[0] :])))


def _full(values: Array | None, default: float, table: Array) -> Array:
    """Weight or bias in one row; ``default`` where there is none"""
    size = table.shape[1]
    return np.full(size, default, table.dtype) if values is None else plain(values).reshape(size)
