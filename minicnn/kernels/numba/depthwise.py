"""Depthwise convolution: every output channel o is made from one channel of x alone.

    y[n,o,i,j] = sum over u,v of  x[n, o//m, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,0,u,v]

With m > 1 filters per channel, every channel of x is first repeated m times, so that output
channel o simply reads channel o.

Loop order n, i, u, v, j, c: one row of output pixels collects its kh*kw taps. The row of y and the
row of x it reads stay in the fastest cache meanwhile, and the innermost loops run along memory.
The weight's gradient keeps a tap fixed for a whole image instead (n, u, v, i, j, c), because its
result is one number per tap and channel.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import depthwise as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size, pad_nhwc

from .compiled import compiled, overlays, plain

Array = Any


@overlays(reference.depthwise_conv2d)
def depthwise_conv2d(
    x: Array, weight: Array, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """y[n,o,i,j] = sum over u,v of x[n, o//m, i*sh + u*dh - top, j*sw + v*dw - left] w[o,0,u,v]"""
    (n, _, h, w), (o, _, kh, kw) = x.shape, weight.shape
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    y = np.zeros((n, oh, ow, o), x.dtype)
    _correlate(_repeated(x, o, padding), _taps(weight), y, stride, dilation)
    return y.transpose(0, 3, 1, 2)


@compiled
def _correlate(x: Array, taps: Array, y: Array, stride: Pair, dilation: Pair) -> None:
    (n, oh, ow, c), (kh, kw, _) = y.shape, taps.shape
    (sh, sw), (dh, dw) = stride, dilation
    for b in range(n):
        for i in range(oh):
            for u in range(kh):
                for v in range(kw):
                    for j in range(ow):
                        for k in range(c):
                            pixel = x[b, i * sh + u * dh, j * sw + v * dw, k]
                            y[b, i, j, k] += pixel * taps[u, v, k]


@overlays(reference.depthwise_conv2d_input_grad)
def depthwise_conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum over k and all i,j,u,v that met (p,q) of gy[n,c*m+k,i,j] w[c*m+k,u,v]"""
    (n, c, h, w), o = x_shape, gy.shape[1]
    (top, bottom), (left, right) = padding
    gx = np.zeros((n, h + top + bottom, w + left + right, o), gy.dtype)
    _spread(plain(gy.transpose(0, 2, 3, 1)), _taps(weight), gx, stride, dilation)
    gx = gx[:, top : top + h, left : left + w]
    if o != c:
        gx = gx.reshape(n, h, w, c, o // c).sum(-1)
    return gx.transpose(0, 3, 1, 2)


@compiled
def _spread(gy: Array, taps: Array, gx: Array, stride: Pair, dilation: Pair) -> None:
    (n, oh, ow, c), (kh, kw, _) = gy.shape, taps.shape
    (sh, sw), (dh, dw) = stride, dilation
    for b in range(n):
        for i in range(oh):
            for u in range(kh):
                for v in range(kw):
                    for j in range(ow):
                        for k in range(c):
                            part = gy[b, i, j, k] * taps[u, v, k]
                            gx[b, i * sh + u * dh, j * sw + v * dw, k] += part


@overlays(reference.depthwise_conv2d_weight_grad)
def depthwise_conv2d_weight_grad(
    gy: Array, x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gw[o,u,v] = sum over n,i,j of gy[n,o,i,j] * (the x that met w[o,u,v] there), in float64"""
    o, _, kh, kw = weight_shape
    gw = np.zeros((kh, kw, o))
    rows = plain(gy.transpose(0, 2, 3, 1))
    _correlate_images(rows, _repeated(x, o, padding), gw, stride, dilation)
    return gw.transpose(2, 0, 1).reshape(weight_shape).astype(x.dtype)


@compiled
def _correlate_images(gy: Array, x: Array, gw: Array, stride: Pair, dilation: Pair) -> None:
    (n, oh, ow, c), (kh, kw, _) = gy.shape, gw.shape
    (sh, sw), (dh, dw) = stride, dilation
    for b in range(n):
        for u in range(kh):
            for v in range(kw):
                for i in range(oh):
                    for j in range(ow):
                        for k in range(c):
                            pixel = x[b, i * sh + u * dh, j * sw + v * dw, k]
                            gw[u, v, k] += gy[b, i, j, k] * pixel


def _repeated(x: Array, channels: int, padding: Padding) -> Array:
    """x as padded (N, H, W, O), each channel as often as it has filters."""
    padded = pad_nhwc(x, padding)
    filters = channels // x.shape[1]
    return plain(padded if filters == 1 else np.repeat(padded, filters, 3))


def _taps(weight: Array) -> Array:
    """(O, 1, kh, kw) -> (kh, kw, O)"""
    return plain(weight[:, 0].transpose(1, 2, 0))
