"""Pooling: y[n,c,i,j] = max (or sum) over u,v of x[n, c, i*sh + u*dh - top, j*sw + v*dw - left].

Max pooling loops n, i, j, u, v, c: the winners of one window stay in the fastest cache while its
pixels pass by, and the innermost loop compares several channels at once. It computes both
outcomes and selects, because a branch per number would forbid that.
Sum pooling is a depthwise convolution with ones and has its order, n, i, u, v, j, c.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import pool as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size, pad_nhwc

from .compiled import compiled, compiled_checked, overlays, plain

Array = Any


@overlays(reference.max_pool2d)
def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array]:
    """y[n,c,i,j] = max over u,v of x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], and where

    The second array holds the winner's place p*W + q in the image; of equal values the first in
    reading order wins, and a NaN wins over all.
    """
    (n, c, h, w), (kh, kw) = x.shape, kernel
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    best, place = np.empty((n, oh, ow, c), x.dtype), np.empty((n, oh, ow, c), np.int64)
    corner = (padding[0][0], padding[1][0])
    _maxima(plain(x.transpose(0, 2, 3, 1)), best, place, kernel, stride, corner, dilation)
    return best.transpose(0, 3, 1, 2), place.transpose(0, 3, 1, 2)


@compiled
def _maxima(
    x: Array, best: Array, place: Array, kernel: Pair, stride: Pair, corner: Pair, dilation: Pair
) -> None:
    (n, oh, ow, c), (_, h, w, _) = best.shape, x.shape
    (kh, kw), (sh, sw), (top, left), (dh, dw) = kernel, stride, corner, dilation
    for b in range(n):
        for i in range(oh):
            for j in range(ow):
                p, q = i * sh - top, j * sw - left
                # Where a window holds nothing but -inf, its first real pixel is the winner.
                best[b, i, j] = -np.inf
                place[b, i, j] = _first_inside(p, dh) * w + _first_inside(q, dw)
                for u in range(kh):
                    for v in range(kw):
                        row, col = p + u * dh, q + v * dw
                        if 0 <= row < h and 0 <= col < w:
                            for k in range(c):
                                value = x[b, row, col, k]
                                old, there = best[b, i, j, k], place[b, i, j, k]
                                better = value > old or value != value  # NaN is not itself
                                best[b, i, j, k] = value if better else old
                                place[b, i, j, k] = row * w + col if better else there


@compiled
def _first_inside(p: int, dilation: int) -> int:
    """The first of p, p + dilation, p + 2*dilation, ... that is not negative."""
    return p + max(0, -(p // dilation)) * dilation


@overlays(reference.put_pixels)
def put_pixels(gy: Array, place: Array, x_shape: tuple[int, ...]) -> Array:
    """gx[n,c,p] = sum of all gy[n,c,i,j] with place[n,c,i,j] = p; the adjoint of take_pixels

    Raises IndexError for a place outside the image.
    """
    n, c, h, w = x_shape
    gx = np.zeros((n, h * w, c), gy.dtype)
    where = plain(place.astype(np.int64, copy=False).transpose(0, 2, 3, 1))
    _put(plain(gy.transpose(0, 2, 3, 1)), where, gx)
    return gx.reshape(n, h, w, c).transpose(0, 3, 1, 2)


@compiled_checked
def _put(gy: Array, place: Array, gx: Array) -> None:
    n, oh, ow, c = gy.shape
    for b in range(n):
        for i in range(oh):
            for j in range(ow):
                for k in range(c):
                    gx[b, place[b, i, j, k], k] += gy[b, i, j, k]


@overlays(reference.sum_pool2d)
def sum_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    """y[n,c,i,j] = sum over u,v of x[n, c, i*sh + u - top, j*sw + v - left], zero outside x"""
    (n, c, h, w), (kh, kw) = x.shape, kernel
    oh = out_size(h, kh, stride[0], padding[0], 1)
    ow = out_size(w, kw, stride[1], padding[1], 1)
    y = np.zeros((n, oh, ow, c), x.dtype)
    _sums(plain(pad_nhwc(x, padding)), y, kernel, stride)
    return y.transpose(0, 3, 1, 2)


@compiled
def _sums(x: Array, y: Array, kernel: Pair, stride: Pair) -> None:
    n, oh, ow, c = y.shape
    (kh, kw), (sh, sw) = kernel, stride
    for b in range(n):
        for i in range(oh):
            for u in range(kh):
                for v in range(kw):
                    for j in range(ow):
                        for k in range(c):
                            y[b, i, j, k] += x[b, i * sh + u, j * sw + v, k]


@overlays(reference.sum_pool2d_input_grad)
def sum_pool2d_input_grad(
    gy: Array, x_shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Padding
) -> Array:
    """gx[n,c,p,q] = sum of gy over all windows that contain (p, q); the adjoint of sum_pool2d"""
    n, c, h, w = x_shape
    (top, bottom), (left, right) = padding
    gx = np.zeros((n, h + top + bottom, w + left + right, c), gy.dtype)
    _spread(plain(gy.transpose(0, 2, 3, 1)), gx, kernel, stride)
    return gx[:, top : top + h, left : left + w].transpose(0, 3, 1, 2)


@compiled
def _spread(gy: Array, gx: Array, kernel: Pair, stride: Pair) -> None:
    n, oh, ow, c = gy.shape
    (kh, kw), (sh, sw) = kernel, stride
    for b in range(n):
        for i in range(oh):
            for u in range(kh):
                for v in range(kw):
                    for j in range(ow):
                        for k in range(c):
                            gx[b, i * sh + u, j * sw + v, k] += gy[b, i, j, k]
