"""Pooling: y[n,c,i,j] = max (or sum) over u,v of x[n, c, i*sh + u*dh - top, j*sw + v*dw - left].

The threads share out rows of images, or whole images. In a row the loops run over pixels, then over
channels, which lie side by side in memory, so that one instruction serves several of them.

* Maximum: n, i, j, c, and innermost the pixels of the window. The best value and its number stay in
  registers meanwhile. For that the compiler must know how many pixels there are: it gets their
  distances as a tuple, and compiles anew for each length. Both outcomes of a comparison are there
  and one is selected, because a branch per number would forbid to treat several at once.
* Its gradient: n, i, j, c; each gy is added where its window's winner lies. Rows of gx are cleared
  just before the first window reaches them, and are still in the cache then.
* Sum: the kh rows of a row of windows are added first, then kw of these sums: kh + kw additions for
  each window in place of kh * kw. Its gradient goes the same way back.

A pixel of few channels would leave instructions half empty. So at least 16 numbers are computed
from each pixel on; those beyond its own channels are wrong, and are written over at the next pixel.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import pool as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size
from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel, overlays, plain, subroutine
from .parts import ALONE, share_out

Array = Any
Sizes = tuple[int, int, int, int, int]  # H, W, C, H', W'

AT_LEAST = 16  # numbers computed from each pixel on
UNROLLED = 9  # windows of more pixels are compared pixel by pixel


@overlays(reference.max_pool2d)
def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array]:
    """y[n,c,i,j] = max over u,v of x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], and which

    The second array holds the winner's number u*kw + v in its window, in one byte where that
    suffices. Of equal values the first in reading order wins, and a NaN wins over all.
    """
    (n, c, h, w), (kh, kw), (dh, dw) = x.shape, kernel, dilation
    oh = out_size(h, kh, stride[0], padding[0], dh)
    ow = out_size(w, kw, stride[1], padding[1], dw)
    if kh * kw > 256:
        return reference.max_pool2d(x, kernel, stride, padding, dilation)
    best, winner = np.empty((n, oh, ow, c), x.dtype), np.empty((n, oh, ow, c), np.uint8)
    away = tuple((u * dh * w + v * dw) * c for u in range(kh) for v in range(kw))
    away = away if len(away) <= UNROLLED else (0,)
    args = (
        _flat(x), best.reshape(-1), winner.reshape(-1), away, (h, w, c, oh, ow), kernel, stride,
        (padding[0][0], padding[1][0]), dilation,
    )  # fmt: skip
    share_out(_maxima, args, n * oh, x.size)
    return best.transpose(0, 3, 1, 2), winner.transpose(0, 3, 1, 2)


@compiled_parallel
def _maxima(
    part: int, parts: int, x: Array, best: Array, winner: Array, away: tuple[int, ...],
    sizes: Sizes, kernel: Pair, stride: Pair, corner: Pair, dilation: Pair, rows: int,
) -> None:  # fmt: skip
    first, last = rows * part // parts, rows * (part + 1) // parts
    (h, w, c, oh, ow), (kh, kw) = sizes, kernel
    down, right = dilation[0] * w * c, dilation[1] * c
    for r in range(first, last):
        p = r % oh * stride[0] - corner[0]
        u0, u1 = _inside(p, dilation[0], kh, h)
        for j in range(ow):
            q = j * stride[1] - corner[1]
            v0, v1 = _inside(q, dilation[1], kw, w)
            x0, y0 = ((r // oh * h + p) * w + q) * c, (r * ow + j) * c
            behind = len(x) - (x0 + (u1 - 1) * down + (v1 - 1) * right)
            numbers = min(max(c, AT_LEAST), last * ow * c - y0, behind)
            y, z = best[y0 : y0 + numbers], winner[y0 : y0 + numbers]
            if len(away) != kh * kw or u1 - u0 != kh or v1 - v0 != kw:
                _pixel_by_pixel(x, y, z, x0, (down, right), kw, (u0, u1), (v0, v1))
                continue
            for k in range(numbers):
                value, number = x[np.uint64(x0 + k)], np.int32(0)
                for t in range(len(away)):
                    new = x[np.uint64(x0 + away[t] + k)]
                    better = (new > value) | (new != new)  # NaN is not itself
                    value = new if better else value
                    number = np.int32(t) if better else number
                y[k], z[k] = value, number


@subroutine
def _pixel_by_pixel(
    x: Array, y: Array, z: Array, x0: int, steps: Pair, kw: int, rows: Pair, cols: Pair
) -> None:
    """The maxima of a window of which only these rows and columns lie in the image."""
    for u in range(rows[0], rows[1]):
        for v in range(cols[0], cols[1]):
            start, number = x0 + u * steps[0] + v * steps[1], np.uint8(u * kw + v)
            for k in range(len(y)):
                new, value, old = x[np.uint64(start + k)], y[k], z[k]
                # Where a window holds nothing but -inf, its first real pixel is the winner.
                better = (u == rows[0] and v == cols[0]) | (new > value) | (new != new)
                y[k] = new if better else value
                z[k] = number if better else old


@subroutine
def _inside(start: int, step: int, taps: int, size: int) -> Pair:
    """The range of those of start, start + step, ..., `taps` of them, that lie in [0, size)."""
    return max(0, -(start // step)), min(taps, (size - 1 - start) // step + 1)


@overlays(reference.put_pixels)
def put_pixels(
    gy: Array, winner: Array, x_shape: tuple[int, ...], kernel: Pair, stride: Pair,
    padding: Padding, dilation: Pair,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum of all gy[n,c,i,j] whose winner is (p, q); the adjoint of take_pixels

    Raises IndexError for a winner outside the window or the image.
    """
    if kernel[0] * kernel[1] > 256:
        return reference.put_pixels(gy, winner, x_shape, kernel, stride, padding, dilation)
    (n, c, h, w), (oh, ow), parts = x_shape, gy.shape[2:], get_num_threads()
    numbers = plain(winner.astype(np.uint8, copy=False).transpose(0, 2, 3, 1))
    gx, wrong = np.empty((n, h, w, c), gy.dtype), np.zeros(n * parts, np.int64)
    blocks = 1 if n >= parts or gx.size < ALONE else min(parts, max(1, c // AT_LEAST))
    args = (
        _flat(gy), numbers.reshape(-1), gx.reshape(-1), wrong, (h, w, c, oh, ow), kernel, stride,
        (padding[0][0], padding[1][0]), dilation, blocks,
    )  # fmt: skip
    share_out(_put, args, n * blocks, gx.size)
    if wrong.any():
        raise IndexError(f"put_pixels: winners must lie in the image, got {wrong.sum()} outside")
    return gx.transpose(0, 3, 1, 2)


@compiled_parallel
def _put(
    part: int, parts: int, gy: Array, winner: Array, gx: Array, wrong: Array, sizes: Sizes,
    kernel: Pair, stride: Pair, corner: Pair, dilation: Pair, blocks: int, units: int,
) -> None:  # fmt: skip
    first, last = units * part // parts, units * (part + 1) // parts
    """A unit of work is a block of channels of one image: no two threads write to one place."""
    (h, w, c, oh, ow), (kh, kw) = sizes, kernel
    away = np.zeros(256, np.int64)
    for t in range(kh * kw):
        away[t] = (t // kw * dilation[0] * w + t % kw * dilation[1]) * c
    for unit in range(first, last):
        b, k0 = unit // blocks, c * (unit % blocks) // blocks
        k1, clean = c * (unit % blocks + 1) // blocks, 0
        for i in range(oh):
            p = i * stride[0] - corner[0]
            u0, u1 = _inside(p, dilation[0], kh, h)
            reached = h if i == oh - 1 else min(h, p + (kh - 1) * dilation[0] + 1)
            _clear(gx, (b * h + clean) * w, (b * h + reached) * w, c, k0, k1)
            clean = max(clean, reached)
            for j in range(ow):
                q = j * stride[1] - corner[1]
                v0, v1 = _inside(q, dilation[1], kw, w)
                whole = u1 - u0 == kh and v1 - v0 == kw
                start, y0 = ((b * h + p) * w + q) * c, ((b * oh + i) * ow + j) * c
                for k in range(k0, k1):
                    t = winner[np.uint64(y0 + k)]
                    if t >= kh * kw or not (whole or (u0 <= t // kw < u1 and v0 <= t % kw < v1)):
                        wrong[unit] += 1
                        continue
                    gx[np.uint64(start + away[t] + k)] += gy[np.uint64(y0 + k)]


@subroutine
def _clear(gx: Array, first: int, last: int, c: int, k0: int, k1: int) -> None:
    """Zero the channels k0 ... k1 of the pixels first ... last."""
    if k1 - k0 == c:
        gx[first * c : last * c] = 0
    else:
        for pixel in range(first, last):
            gx[pixel * c + k0 : pixel * c + k1] = 0


@overlays(reference.sum_pool2d)
def sum_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    """y[n,c,i,j] = sum over u,v of x[n, c, i*sh + u - top, j*sw + v - left], zero outside x"""
    n, c, h, w = x.shape
    oh = out_size(h, kernel[0], stride[0], padding[0], 1)
    ow = out_size(w, kernel[1], stride[1], padding[1], 1)
    y, corner = np.empty((n, oh, ow, c), x.dtype), (padding[0][0], padding[1][0])
    args = (_flat(x), y.reshape(-1), (h, w, c, oh, ow), kernel, stride, corner)
    share_out(_sums, args, n * oh, x.size)
    return y.transpose(0, 3, 1, 2)


@compiled_parallel
def _sums(
    part: int, parts: int, x: Array, y: Array, sizes: Sizes, kernel: Pair, stride: Pair,
    corner: Pair, rows: int,
) -> None:  # fmt: skip
    first, last = rows * part // parts, rows * (part + 1) // parts
    h, w, c, oh, ow = sizes
    columns = np.zeros(w * c + AT_LEAST, x.dtype)
    for r in range(first, last):
        p = r % oh * stride[0] - corner[0]
        u0, u1 = _inside(p, 1, kernel[0], h)
        columns[:] = 0
        for u in range(u0, u1):
            _add_row(x, (r // oh * h + p + u) * w * c, columns, w * c)
        for j in range(ow):
            q = j * stride[1] - corner[1]
            v0, v1 = _inside(q, 1, kernel[1], w)
            y0 = (r * ow + j) * c
            numbers = min(max(c, AT_LEAST), last * ow * c - y0)
            _add_pixels(columns, q + v0, q + v1, c, y, y0, numbers)


@overlays(reference.sum_pool2d_input_grad)
def sum_pool2d_input_grad(
    gy: Array, x_shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Padding
) -> Array:
    """gx[n,c,p,q] = sum of gy over all windows that contain (p, q); the adjoint of sum_pool2d"""
    (n, c, h, w), (oh, ow) = x_shape, gy.shape[2:]
    gx, corner = np.empty((n, h, w, c), gy.dtype), (padding[0][0], padding[1][0])
    args = (_flat(gy), gx.reshape(-1), (h, w, c, oh, ow), kernel, stride, corner)
    share_out(_spread, args, n * h, gx.size)
    return gx.transpose(0, 3, 1, 2)


@compiled_parallel
def _spread(
    part: int, parts: int, gy: Array, gx: Array, sizes: Sizes, kernel: Pair, stride: Pair,
    corner: Pair, rows: int,
) -> None:  # fmt: skip
    first, last = rows * part // parts, rows * (part + 1) // parts
    h, w, c, oh, ow = sizes
    columns, over = np.zeros(ow * c + AT_LEAST, gy.dtype), np.empty((w, 2), np.int64)
    for q in range(w):
        over[q] = _windows_over(q + corner[1], kernel[1], stride[1], ow)
    for r in range(first, last):
        i0, i1 = _windows_over(r % h + corner[0], kernel[0], stride[0], oh)
        columns[:] = 0
        for i in range(i0, i1):
            _add_row(gy, (r // h * oh + i) * ow * c, columns, ow * c)
        for q in range(w):
            x0 = (r * w + q) * c
            numbers = min(max(c, AT_LEAST), last * w * c - x0)
            _add_pixels(columns, over[q, 0], over[q, 1], c, gx, x0, numbers)


@subroutine
def _windows_over(p: int, kernel: int, stride: int, count: int) -> Pair:
    """The range of the windows i with i * stride <= p < i * stride + kernel."""
    return max(0, (p - kernel) // stride + 1), min(count, p // stride + 1)


@subroutine
def _add_row(x: Array, start: int, columns: Array, numbers: int) -> None:
    for k in range(numbers):
        columns[k] += x[np.uint64(start + k)]


@subroutine
def _add_pixels(
    columns: Array, first: int, last: int, c: int, y: Array, y0: int, numbers: int
) -> None:
    """y[y0] and what follows = the sum of the pixels ``first`` ... ``last`` of c channels."""
    if first >= last:
        y[y0 : y0 + numbers] = 0
        return
    for k in range(numbers):
        y[np.uint64(y0 + k)] = columns[np.uint64(first * c + k)]
    for pixel in range(first + 1, last):
        for k in range(numbers):
            y[np.uint64(y0 + k)] += columns[np.uint64(pixel * c + k)]


def _flat(x: Array) -> Array:
    """(N, C, H, W) -> (N*H*W*C,); without a copy where x is channels-last"""
    return plain(x.transpose(0, 2, 3, 1)).reshape(-1)
