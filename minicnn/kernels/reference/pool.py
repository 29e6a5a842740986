"""Pooling. Windows are (kh, kw); ``padding`` is ((top, bottom), (left, right)).

The bottom and right padding are whatever the asked output size needs, so that `ceil_mode` is no
special case here. Memory is channels-last.
"""

from typing import Any

import numpy as np

from .. import array_module
from .conv import Padding, Pair, out_size, pad_nhwc, tap

Array = Any


def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array]:
    """y[n,c,i,j] = max over u,v of x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], and which

    The second array holds the winner's number u*kw + v in its window, in one byte where that
    suffices. Of equal values the first in reading order wins, and a NaN wins over all.
    """
    (n, c, h, w), (kh, kw) = x.shape, kernel
    xp = array_module(x)
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    padded = _surround(x, padding, -np.inf)
    p, q = xp.arange(oh) * stride[0] - padding[0][0], xp.arange(ow) * stride[1] - padding[1][0]
    winner = xp.empty((n, oh, ow, c), np.uint8 if kh * kw <= 256 else np.int64)
    # Where a window holds nothing but -inf, its first real pixel is the winner.
    first = np.maximum(0, -(p // dilation[0]))[:, None] * kw + np.maximum(0, -(q // dilation[1]))
    winner[:] = first[:, :, None]
    best = xp.full((n, oh, ow, c), -np.inf, x.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            value = padded[:, rows, cols]
            better = (value > best) | np.isnan(value)
            best = np.where(better, value, best)
            winner[better] = u * kw + v
    return best.transpose(0, 3, 1, 2), winner.transpose(0, 3, 1, 2)


def take_pixels(
    x: Array, winner: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """y[n,c,i,j] = the pixel of x[n,c] that is number ``winner[n,c,i,j]`` of window (i, j)"""
    n, c, h, w = x.shape
    place = _places(winner, w, kernel, stride, padding, dilation)
    flat = place.reshape(n, c, place.shape[2] * place.shape[3])  # not -1: n may be 0
    return np.take_along_axis(x.reshape(n, c, h * w), flat, 2).reshape(place.shape)


def put_pixels(
    gy: Array, winner: Array, x_shape: tuple[int, ...], kernel: Pair, stride: Pair,
    padding: Padding, dilation: Pair,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum of all gy[n,c,i,j] whose winner is (p, q); the adjoint of take_pixels"""
    n, c, h, w = x_shape
    xp = array_module(gy)
    gx = xp.zeros(n * c * h * w, gy.dtype)
    plane = xp.arange(n * c).reshape(n, c, 1, 1) * (h * w)
    place = plane + _places(winner, w, kernel, stride, padding, dilation)
    xp.add.at(gx, place.reshape(-1), gy.reshape(-1))
    return gx.reshape(x_shape)


def _places(
    winner: Array, w: int, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The place p*w + q in the image of each window's winner."""
    (_, _, oh, ow), xp = winner.shape, array_module(winner)
    u, v = np.divmod(winner.astype(np.int64), kernel[1])
    p = xp.arange(oh)[:, None] * stride[0] - padding[0][0] + u * dilation[0]
    return p * w + xp.arange(ow) * stride[1] - padding[1][0] + v * dilation[1]


def sum_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    """y[n,c,i,j] = sum over u,v of x[n, c, i*sh + u - top, j*sw + v - left], zero outside x"""
    (n, c, h, w), (kh, kw) = x.shape, kernel
    oh = out_size(h, kh, stride[0], padding[0], 1)
    ow = out_size(w, kw, stride[1], padding[1], 1)
    padded = pad_nhwc(x, padding)
    y = array_module(x).zeros((n, oh, ow, c), x.dtype)
    for u in range(kh):
        for v in range(kw):
            y += padded[:, tap(u, oh, stride[0], 1), tap(v, ow, stride[1], 1)]
    return y.transpose(0, 3, 1, 2)


def sum_pool2d_input_grad(
    gy: Array, x_shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Padding
) -> Array:
    """gx[n,c,p,q] = sum of gy over all windows that contain (p, q); the adjoint of sum_pool2d"""
    (n, c, h, w), (kh, kw), (oh, ow) = x_shape, kernel, gy.shape[2:]
    (top, bottom), (left, right) = padding
    gx = array_module(gy).zeros((n, h + top + bottom, w + left + right, c), gy.dtype)
    for u in range(kh):
        for v in range(kw):
            gx[:, tap(u, oh, stride[0], 1), tap(v, ow, stride[1], 1)] += gy.transpose(0, 2, 3, 1)
    return gx[:, top : top + h, left : left + w].transpose(0, 3, 1, 2)


def _surround(x: Array, padding: Padding, value: float) -> Array:
    """x as (N, H, W, C) inside a border of ``value``."""
    (top, bottom), (left, right) = padding
    n, c, h, w = x.shape
    padded = array_module(x).full((n, h + top + bottom, w + left + right, c), value, x.dtype)
    padded[:, top : top + h, left : left + w] = x.transpose(0, 2, 3, 1)
    return padded
