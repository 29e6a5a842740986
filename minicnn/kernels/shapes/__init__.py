"""Kernels for `ShapeArray`s: the sizes that the others give, without the arithmetic.

Only those stand here that do more than NumPy's elementwise functions, sums and products of
matrices; a ShapeArray answers these by itself.
"""

from typing import Any

import numpy as np

from ..reference.conv import Padding, Pair, out_size
from ..shape_array import shape_only

__all__ = [
    "conv2d", "conv2d_input_grad", "depthwise_conv2d", "erf", "max_pool2d", "sum_pool2d", "where",
]  # fmt: skip

Array = Any


def conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Array:  # fmt: skip
    return _windows(x, weight.shape[0], weight.shape[2:], stride, padding, dilation)


def conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    return shape_only(x_shape, gy.dtype)


def depthwise_conv2d(
    x: Array, weight: Array, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    return _windows(x, weight.shape[0], weight.shape[2:], stride, padding, dilation)


def erf(x: Array) -> Array:
    return x


def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array]:
    y = _windows(x, x.shape[1], kernel, stride, padding, dilation)
    return y, y.astype(int)


def sum_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> Array:
    return _windows(x, x.shape[1], kernel, stride, padding, (1, 1))


def where(mask: Array, a: Array, b: Array) -> Array:
    return shape_only(np.broadcast_shapes(mask.shape, a.shape, b.shape), a.dtype)


def _windows(
    x: Array, channels: int, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """(N, C, H, W) -> (N, channels, H', W')"""
    size = [
        out_size(x.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i]) for i in range(2)
    ]
    return shape_only((x.shape[0], channels, *size), x.dtype)
