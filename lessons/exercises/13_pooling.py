"""13 Pooling: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 13.1`. The text is in lessons/13_pooling/README.md.
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
    raise NotImplementedError("13.1 max_pool2d_forward: your turn")


# 13.2 max_pool2d_backward   ★★★   30 minutes
def max_pool2d_backward(gy, x, kernel_size, stride, padding):
    """gx = gy at the winner of each window, added up where a pixel wins several; else 0.

    Of equal pixels the first in reading order wins.
    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    raise NotImplementedError("13.2 max_pool2d_backward: your turn")


# 13.3 avg_pool2d_backward   ★★   15 minutes
# 13.4 global_avg_pool2d_backward   ★   5 minutes
def avg_pool2d_backward(gy, x, kernel_size, stride):
    """gx = the sum of gy / (kh kw) over all windows that a pixel is in; no padding.

    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    raise NotImplementedError("13.3 avg_pool2d_backward: your turn")


def global_avg_pool2d_backward(gy, x):
    """gx[n,c,p,q] = gy[n,c,0,0] / (H W)

    (N, C, 1, 1), (N, C, H, W) -> (N, C, H, W)
    """
    raise NotImplementedError("13.4 global_avg_pool2d_backward: your turn")
