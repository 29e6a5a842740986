"""Images moved, mirrored and normalized in one pass.

    y[n,c,i,j] = (x[n, c, i + dy[n], j + dx[n]] - mean[c]) / std[c],   x = 0 outside

The threads share out the images. Loop order n, i, c, j: x comes from a data set, where the rows of
a channel lie side by side. y is channels-last, because convolutions read it so; a row of it stays
in the fastest cache while its channels are filled in. The arithmetic is done on a row of x, several
numbers at once, before they are spread over y one by one.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import images as reference

from .compiled import compiled_parallel, overlays, plain
from .parts import share_out

Array = Any


@overlays(reference.shift_images)
def shift_images(x: Array, dy: Array, dx: Array, mirrored: Array, stats: Any) -> Array:
    """y[n,c,i,j] = x[n, c, i + dy[n], j + dx[n]], zero outside x; j counts backwards if mirrored

    With ``stats``, arrays of C means and deviations: (y[n,c,i,j] - mean[c]) / std[c].
    """
    n, c, h, w = x.shape
    y = np.empty((n, h, w, c), x.dtype)
    places = [plain(a.astype(np.int64, copy=False)) for a in (dy, dx, mirrored)]
    mean, std = (np.zeros(c), np.ones(c)) if stats is None else stats
    table = np.stack([mean, std]).astype(x.dtype)
    share_out(_shift, (plain(x), *places, table, y), n, x.size)
    return y.transpose(0, 3, 1, 2)


@compiled_parallel
def _shift(
    part: int, parts: int, x: Array, dy: Array, dx: Array, mirrored: Array, table: Array, y: Array,
    images: int,
) -> None:  # fmt: skip
    _, c, h, w = x.shape
    numbers, zero = np.empty(w, x.dtype), x.dtype.type(0)
    for b in range(images * part // parts, images * (part + 1) // parts):
        down, right = dy[b], dx[b]
        j0 = min(max(0, -right), w)
        j1 = max(j0, min(w, w - right))
        for i in range(h):
            for k in range(c):
                mean, std, row = table[0, k], table[1, k], y[b, i, :, k]
                row = row[::-1] if mirrored[b] else row[:]
                if not 0 <= i + down < h:
                    row[:] = (zero - mean) / std
                    continue
                source = x[b, k, i + down, j0 + right : j1 + right]
                for j in range(len(source)):
                    numbers[j] = (source[j] - mean) / std
                row[:j0] = (zero - mean) / std
                row[j1:] = (zero - mean) / std
                row = row[j0:j1]
                for j in range(len(row)):
                    row[j] = numbers[j]
