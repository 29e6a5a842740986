"""Depthwise convolution: every input channel has its own m filters and meets no other channel.

    y[n, c*m + k, i, j] = sum over u,v of  x[n, c, i*sh + u*dh - top, j*sw + v*dw - left]
                                           * w[c*m + k, 0, u, v]

There is nothing to sum over but the kh*kw taps, so each tap is one multiply-add of whole images.
Memory is channels-last, as in `conv`.
"""

from typing import Any

import numpy as np

from .. import array_module, kernels_for
from .conv import Padding, Pair, limited, out_size, pad_nhwc, tap

Array = Any


def depthwise_conv2d(
    x: Array, weight: Array, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """y += (x shifted by u,v) * w[:, u, v], for each tap u,v"""
    (n, c, h, w), (o, _, kh, kw) = x.shape, weight.shape
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    padded, filters = pad_nhwc(x, padding), weight.reshape(c, o // c, kh, kw)
    y = array_module(x).zeros((n, oh, ow, c, o // c), x.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            y += padded[:, rows, cols, :, None] * filters[:, :, u, v]
    return y.reshape(n, oh, ow, o).transpose(0, 3, 1, 2)


def depthwise_conv2d_limited(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    residual: Array | None, limits: tuple[float, float] | None, memory: dict[str, Any],
) -> Array:  # fmt: skip
    """depthwise_conv2d + bias + residual, limited to [low, high]; see conv2d_limited"""
    y = kernels_for(x).depthwise_conv2d(x, weight, stride, padding, dilation)
    return limited(y if bias is None else y + bias[:, None, None], residual, limits)


def depthwise_conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum over k and all i,j,u,v that met (p,q) of gy[n,c*m+k,i,j] w[c*m+k,u,v]"""
    n, c, h, w = x_shape
    _, o, oh, ow = gy.shape
    kh, kw = weight.shape[2:]
    (top, bottom), (left, right) = padding
    rows_of = gy.transpose(0, 2, 3, 1).reshape(n, oh, ow, c, o // c)
    filters = weight.reshape(c, o // c, kh, kw)
    gx = array_module(gy).zeros((n, h + top + bottom, w + left + right, c), gy.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            gx[:, rows, cols] += (rows_of * filters[:, :, u, v]).sum(-1)
    return gx[:, top : top + h, left : left + w].transpose(0, 3, 1, 2)


def depthwise_conv2d_weight_grad(
    gy: Array, x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gw[c*m+k,u,v] = sum over n,i,j of gy[n,c*m+k,i,j] * (the x that met w[c*m+k,u,v] there)"""
    (n, o, oh, ow), c = gy.shape, x.shape[1]
    _, _, kh, kw = weight_shape
    padded = pad_nhwc(x, padding)
    rows_of = gy.transpose(0, 2, 3, 1).reshape(n, oh, ow, c, o // c)
    gw = array_module(gy).empty((c, o // c, kh, kw), gy.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            products = padded[:, rows, cols, :, None] * rows_of
            gw[:, :, u, v] = products.sum((0, 1, 2), dtype=np.float64)
    return gw.reshape(weight_shape)
