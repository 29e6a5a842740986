"""A matrix times one vector: y[i] = sum over k of a[i,k] x[k].

Every number of the matrix is used once, so the time is that of reading it: a linear layer with one
image has 2 operations for 4 bytes, where the micro-kernel could do 20 in that time. What matters is
that memory never waits. Loop order: part, four rows, k; four rows share each x[k], and the CPU
fetches ahead in four places at a time.

The sum over k is a vector of sums, which are added at the end (`reordered`).
"""

from typing import Any

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel
from .scalar import reordered

Array = Any
ROWS = 4


def times_vector(a: Array, x: Array) -> Array:
    """(I, K), (K,) -> (I,) for at least `ROWS` rows, both C-contiguous"""
    y = np.empty(len(a), a.dtype)
    _times_vector(min(get_num_threads(), len(a) // ROWS), a, x, y)
    return y


@compiled_parallel
def _times_vector(part: int, parts: int, a: Array, x: Array, y: Array) -> None:
    first, last = len(a) * part // parts, len(a) * (part + 1) // parts
    for here in range(first, last, ROWS):
        i = min(here, last - ROWS)  # the last rows are computed again, with the same result
        y[i], y[i + 1], y[i + 2], y[i + 3] = _products(a[i], a[i + 1], a[i + 2], a[i + 3], x)


@reordered
def _products(a: Array, b: Array, c: Array, d: Array, x: Array) -> tuple:
    zero = x.dtype.type(0)
    p, q, r, s = zero, zero, zero, zero
    for k in range(len(x)):
        p += a[k] * x[k]
        q += b[k] * x[k]
        r += c[k] * x[k]
        s += d[k] * x[k]
    return p, q, r, s
