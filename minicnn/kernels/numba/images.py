"""Images moved and mirrored: y[n,c,i,j] = x[n, c, i + dy[n], j + dx[n]], zero outside x.

The threads share out the images. Loop order n, i, c, j: x comes from a data set, where the rows of
a channel lie side by side. y is channels-last, because convolutions read it so; a row of it stays
in the fastest cache while its channels are filled in.
"""

from typing import Any

import numpy as np

from minicnn.kernels.reference import images as reference

from .compiled import compiled_parallel, overlays, plain
from .parts import share_out

Array = Any


@overlays(reference.shift_images)
def shift_images(x: Array, dy: Array, dx: Array, mirrored: Array) -> Array:
    """y[n,c,i,j] = x[n, c, i + dy[n], j + dx[n]], zero outside x; j counts backwards if mirrored"""
    n, c, h, w = x.shape
    y = np.zeros((n, h, w, c), x.dtype)
    places = [plain(a.astype(np.int64, copy=False)) for a in (dy, dx, mirrored)]
    share_out(_shift, (plain(x), *places, y), n, x.size)
    return y.transpose(0, 3, 1, 2)


@compiled_parallel
def _shift(
    part: int, parts: int, x: Array, dy: Array, dx: Array, mirrored: Array, y: Array, images: int
) -> None:
    first, last = images * part // parts, images * (part + 1) // parts
    _, c, h, w = x.shape
    for b in range(first, last):
        down, right = dy[b], dx[b]
        j0, j1 = max(0, -right), min(w, w - right)
        for i in range(max(0, -down), min(h, h - down)):
            for k in range(c):
                row, target = x[b, k, i + down, j0 + right : j1 + right], y[b, i, :, k]
                if mirrored[b]:
                    target = target[::-1]
                target = target[j0:j1]
                for j in range(len(target)):
                    target[j] = row[j]
