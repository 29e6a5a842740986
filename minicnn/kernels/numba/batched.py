"""Many products of matrices in one launch: y[n,i,j] = sum over k of a[n,i,k] b[n,k,j].

Attention multiplies two small matrices for each image and head. A product by itself is done before
a second thread has woken; so the threads share out the list of products. Where that does not come
out even, all products are cut in pieces of rows.

Loop order: product (or piece), panel of columns of b, rows i, k. A panel is copied so that the
micro-kernel reads it from front to back (see `panels`), and stays in the fastest cache while all
rows of a pass by. What the micro-kernel takes from a are single numbers, which may lie anywhere: a
is read where it is, transposed or not. Every sum runs over k in order, so neither the pieces nor
the threads show in the result.
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel
from .micro.tile import strip, strip_code
from .panels import blocks_of, copy_panel, flat_with_steps

Array = Any
Steps = tuple[int, ...]

_MANY = 4  # products per part; with so many it matters little that one part has one more


def products(a: Array, b: Array, leading: tuple[int, ...]) -> Array:
    """(..., I, K), (..., K, J) -> (*leading, I, J), to which a and b broadcast; no axis is empty"""
    (m, k), n = a.shape[-2:], b.shape[-1]
    y = np.empty((*leading, m, n), a.dtype)
    vectors, last, channels = blocks_of(1, k, n, m, a.itemsize)
    codes = strip_code(a.itemsize, vectors), strip_code(a.itemsize, last)
    count, parts = prod(leading), get_num_threads()
    pieces = 1 if count % parts == 0 or count >= _MANY * parts else min(parts, m)
    how = (*_with_places(a, leading), *_with_places(b, leading), (m, k, n))
    _products(parts, codes, *how, channels.width, channels.last, pieces, y.reshape(-1))
    return y


def _with_places(a: Array, leading: tuple[int, ...]) -> tuple[Array, Array, Steps]:
    """The numbers in a row; where each matrix begins; steps along its rows and columns."""
    flat, steps = flat_with_steps(a)
    own = [0 if size == 1 else step for size, step in zip(a.shape, steps, strict=True)][:-2]
    return flat, _places(leading, (0,) * (len(leading) - len(own)) + (*own,)), tuple(steps[-2:])


@lru_cache(1024)
def _places(sizes: tuple[int, ...], steps: Steps) -> Array:
    places = np.zeros((), np.int64)
    for size, step in zip(sizes, steps, strict=True):
        places = np.add.outer(places, np.arange(size) * step)
    return places.reshape(-1)


@compiled_parallel
def _products(
    part: int, parts: int, codes: tuple, a: Array, a_places: Array, a_steps: Steps, b: Array,
    b_places: Array, b_steps: Steps, sizes: Steps, width: int, last: int, pieces: int, y: Array,
) -> None:  # fmt: skip
    m, k, n = sizes
    number, units = y.dtype.type, len(a_places) * pieces
    blocks, scratch = (n + width - 1) // width, np.empty(k * width, y.dtype)
    for unit in range(units * part // parts, units * (part + 1) // parts):
        here, piece = unit // pieces, unit % pieces
        i0, i1 = m * piece // pieces, m * (piece + 1) // pieces
        for block in range(blocks):
            code, across = (codes[1], last) if block == blocks - 1 else (codes[0], width)
            first, columns = block * width, min(across, n - block * width)
            panel = scratch[: k * across]
            copy_panel(
                b[b_places[here] + first * b_steps[1] :], b_steps[0], b_steps[1], panel, across,
                columns,
            )  # fmt: skip
            strip(
                code, i1 - i0, a, a_places[here] + i0 * a_steps[0], a_steps[0], panel, 0, y,
                (here * m + i0) * n + first, n, y, -1, panel, -1, (1, 1, k), (0, 0, a_steps[1]),
                (0, 0, across), columns, number(-np.inf), number(np.inf),
            )  # fmt: skip
