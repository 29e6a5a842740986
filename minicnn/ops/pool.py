"""Pooling. Max pooling copies pixels, average pooling is linear; both have exact adjoints."""

import math
from typing import Any

import numpy as np

from ..kernels import array_module, kernels_for
from ..tensor import Tensor, TensorLike, as_tensor, record
from .conv import Pair, Size, check_fits, pair
from .elementwise import mul
from .linear import matmul
from .reduce import max as max_over
from .reduce import mean
from .shape import concat, transpose

Padding = tuple[Pair, Pair]


def max_pool2d(
    x: TensorLike, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """y[n,c,i,j] = max over u,v of x[n, c, i*sh+u*dh-ph, j*sw+v*dw-pw];  gy goes to the winner

    (N, C, H, W) -> (N, C, H', W'), H' = (H + 2 ph - dh (kh - 1) - 1) / sh + 1, rounded down, or up
    with ``ceil_mode``. Of equal values the first in reading order wins. Stride None: kernel_size.
    """
    x = _images("max_pool2d", x)
    kernel = pair("max_pool2d: kernel_size", kernel_size, 1)
    d = pair("max_pool2d: dilation", dilation, 1)
    window = (d[0] * (kernel[0] - 1) + 1, d[1] * (kernel[1] - 1) + 1)
    s, p = _windows("max_pool2d", x, window, kernel, stride, padding, ceil_mode)
    if d != (1, 1):
        _check_taps(x, kernel, s, p, d)
    y, winner = kernels_for(x.data).max_pool2d(x.data, kernel, s, p, d)
    shape = x.shape
    return record("max_pool2d", y, (x,), lambda gy: put_pixels(gy, winner, shape, kernel, s, p, d))


def _check_taps(x: Tensor, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> None:
    """A dilated window can step over a small image; it would then have no largest pixel."""
    for i in range(2):
        size, reach = x.shape[2 + i], dilation[i] * (kernel[i] - 1) + 1
        starts = range(-padding[i][0], size + padding[i][1] - reach + 1, stride[i])
        taps = np.array(starts)[:, None] + np.arange(kernel[i]) * dilation[i]
        if not ((taps >= 0) & (taps < size)).any(1).all():
            raise ValueError(
                f"max_pool2d: every window must meet the image, got size {size}, kernel {kernel[i]}"
                f" and dilation {dilation[i]}; use less padding or dilation"
            )


def put_pixels(gy: Tensor, winner: Any, shape: tuple[int, ...], *how: Any) -> Tensor:
    """Add every gy[n,c,i,j] to pixel ``winner[n,c,i,j]`` of window (i, j) of an image of zeros."""
    gx = kernels_for(gy.data).put_pixels(gy.data, winner, shape, *how)
    return record("put_pixels", gx, (gy,), lambda g: take_pixels(g, winner, *how))


def take_pixels(x: Tensor, winner: Any, *how: Any) -> Tensor:
    """y[n,c,i,j] = pixel ``winner[n,c,i,j]`` of window (i, j) of x; the adjoint of put_pixels."""
    shape = x.shape
    y = kernels_for(x.data).take_pixels(x.data, winner, *how)
    return record("take_pixels", y, (x,), lambda gy: put_pixels(gy, winner, shape, *how))


def avg_pool2d(
    x: TensorLike, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """y[n,c,i,j] = (sum over u,v of x[n, c, i*sh+u-ph, j*sw+v-pw]) / how many

    How many: the pixels of the window inside the padded image; inside the image itself without
    ``count_include_pad``; or ``divisor_override``. Sizes as for max_pool2d.
    """
    x = _images("avg_pool2d", x)
    kernel = pair("avg_pool2d: kernel_size", kernel_size, 1)
    s, p = _windows("avg_pool2d", x, kernel, kernel, stride, padding, ceil_mode)
    y = _sum_pool(x, kernel, s, p)
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError("avg_pool2d: divisor_override must not be 0")
        return y / float(divisor_override)
    edge = pair("padding", padding, 0) if count_include_pad else (0, 0)
    counts = [
        _counts(y.shape[2 + i], x.shape[2 + i], kernel[i], s[i], p[i][0], edge[i]) for i in range(2)
    ]
    shares = 1 / np.outer(*counts)
    if (shares == shares[0, 0]).all():
        return y * float(shares[0, 0])
    return mul(y, array_module(y.data).asarray(shares, y.dtype))


def _sum_pool(x: Tensor, kernel: Pair, stride: Pair, padding: Padding) -> Tensor:
    shape = x.shape
    y = kernels_for(x.data).sum_pool2d(x.data, kernel, stride, padding)

    def backward(gy: Tensor) -> Tensor:
        return _sum_pool_grad(gy, shape, kernel, stride, padding)

    return record("sum_pool2d", y, (x,), backward)


def _sum_pool_grad(gy: Tensor, shape: tuple[int, ...], *how: Any) -> Tensor:
    gx = kernels_for(gy.data).sum_pool2d_input_grad(gy.data, shape, *how)
    return record("sum_pool2d_input_grad", gx, (gy,), lambda g: _sum_pool(g, *how))


def _counts(out: int, size: int, kernel: int, stride: int, pad: int, edge: int) -> np.ndarray:
    """How many positions of each window lie in [-edge, size + edge)."""
    start = np.arange(out) * stride - pad
    return np.minimum(start + kernel, size + edge) - np.maximum(start, -edge)


def adaptive_avg_pool2d(x: TensorLike, output_size: Size) -> Tensor:
    """y = R x C^T with averaging matrices: R[i,p] = 1/n for the n rows of window i, else 0

    Window i of H' covers the rows floor(i H / H') ... ceil((i+1) H / H') - 1, columns likewise.
    (N, C, H, W) -> (N, C, H', W') for any sizes.
    """
    x = _images("adaptive_avg_pool2d", x)
    size = pair("adaptive_avg_pool2d: output_size", output_size, 1)
    if size == (1, 1):
        return global_avg_pool2d(x)
    xp = array_module(x.data)
    rows, cols = (xp.asarray(_averaging(n, x.shape[2 + i]), x.dtype) for i, n in enumerate(size))
    return matmul(matmul(Tensor(rows), x), transpose(Tensor(cols)))


def adaptive_max_pool2d(x: TensorLike, output_size: Size) -> Tensor:
    """y[n,c,i,j] = max of x over the windows of adaptive_avg_pool2d; equal maxima share gy"""
    x = _images("adaptive_max_pool2d", x)
    size = pair("adaptive_max_pool2d: output_size", output_size, 1)
    rows, cols = (_adaptive(n, x.shape[2 + i]) for i, n in enumerate(size))
    return concat(
        [
            concat([max_over(x[:, :, r, c], (2, 3), keepdim=True) for c in cols], 3)
            for r in rows
        ],
        2,
    )  # fmt: skip


def global_avg_pool2d(x: TensorLike) -> Tensor:
    """y[n,c] = mean of the image x[n,c]: (N, C, H, W) -> (N, C, 1, 1) (Lin, Chen, Yan, 2014)"""
    return mean(_images("global_avg_pool2d", x), (2, 3), keepdim=True)


def global_max_pool2d(x: TensorLike) -> Tensor:
    """y[n,c] = max of the image x[n,c]: (N, C, H, W) -> (N, C, 1, 1); equal maxima share gy"""
    return max_over(_images("global_max_pool2d", x), (2, 3), keepdim=True)


def _adaptive(out: int, size: int) -> list[slice]:
    return [slice(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _averaging(out: int, size: int) -> np.ndarray:
    """The matrix that averages the windows of `_adaptive`."""
    matrix = np.zeros((out, size))
    for i, window in enumerate(_adaptive(out, size)):
        matrix[i, window] = 1 / (window.stop - window.start)
    return matrix


def _images(name: str, x: TensorLike) -> Tensor:
    x = as_tensor(x)
    if x.ndim != 4 or not x.shape[2] or not x.shape[3]:
        raise ValueError(f"{name}: x must be (N, C, H, W) with pixels, got {x.shape}")
    return x


def _windows(
    name: str, x: Tensor, window: Pair, kernel: Pair, stride: Size | None, padding: Size,
    ceil_mode: bool,
) -> tuple[Pair, Padding]:  # fmt: skip
    """Stride as a pair, and the padding that gives the asked number of windows."""
    s = kernel if stride is None else pair(f"{name}: stride", stride, 1)
    p = pair(f"{name}: padding", padding, 0)
    if p[0] > kernel[0] // 2 or p[1] > kernel[1] // 2:
        raise ValueError(f"{name}: padding must be at most half the kernel {kernel}, got {p}")
    behind = []
    for i in range(2):
        size, n = x.shape[2 + i], (x.shape[2 + i] + 2 * p[i] - window[i]) / s[i]
        windows = (math.ceil(n) if ceil_mode else math.floor(n)) + 1
        if windows < 1:
            check_fits(name, x, window, ((p[0], p[0]), (p[1], p[1])))
        if (windows - 1) * s[i] >= size + p[i]:
            windows -= 1  # a window must start inside the image or its left padding
        behind.append(max(p[i], (windows - 1) * s[i] + window[i] - size - p[i]))
    return s, ((p[0], behind[0]), (p[1], behind[1]))
