"""Images moved and mirrored, each by itself."""

from typing import Any

import numpy as np

Array = Any


def shift_images(x: Array, dy: Array, dx: Array, mirrored: Array) -> Array:
    """y[n,c,i,j] = x[n, c, i + dy[n], j + dx[n]], zero outside x; j counts backwards if mirrored"""
    n, _, h, w = x.shape
    rim = int(max(abs(dy).max(initial=0), abs(dx).max(initial=0)))
    padded = np.pad(x, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(2, 3))
    y = windows[np.arange(n), :, dy + rim, dx + rim]
    y[mirrored] = y[mirrored][..., ::-1]
    return y
