"""Weights in the order in which the micro-kernel reads them.

    panels[g][block][u][v][k][l] = weight of tap (u, v) from input k to output block * width + l

for each group g of channels. One *panel* holds all weights of one block of ``width`` outputs, the
columns of a tile, one short row after the other: while the micro-kernel runs through k, it reads
the panel from front to back. The last block of a group has fewer vectors where that is enough,
and its columns beyond the last output are zero.

Inputs and outputs change roles for the gradient of the input: there a panel holds the weights that
lead from all outputs to ``width`` inputs.
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .bands import Channels
from .compiled import compiled_parallel, plain, subroutine
from .micro.tile import MOST_VECTORS, most_pixels, strip_code
from .micro.vector import REGISTERS

Array = Any
Taps = tuple[tuple[int, int, int], tuple[int, int, int]]  # (first, step, count) along u, along v

_ROWS = 64
_SMALL = 1 << 16  # weights; copying fewer is not worth waking a thread


class Panels(NamedTuple):
    """Packed weights: ``data`` as above, flat; codes of strips for its blocks and the last one."""

    data: Array
    channels: Channels
    taps: tuple[int, int]
    codes: tuple[int, int]


def packed(weight: Array, taps: Taps, groups: int, run: int, transposed: bool) -> Panels:
    """The panels of a convolution's weight (O, C/groups, kh, kw).

    ``taps`` says which rows and columns of the kernel, in which order; ``run`` is the number of
    pixels that follow one another, which decides on the shape of tiles. Transposed, the outputs'
    weights are summed over: from O/groups inputs to C/groups outputs.
    """
    flat, steps = flat_with_steps(weight)
    o, c = weight.shape[0] // groups, weight.shape[1]
    from_outputs, from_inputs = (o, steps[0], o * steps[0]), (c, steps[1], o * steps[0])
    rows, columns = (from_outputs, from_inputs) if transposed else (from_inputs, from_outputs)
    vectors, last, channels = blocks_of(groups, rows[0], columns[0], run, weight.itemsize)
    (u0, du, kh), (v0, dv, kw) = taps
    width, depth = channels.width, kh * kw * rows[0]
    size = (-(-columns[0] // width) - 1) * width + channels.last
    data = np.empty(groups * depth * size, weight.dtype)
    parts = get_num_threads() if data.size > _SMALL else 1
    how = (
        flat, u0 * steps[2] + v0 * steps[3],
        (o * steps[0], du * steps[2], dv * steps[3], rows[1], columns[1]),
        (groups, kh, kw, rows[0], columns[0]), width, channels.last, data,
    )  # fmt: skip
    _pack(parts, *how)
    codes = strip_code(weight.itemsize, vectors), strip_code(weight.itemsize, last)
    return Panels(data, channels, (kh, kw), codes)


@lru_cache(4096)
def blocks_of(
    groups: int, inputs: int, outputs: int, run: int, itemsize: int
) -> tuple[int, int, Channels]:
    """Vectors in a block of outputs, in the last block, and the channels; for runs of pixels."""
    lanes = max(1, REGISTERS.bytes // itemsize)
    total = -(-outputs // lanes)
    vectors = best_vectors(min(run, 64), total)
    last = total - (-(-total // vectors) - 1) * vectors
    return vectors, last, Channels(groups, inputs, outputs, vectors * lanes, last * lanes)


@compiled_parallel
def _pack(
    part: int, parts: int, weight: Array, first: int, steps: tuple, sizes: tuple, width: int,
    last: int, panels: Array,
) -> None:  # fmt: skip
    """Blocks of columns are divided among the parts; k before l, so that lines stay in the cache"""
    groups, kh, kw, rows, columns = sizes
    sg, su, sv, sr, sc = steps
    blocks = (columns + width - 1) // width
    group_size = kh * kw * rows * ((blocks - 1) * width + last)
    for n in range(groups * blocks * part // parts, groups * blocks * (part + 1) // parts):
        g, block = n // blocks, n % blocks
        across = last if block == blocks - 1 else width
        inside = min(across, columns - block * width)
        to = g * group_size + block * width * kh * kw * rows
        for u in range(kh):
            for v in range(kw):
                start = first + g * sg + u * su + v * sv + block * width * sc
                here = panels[to : to + rows * across]
                copy_panel(weight[start:], sr, sc, here, across, inside)
                to += rows * across


@subroutine
def copy_panel(
    weight: Array, r_step: int, step: int, panel: Array, across: int, inside: int
) -> None:
    """panel[r, l] = weight[r * r_step + l * step] for l < inside, then zeros"""
    if step == 1:
        _copy_rows(weight, r_step, panel, across, inside)
    else:
        _copy_columns(weight, r_step, step, panel, across, inside)


@subroutine
def _copy_rows(weight: Array, step: int, panel: Array, across: int, inside: int) -> None:
    for r in range(len(panel) // across):
        source, row = weight[r * step : r * step + inside], panel[r * across : (r + 1) * across]
        for j in range(inside):
            row[j] = source[j]
        for j in range(inside, across):
            row[j] = 0


@subroutine
def _copy_columns(
    weight: Array, r_step: int, step: int, panel: Array, across: int, inside: int
) -> None:
    """Some rows at a time, which stay in the cache"""
    rows = len(panel) // across
    for r0 in range(0, rows, _ROWS):
        r1 = min(r0 + _ROWS, rows)
        for j in range(inside):
            for r in range(r0, r1):
                panel[np.uint64(r * across + j)] = weight[np.uint64(r * r_step + j * step)]
        for j in range(inside, across):
            for r in range(r0, r1):
                panel[np.uint64(r * across + j)] = 0


def flat_with_steps(weight: Array) -> tuple[Array, list[int]]:
    """The numbers in the order of memory, and the distance between neighbours along each axis."""
    order = sorted(range(weight.ndim), key=lambda axis: -weight.strides[axis])
    if not weight.transpose(order).flags.c_contiguous:
        weight, order = np.ascontiguousarray(weight), list(range(weight.ndim))
    flat = plain(weight.transpose(order)).reshape(-1)
    return flat, [s // weight.itemsize for s in weight.strides]


@cache
def best_vectors(run: int, vectors: int) -> int:
    """How many vectors wide the tiles should be, for runs of pixels and so many vectors in all.

    A step of k costs as many cycles as its multiply-adds or its loads need, two of either in one,
    but at least 4, the time that a sum waits for its last addition. What starting and ending a tile
    takes is worth some steps.
    """

    def cycles(width: int) -> float:
        tiles = -(-run // most_pixels(width))
        pixels = run / tiles
        step = max(pixels * width / 2, (pixels + width) / 2, 4)
        return tiles * -(-vectors // width) * (step + 0.5)

    return min(range(1, min(MOST_VECTORS, vectors) + 1), key=cycles)
