"""The product of matrices, as the convolutions compute it: y[i,j] = sum over k of a[i,k] b[k,j].

NumPy's products have threads of their own, which go on waiting for work, and so take the cores from
Numba's for some milliseconds. Therefore large products are made here, by what is there already:

    a @ b     with the rows of a in memory order      `convolve`: a 1x1 convolution of i pixels
    a^T @ b   with the rows of a and b in that order   `weight_grad` of a 1x1 convolution
    one row   a                                        `times_vector`
    few rows  a, much larger b                         as (b^T a^T)^T: b is read where it is, once
    many      a and b                                  `batched`: one launch

Small products stay with NumPy, which makes them on one thread.
"""

from math import prod
from typing import Any

import numpy as np

from minicnn.kernels.reference import product as reference

from .bands import Windows
from .batched import products
from .compiled import overlays, plain
from .convolve import Target, convolve
from .one_row import times_vector
from .panels import packed
from .weight_grad import weight_grad

Array = Any

_SMALL = 1 << 18  # multiply-adds; from here on OpenBLAS would wake its threads
_LARGE = 1 << 20  # multiply-adds in all of many products; from here on two threads pay
_FEW = 16  # rows for which packing b would cost more than the product


@overlays(reference.matmul)
def matmul(a: Array, b: Array) -> Array:
    """y[...,i,j] = sum over k of a[...,i,k] b[...,k,j]; leading axes broadcast"""
    if a.ndim == 1:
        return matmul(a[None], b)[..., 0, :]
    (m, k), n = a.shape[-2:], b.shape[-1]
    work = m * k * n
    if a.ndim == b.ndim == 2:
        return _product(a, b) if work > _SMALL else a @ b
    if b.ndim == 2 and a.size:  # one b for all: one product of more rows
        return matmul(a.reshape(-1, k), b).reshape(*a.shape[:-1], n)
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    in_all = prod(leading) * work
    if in_all and (work > _SMALL or (in_all > _LARGE and m >= _FEW)):
        return products(a, b, leading)
    return a @ b


def _product(a: Array, b: Array) -> Array:
    (m, k), n = a.shape, b.shape[1]
    if not a.flags.c_contiguous and a.T.flags.c_contiguous and b.flags.c_contiguous:
        x, gy = a.T.reshape(1, k, 1, m), b.reshape(1, k, 1, n)
        return weight_grad(gy, x, _pixels(k), 1).reshape(m, n)
    if m == 1 and n > _FEW and b.T.flags.c_contiguous:
        return times_vector(b.T, plain(a[0]))[None]
    if m <= _FEW < n and b.T.flags.c_contiguous:
        return _rows_times(b.T, a.T).T
    return _rows_times(plain(a), b)


def _rows_times(a: Array, b: Array) -> Array:
    (m, k), n = a.shape, b.shape[1]
    y = np.empty((m, n), a.dtype)
    panels = packed(b.T[:, :, None, None], ((0, 1, 1), (0, 1, 1)), 1, m, False)
    x, target = a.reshape(1, m, 1, k), Target(0, m * n, n, n)
    convolve(x, panels, None, _pixels(m), y.reshape(-1), target)
    return y


def _pixels(count: int) -> Windows:
    return Windows(1, 1, 1, 1, 0, 0, count, 1, 1, 1)
