"""im2col and its adjoint col2im: copying windows to rows, and adding the rows back.

    columns[n,i,j,u,v,c] = x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], zero outside x

Loop order n, i, j, u, v, c: that of `columns` in memory, which is kh*kw times larger than x and
is passed over once from front to back, while the few image rows in use stay in the cache. The
innermost loop runs over channels, which lie side by side in both arrays, and moves several at once.
With one channel there is nothing to move at once, and `reference` is as fast.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import conv as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size, pad_nhwc

from .compiled import compiled, overlays, plain

Array = Any


@overlays(reference.im2col)
def im2col(x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """columns[n,i,j,u,v,c] = x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], zero outside x"""
    (n, c, h, w), (kh, kw) = x.shape, kernel
    if c == 1:
        return reference.im2col(x, kernel, stride, padding, dilation)
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    columns = np.empty((n, oh, ow, kh, kw, c), x.dtype)
    _copy_windows(plain(pad_nhwc(x, padding)), columns, stride, dilation)
    return columns


@compiled
def _copy_windows(x: Array, columns: Array, stride: Pair, dilation: Pair) -> None:
    n, oh, ow, kh, kw, c = columns.shape
    (sh, sw), (dh, dw) = stride, dilation
    for b in range(n):
        for i in range(oh):
            for j in range(ow):
                for u in range(kh):
                    for v in range(kw):
                        for k in range(c):
                            columns[b, i, j, u, v, k] = x[b, i * sh + u * dh, j * sw + v * dw, k]


@overlays(reference.col2im)
def col2im(
    columns: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The adjoint of im2col: x[n,c,p,q] = sum of all columns[n,i,j,u,v,c] taken from (p, q)"""
    n, c, h, w = x_shape
    if c == 1:
        return reference.col2im(columns, x_shape, stride, padding, dilation)
    (top, bottom), (left, right) = padding
    x = np.zeros((n, h + top + bottom, w + left + right, c), columns.dtype)
    _add_windows(plain(columns), x, stride, dilation)
    return x[:, top : top + h, left : left + w].transpose(0, 3, 1, 2)


@compiled
def _add_windows(columns: Array, x: Array, stride: Pair, dilation: Pair) -> None:
    n, oh, ow, kh, kw, c = columns.shape
    (sh, sw), (dh, dw) = stride, dilation
    for b in range(n):
        for i in range(oh):
            for j in range(ow):
                for u in range(kh):
                    for v in range(kw):
                        for k in range(c):
                            x[b, i * sh + u * dh, j * sw + v * dw, k] += columns[b, i, j, u, v, k]
