"""Softmax and its relatives along rows, and sums over pixels.

    softmax         y[r,i] = e^(x[r,i] - top[r]) / sum_j e^(x[r,j] - top[r])
    cross-entropy   l[r] = top[r] + ln sum_j e^(x[r,j] - top[r]) - x[r, label[r]]

Loop order rows, columns: each row is gone through a few times while it is in the fastest cache, and
each thread has rows of its own. Softmax along another axis than the last is left to `reference`.

    sum             y[a,c] = sum_p x[a,p,c]

A channels-last image batch is such an x: a = image, p = pixel, c = channel (or, over all images,
one a only). Loop order p, c is that of memory. Few channels are too short a row, so several pixels
count as one row of at least WIDE numbers, with a sum for each place in it. The sums over RUN rows
are added in float64, which keeps seven digits for any number of pixels. Other sums are left to
`reference`.
"""

from math import prod
from typing import Any

import numpy as np

from minicnn.kernels.reference import reduction as reference
from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel, overlays, plain
from .scalar import exp, inlined, largest, like, reordered

Array = Any
SMALL = 4096  # numbers; fewer are done by `reference` before threads have started
WIDE, RUN = 256, 64
MANY, FAST = 64, 2**18  # with MANY channels NumPy is fast too, up to FAST numbers


# Rows


@reordered
def _total(row: Array) -> Any:
    total = like(0, row[0])
    for i in range(len(row)):
        total += row[i]
    return total


@reordered
def _product(a: Array, b: Array) -> Any:
    total = like(0, a[0])
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@inlined
def _exponentials(x: Array, y: Array) -> tuple[Any, Any]:
    """y[i] = e^(x[i] - top); returns top and the sum of y"""
    top = largest(x)
    for i in range(len(x)):
        y[i] = exp(x[i] - top)
    return top, _total(y)


@inlined
def _softmax(x: Array, y: Array) -> None:
    _, total = _exponentials(x, y)
    for i in range(len(y)):
        y[i] /= total


def _rows(x: Array, axis: int) -> bool:
    """Is ``axis`` the last one, and is x large enough?"""
    return axis % max(x.ndim, 1) == x.ndim - 1 and x.size >= SMALL


def _table(x: Array) -> Array:
    """(..., C) -> (rows, C)"""
    return plain(x).reshape(-1, x.shape[-1])


@overlays(reference.softmax)
def softmax(x: Array, axis: int) -> Array:
    """y[i] = e^x[i] / sum_j e^x[j] along ``axis``"""
    if not _rows(x, axis):
        return reference.softmax(x, axis)
    y = np.empty(x.shape, x.dtype)
    _softmax_rows(get_num_threads(), _table(x), _table(y))
    return y


@compiled_parallel
def _softmax_rows(part: int, parts: int, x: Array, y: Array) -> None:
    rows = len(x)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        _softmax(x[r], y[r])


@overlays(reference.softmax_grad)
def softmax_grad(gy: Array, x: Array, axis: int) -> Array:
    """gx[i] = y[i] (gy[i] - sum_j gy[j] y[j]) along ``axis``, y = softmax(x)"""
    if not _rows(x, axis):
        return reference.softmax_grad(gy, x, axis)
    gx = np.empty(x.shape, x.dtype)
    _softmax_grad_rows(get_num_threads(), _table(gy), _table(x), _table(gx))
    return gx


@compiled_parallel
def _softmax_grad_rows(part: int, parts: int, gy: Array, x: Array, gx: Array) -> None:
    rows = len(x)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        g, y = gy[r], gx[r]
        _softmax(x[r], y)
        mean = _product(g, y)
        for i in range(len(y)):
            y[i] *= g[i] - mean


@overlays(reference.log_softmax)
def log_softmax(x: Array, axis: int) -> Array:
    """y[i] = x[i] - ln sum_j e^x[j] along ``axis``"""
    if not _rows(x, axis):
        return reference.log_softmax(x, axis)
    y = np.empty(x.shape, x.dtype)
    _log_softmax_rows(get_num_threads(), _table(x), _table(y))
    return y


@compiled_parallel
def _log_softmax_rows(part: int, parts: int, x: Array, y: Array) -> None:
    rows = len(x)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        scores, out = x[r], y[r]
        top, total = _exponentials(scores, out)
        log_total = np.log(total)
        for i in range(len(out)):
            out[i] = scores[i] - top - log_total


@overlays(reference.cross_entropy)
def cross_entropy(x: Array, labels: Array) -> Array:
    """l = -1/N sum_n ln softmax(x[n])[labels[n]]; x (N, C), labels (N,) -> a single number"""
    if x.size < SMALL:
        return reference.cross_entropy(x, labels)
    parts, losses = get_num_threads(), np.empty(len(x), x.dtype)
    scratch = np.empty((parts, x.shape[1]), x.dtype)
    _cross_entropy_rows(parts, plain(x), plain(labels.astype(np.int64)), scratch, losses)
    return losses.mean(dtype=np.float64).astype(x.dtype)


@compiled_parallel
def _cross_entropy_rows(
    part: int, parts: int, x: Array, labels: Array, scratch: Array, losses: Array
) -> None:
    rows = len(x)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        top, total = _exponentials(x[r], scratch[part])
        losses[r] = np.log(total) - (x[r, labels[r]] - top)


@overlays(reference.cross_entropy_grad)
def cross_entropy_grad(gy: Array, x: Array, labels: Array) -> Array:
    """gx[n,c] = gy/N (softmax(x[n])[c] - [c = labels[n]])"""
    if x.size < SMALL:
        return reference.cross_entropy_grad(gy, x, labels)
    gx, scale = np.empty(x.shape, x.dtype), x.dtype.type(gy / len(x))
    labels = plain(labels.astype(np.int64))
    _cross_entropy_grad_rows(get_num_threads(), scale, plain(x), labels, gx)
    return gx


@compiled_parallel
def _cross_entropy_grad_rows(
    part: int, parts: int, scale: Any, x: Array, labels: Array, gx: Array
) -> None:
    rows = len(x)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        out = gx[r]
        _softmax(x[r], out)
        out[labels[r]] -= like(1, scale)
        for i in range(len(out)):
            out[i] *= scale


# Pixels


@overlays(reference.sum)
def sum(x: Array, axes: tuple[int, ...]) -> Array:
    """y = sum of x over ``axes``, which stay with length 1"""
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    kept = [axis for axis in order if axis not in axes]
    c = x.shape[order[-1]] if order else 0
    images = kept[:-1]
    least = SMALL if c < MANY else FAST
    if x.size < least or order[-1] in axes or order[: len(images)] != images:
        return reference.sum(x, axes)
    a, y_shape = prod(x.shape[i] for i in images), [x.shape[i] for i in kept]
    pixels = plain(x.transpose(order)).reshape(a, -1, c)
    y = _sum_pixels(pixels).astype(x.dtype).reshape(y_shape)
    back = np.expand_dims(y, tuple(range(len(kept), x.ndim)))
    return back.transpose(np.argsort(kept + [axis for axis in order if axis in axes]))


def _sum_pixels(x: Array) -> Array:
    """(a, p, c) -> (a, c) in float64"""
    a, p, c = x.shape
    group = next(k for k in range(max(1, WIDE // c), 0, -1) if p % k == 0)
    rows = x.reshape(a * p // group, group * c)
    pieces = a if a > 1 else get_num_threads()  # no piece has pixels of two images
    sums = np.zeros((pieces, group * c))
    _sum_rows(pieces, rows, sums, np.empty((pieces, group * c), x.dtype))
    sums = sums.reshape(pieces, group, c).sum(1)
    return sums if a > 1 else sums.sum(0, keepdims=True)


@compiled_parallel
def _sum_rows(piece: int, pieces: int, x: Array, sums: Array, scratch: Array) -> None:
    rows = len(x)
    total, run = sums[piece], scratch[piece]
    last = rows * (piece + 1) // pieces
    for start in range(rows * piece // pieces, last, RUN):
        run[:] = 0
        for r in range(start, min(start + RUN, last)):
            row = x[r]
            for c in range(len(run)):
                run[c] += row[c]
        for c in range(len(run)):
            total[c] += run[c]
