"""Images moved, mirrored and normalized, each by itself."""

from typing import Any

import numpy as np

Array = Any


def shift_images(x: Array, dy: Array, dx: Array, mirrored: Array, stats: Any) -> Array:
    """y[n,c,i,j] = x[n, c, i + dy[n], j + dx[n]], zero outside x; j counts backwards if mirrored

    With ``stats``, arrays of C means and deviations: (y[n,c,i,j] - mean[c]) / std[c].
    """
    n, _, h, w = x.shape
    rim = int(max(abs(dy).max(initial=0), abs(dx).max(initial=0)))
    padded = np.pad(x, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(2, 3))
    y = windows[np.arange(n), :, dy + rim, dx + rim]
    y[mirrored] = y[mirrored][..., ::-1]
    return y if stats is None else (y - stats[0][:, None, None]) / stats[1][:, None, None]
