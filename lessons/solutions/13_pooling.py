"""13 Pooling: the solutions.

Made from lessons/13_pooling.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


def windows(shape, kernel_size, stride, padding=0):
    """All windows of images (N, C, H, W): output row i and column j, and two slices of x.

    kernel_size, stride, padding: a number or a pair. A slice may end behind the image's end.
    """
    pairs = [v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, padding)]
    (kh, kw), (sh, sw), (ph, pw) = pairs
    for i, top in enumerate(range(-ph, shape[2] + ph - kh + 1, sh)):
        for j, left in enumerate(range(-pw, shape[3] + pw - kw + 1, sw)):
            yield i, j, slice(max(top, 0), top + kh), slice(max(left, 0), left + kw)


# 13.1 max_pool2d_forward   ★   10 minutes
def max_pool2d_forward(x, kernel_size, stride, padding):
    """y[n,c,i,j] = the largest pixel of x[n,c] in window (i, j)

    (N, C, H, W) -> (N, C, H', W')
    """
    i, j, _, _ = list(windows(x.shape, kernel_size, stride, padding))[-1]
    y = np.empty((*x.shape[:2], i + 1, j + 1), x.dtype)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride, padding):
        y[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
    return y


# 13.2 max_pool2d_backward   ★★★   30 minutes
def max_pool2d_backward(gy, x, kernel_size, stride, padding):
    """gx = gy at the winner of each window, added up where a pixel wins several; else 0.

    Of equal pixels the first in reading order wins.
    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    gx = np.zeros_like(x)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride, padding):
        window = x[:, :, rows, columns]
        flat = window.reshape(*window.shape[:2], -1)
        winner = flat.argmax(axis=-1)
        wins = np.arange(flat.shape[-1]) == winner[:, :, None]
        gx[:, :, rows, columns] += gy[:, :, i, j, None, None] * wins.reshape(window.shape)
    return gx


# 13.3 avg_pool2d_backward   ★★   15 minutes
# 13.4 global_avg_pool2d_backward   ★   5 minutes
def avg_pool2d_backward(gy, x, kernel_size, stride):
    """gx = the sum of gy / (kh kw) over all windows that a pixel is in; no padding.

    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    gx = np.zeros_like(x)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride):
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        gx[:, :, rows, columns] += gy[:, :, i, j, None, None] / pixels
    return gx


def global_avg_pool2d_backward(gy, x):
    """gx[n,c,p,q] = gy[n,c,0,0] / (H W)

    (N, C, 1, 1), (N, C, H, W) -> (N, C, H, W)
    """
    height, width = x.shape[2:]
    return np.ones_like(x) * gy / (height * width)
