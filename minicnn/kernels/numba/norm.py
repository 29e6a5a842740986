"""Batch normalisation with what follows it, channel by channel, in as few passes as can be:

    y = clip((x - mean) * scale + bias + residual, low, high),  scale = weight / sqrt(var + eps)

Forward: one pass over x for mean and var, one for y. Backward: one pass over x and gy for the two
sums that all gradients are made of, one for gx. Whether y lies inside the limits is worked out
again from x, which is read anyway; to read y as well would take longer.

x is one long row of numbers, pixel after pixel (N*H*W*C,), and each part of the work a range of
pixels. The innermost loop runs over a *stretch*, some whole pixels, with the numbers per channel
repeated to that length: so it fills vectors even where a pixel has few channels, and each number of
a stretch has sums of its own, so nothing has to be reordered to be fast. Sums are float32 (the
dtype of x) over a block of stretches, and float64 from there on.

Norms over the last axes are in `layer_norm`; what neither serves is left to `reference`.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import norm as reference
from minicnn.kernels.reference.norm import Axes, Limits
from minicnn.kernels.threads import get_num_threads

from . import layer_norm
from .compiled import compiled_parallel, overlays, plain, subroutine

Array = Any

_STRETCH = 512  # numbers, at least
_BLOCK = 16  # stretches
_SMALL = 2**14  # numbers that one thread is done with before the others have begun


@overlays(reference.normalize)
def normalize(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float,
    mean: Array | None = None, var: Array | None = None, residual: Array | None = None,
    limits: Limits = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """y, mean, var as above; mean and var keep ``axes`` with length 1, and may be given"""
    rest = (mean, var, residual, limits)
    if all(given is None for given in rest) and layer_norm.serves(x, weight, bias, axes):
        return layer_norm.normalize(x, weight, bias, axes, eps)
    if not _serves(x, weight, bias, axes, residual):
        return reference.normalize(x, weight, bias, axes, eps, *rest)
    flat = _flat(x)
    if mean is None or var is None:
        with np.errstate(invalid="ignore"):
            mean, var = _moments(flat, x.shape[1])
        if not np.isfinite(mean + var).all():  # inf - inf has lost what they would be
            return reference.normalize(x, weight, bias, axes, eps, *rest)
    y = _scale(flat, _affine(x, weight, bias, mean, var, eps), residual, limits, x.shape[1])
    shape = _row_shape(x)
    return _image(y, x), mean.reshape(shape), var.reshape(shape)


def _moments(x: Array, channels: int) -> tuple[Array, Array]:
    """Mean and variance from the sums of x - start and of its square

    Start is the channel's first number. With 0 in its place the square of a mean of 1e4 would
    swallow a variance of 1.
    """
    start = _repeated(x[:channels], x.size).astype(np.float64)
    sums = np.zeros((_parts(x), 2, start.size))
    _add_moments(len(sums), x, channels, start, sums)
    mean, square = _per_channel(sums, channels) * (channels / x.size)
    var = np.maximum(square - mean * mean, 0)
    return (start[:channels] + mean).astype(x.dtype), var.astype(x.dtype)


@compiled_parallel
def _add_moments(part: int, parts: int, x: Array, channels: int, start: Array, sums: Array) -> None:
    """Each block sums v = x - origin, its own first stretch, so no far-off number spoils them all.

    Then, in float64 and with e = origin - start, the sums of a and b over n numbers move to start:
    sum of v + e = a + n e,  sum of (v + e)^2 = b + e (2 a + n e)
    """
    length = start.size
    first, last = _range(part, parts, x.size, channels)
    a, b = np.zeros(length, x.dtype), np.zeros(length, x.dtype)
    for block in range(first, last, _BLOCK * length):
        end = min(block + _BLOCK * length, last)
        origin = x[block : min(block + length, end)]
        for i in range(block, end, length):
            row = x[i : min(i + length, end)]
            for c in range(row.size):
                v = row[c] - origin[c]
                a[c] += v
                b[c] += v * v
        rows, more = (end - block) // length, (end - block) % length
        for c in range(origin.size):
            n, e = rows + (c < more), np.float64(origin[c]) - start[c]
            sums[part, 0, c] += a[c] + n * e
            sums[part, 1, c] += b[c] + e * (2 * a[c] + n * e)
        a[:], b[:] = 0, 0


def _scale(x: Array, affine: Array, residual: Array | None, limits: Limits, channels: int) -> Array:
    """y, flat as x is"""
    y, how = np.empty_like(x), (*_ends(limits, x), channels)
    if residual is None:
        _scale_and_limit(_parts(x), x, affine, *how, y)
    else:
        _add_and_limit(_parts(x), x, affine, _flat(residual), *how, y)
    return y


@compiled_parallel
def _scale_and_limit(
    part: int, parts: int, x: Array, affine: Array, low: float, high: float, channels: int, y: Array
) -> None:
    mean, scale, bias = affine[0], affine[1], affine[2]
    first, last = _range(part, parts, x.size, channels)
    for i in range(first, last, mean.size):
        end = min(i + mean.size, last)
        row, out = x[i:end], y[i:end]
        for c in range(row.size):
            v = (row[c] - mean[c]) * scale[c] + bias[c]
            v = low if v < low else v  # asked in this way, NaN stays NaN
            out[c] = high if v > high else v


@compiled_parallel
def _add_and_limit(
    part: int, parts: int, x: Array, affine: Array, residual: Array, low: float, high: float,
    channels: int, y: Array,
) -> None:  # fmt: skip
    mean, scale, bias = affine[0], affine[1], affine[2]
    first, last = _range(part, parts, x.size, channels)
    for i in range(first, last, mean.size):
        end = min(i + mean.size, last)
        row, more, out = x[i:end], residual[i:end], y[i:end]
        for c in range(row.size):
            v = (row[c] - mean[c]) * scale[c] + bias[c] + more[c]
            v = low if v < low else v
            out[c] = high if v > high else v


@overlays(reference.normalize_grad)
def normalize_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, var: Array, axes: Axes, eps: float,
    bias: Array | None = None, residual: Array | None = None, limits: Limits = None,
    fixed: bool = False,
) -> tuple[Array, Array | None, Array | None, Array | None]:  # fmt: skip
    """gx = s * (g - mean(g) - h * mean(g * h)), and the gradients of weight, bias and residual;
    s = 1/sqrt(var+eps), h = (x-mean) s, g = weight * gy where y is strictly inside the limits

    The weight is the same for all pixels of a channel, so both means are those of gy and gy * h
    times the weight. Where mean and var are ``fixed``, gx = s * g.
    """
    rest = (bias, residual, limits, fixed)
    is_alone = residual is None and limits is None and not fixed
    if is_alone and layer_norm.serves(x, weight, bias, axes):
        return *layer_norm.normalize_grad(gy, x, weight, mean, var, axes, eps, bias), None
    if not _serves(x, weight, bias, axes, residual):
        return reference.normalize_grad(gy, x, weight, mean, var, axes, eps, *rest)
    channels, flat, g = x.shape[1], _flat(x), _flat(gy)
    affine = _affine(x, weight, bias, mean, var, eps)
    if limits is not None and (fixed or residual is not None):
        g, sums = _kept_inside(g, flat, affine, residual, limits, channels)
        limits = None
    else:
        sums = np.zeros((_parts(flat), 2, affine.shape[1]))
        how = (limits is None, *_ends(limits, x), channels)
        _add_gradients(len(sums), g, flat, affine, *how, sums)
    gbias, gweight = _per_channel(sums, channels)
    s = 1 / np.sqrt(var.reshape(-1) + eps)
    gweight *= s
    if fixed:
        affine[::2] = 0
        gx = _scale(g, affine, None, None, channels)
    else:
        means = np.stack((gbias, gweight * s)) * (channels / x.size)
        gx = _combine(g, flat, affine, means, limits, channels)
    return (
        _image(gx, x),
        None if weight is None else gweight.astype(x.dtype).reshape(weight.shape),
        None if bias is None else gbias.astype(x.dtype).reshape(bias.shape),
        None if residual is None else _image(g, x),
    )


@compiled_parallel
def _add_gradients(
    part: int, parts: int, gy: Array, x: Array, affine: Array, is_free: bool, low: float,
    high: float, channels: int, sums: Array,
) -> None:  # fmt: skip
    """Sums of g and of g (x - mean), where g is gy inside the limits"""
    mean, scale, bias = affine[0], affine[1], affine[2]
    length = mean.size
    first, last = _range(part, parts, x.size, channels)
    a, b = np.zeros(length, x.dtype), np.zeros(length, x.dtype)
    for block in range(first, last, _BLOCK * length):
        for i in range(block, min(block + _BLOCK * length, last), length):
            end = min(i + length, last)
            row, gradient = x[i:end], gy[i:end]
            for c in range(row.size):
                g, centred = gradient[c], row[c] - mean[c]
                v = centred * scale[c] + bias[c]
                g = g if is_free | ((v > low) & (v < high)) else g - g  # NaN stays NaN
                a[c] += g
                b[c] += g * centred
        _empty_into(sums[part], a, b)


def _kept_inside(
    gy: Array, x: Array, affine: Array, residual: Array | None, limits: Limits, channels: int
) -> tuple[Array, Array]:
    """g itself, which is the residual's gradient too, and its sums as in `_add_gradients`"""
    added = np.zeros_like(x) if residual is None else _flat(residual)
    g, sums = np.empty_like(x), np.zeros((_parts(x), 2, affine.shape[1]))
    ends = _ends(limits, x)
    _keep_and_add_gradients(len(sums), gy, x, affine, added, *ends, channels, sums, g)
    return g, sums


@compiled_parallel
def _keep_and_add_gradients(
    part: int, parts: int, gy: Array, x: Array, affine: Array, residual: Array, low: float,
    high: float, channels: int, sums: Array, kept: Array,
) -> None:  # fmt: skip
    mean, scale, bias = affine[0], affine[1], affine[2]
    length = mean.size
    first, last = _range(part, parts, x.size, channels)
    a, b = np.zeros(length, x.dtype), np.zeros(length, x.dtype)
    for block in range(first, last, _BLOCK * length):
        for i in range(block, min(block + _BLOCK * length, last), length):
            end = min(i + length, last)
            row, gradient, more, out = x[i:end], gy[i:end], residual[i:end], kept[i:end]
            for c in range(row.size):
                g, centred = gradient[c], row[c] - mean[c]
                v = centred * scale[c] + bias[c] + more[c]
                g = g if (v > low) & (v < high) else g - g
                out[c] = g
                a[c] += g
                b[c] += g * centred
        _empty_into(sums[part], a, b)


@subroutine
def _empty_into(sums: Array, a: Array, b: Array) -> None:
    for c in range(a.size):
        sums[0, c] += a[c]
        sums[1, c] += b[c]
        a[c], b[c] = 0, 0


def _combine(
    g: Array, x: Array, affine: Array, means: Array, limits: Limits, channels: int
) -> Array:
    """gx, flat as x is; ``means`` are those of g and of g h, the latter times s"""
    gx, slopes = np.empty_like(x), _repeated(means.astype(x.dtype), x.size)
    how = (limits is None, *_ends(limits, x), channels)
    _scale_and_centre(_parts(x), g, x, affine, slopes, *how, gx)
    return gx


@compiled_parallel
def _scale_and_centre(
    part: int, parts: int, gy: Array, x: Array, affine: Array, slopes: Array, is_free: bool,
    low: float, high: float, channels: int, gx: Array,
) -> None:  # fmt: skip
    mean, scale, bias = affine[0], affine[1], affine[2]
    constant, slope = slopes[0], slopes[1]
    first, last = _range(part, parts, x.size, channels)
    for i in range(first, last, mean.size):
        end = min(i + mean.size, last)
        row, gradient, out = x[i:end], gy[i:end], gx[i:end]
        for c in range(row.size):
            g, centred = gradient[c], row[c] - mean[c]
            v = centred * scale[c] + bias[c]
            g = g if is_free | ((v > low) & (v < high)) else g - g
            out[c] = scale[c] * (g - constant[c] - centred * slope[c])


# What the passes share


@subroutine
def _range(part: int, parts: int, size: int, channels: int) -> tuple[int, int]:
    """The numbers that are one part's, whole pixels"""
    pixels = size // channels
    return pixels * part // parts * channels, pixels * (part + 1) // parts * channels


def _parts(x: Array) -> int:
    return get_num_threads() if x.size > _SMALL else 1


def _serves(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, residual: Array | None
) -> bool:
    """One mean, weight and bias per channel, and a residual of x's own shape?"""
    per_row = all(p is None or p.shape == _row_shape(x)[1:] for p in (weight, bias))
    same = residual is None or residual.shape == x.shape
    return x.size > 0 and axes == (0, *range(2, x.ndim)) and per_row and same


def _row_shape(x: Array) -> tuple[int, ...]:
    """(1, C, 1, 1) for (N, C, H, W)"""
    return (1, x.shape[1]) + (1,) * (x.ndim - 2)


def _flat(x: Array) -> Array:
    """(N, C, H, W) -> (N*H*W*C,); without a copy where x is channels-last"""
    return plain(x.transpose(0, *range(2, x.ndim), 1)).reshape(-1)


def _image(flat: Array, x: Array) -> Array:
    """(N*H*W*C,) -> x's shape (N, C, H, W), channels-last in memory"""
    pixels = flat.reshape(x.shape[0], *x.shape[2:], x.shape[1])
    return pixels.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _affine(
    x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float
) -> Array:
    """mean, scale and bias of every number of a stretch: (3, length)"""
    affine = np.zeros((3, x.shape[1]), x.dtype)
    affine[0] = mean.reshape(-1)
    affine[1] = 1 / np.sqrt(var.reshape(-1) + eps)
    if weight is not None:
        affine[1] *= weight.reshape(-1)
    if bias is not None:
        affine[2] = bias.reshape(-1)
    return _repeated(affine, x.size)


def _repeated(per_channel: Array, size: int) -> Array:
    """(..., C) -> (..., length) for stretches of whole pixels, none longer than all of x"""
    *rest, channels = per_channel.shape
    times = min(-(-_STRETCH // channels), size // channels)
    stretch = np.empty((*rest, times, channels), per_channel.dtype)
    stretch[...] = per_channel[..., None, :]
    return stretch.reshape(*rest, -1)


def _per_channel(sums: Array, channels: int) -> Array:
    """Sums of each part, (parts, 2, length), added up: (2, C)"""
    return sums.sum(0).reshape(2, -1, channels).sum(1)


def _ends(limits: Limits, x: Array) -> tuple[Any, Any]:
    """Both limits in x's dtype, in which the loops compare"""
    low, high = (-np.inf, np.inf) if limits is None else limits
    return x.dtype.type(low), x.dtype.type(high)
