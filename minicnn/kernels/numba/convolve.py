"""Convolution straight on the micro-kernel: no matrix of windows and no border is ever written.

    y[n, o, i, j] = start[n, o, i, j] + b[o] + sum over u,v,c of x[n, p, q, c] W[u,v,c,o]
                    with p = i*sh + u*dh - top and q = j*sw + v*dw - left inside x

limited to [low, high]. In channels-last memory the pixels of a row of y read places of x that lie
sw*C numbers apart, and so a row of y is a product of matrices as the micro-kernel computes it: its
rows p are the pixels j, its columns l some output channels, and its k runs over u, v and c. For one
u the numbers with neighbouring (v, c) lie side by side in x.

    x, rows i*sh + u*dh - top            panel of W                     y, row i
    +-----------------------+
    |  [v,c -> ]            |  u = 0     k = (u,v,c)  [ . . width ]     pixel j    [ . . width ]
    |  [v,c -> ]            |  u = 1           |      [ . . width ]     pixel j+1  [ . . width ]
    |  [v,c -> ]            |  u = 2           v      [ . . width ]     ...
    +-----------------------+
       pixel j, next pixel: sw*C further

**Borders.** Near a border some taps lie outside x. The pixels that have the same taps inside form a
rectangle: with a 3x3 kernel and padding 1, the middle, four edges and four corners. Each rectangle
is a convolution without border, by fewer taps. So nothing is multiplied by the border's zeros,
which in small images are many (of a 2x2 image's products more than half). Strips run along the
longest side of a rectangle, which may be the images.

Loop order: part, images, band of rows, block of output channels, rectangle, kernel rows, strips.
What a band reads of x stays in the second cache for all blocks. A panel larger than PANEL is cut
between kernel rows, so that it stays in the cache while all rows of the band pass by.

The gradient of the input is a convolution too, of gy with the weights of the other direction; with
strides, one for each remainder of the pixel's place by the stride. So y may have gaps (`Target`).
"""
# mypy: allow-untyped-defs

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .bands import (
    BAND,
    BLOCKS,
    IMAGES,
    MANY_WEIGHTS,
    ROWS,
    WIDE_BAND,
    Channels,
    Plan,
    Windows,
    plan,
    share,
)  # fmt: skip
from .compiled import compiled_parallel, plain, subroutine
from .micro.tile import strip
from .panels import Panels

Array = Any

PANEL = 1 << 17  # bytes of weights that stay in the second cache beside the band
SMALL = 1 << 19  # multiply-adds that take less time than waking a thread
FEW_PIXELS = 5  # sides shorter than this make no good tile where there is a longer one


class Target(NamedTuple):
    """Where y[n, o, i, j] lies: first + n * image + i * row + j * pixel + o."""

    first: int
    image: int
    row: int
    pixel: int


class Extras(NamedTuple):
    """What is done to the sums: added to ``start`` and bias where there are any, and limited."""

    has_start: bool
    has_bias: bool
    low: float
    high: float


def convolve(
    x: Array, panels: Panels, bias: Array | None, windows: Windows, y: Array, target: Target,
    low: float = -np.inf, high: float = np.inf, start: Array | None = None,
) -> None:  # fmt: skip
    """Convolve x (N, H, W, C), in channels-last memory, into the flat array y; see `Target`.

    ``start`` is a flat array laid out as y, or y itself. Pixels of y that no tap reaches (see
    `sides`) stay as they are.
    """
    (n, h, w, _), channels, threads = x.shape, panels.channels, get_num_threads()
    outputs = channels.groups * channels.outputs
    if 0 in (n, h, w, windows.oh, windows.ow, outputs):
        return
    weights, blocks = panels.data.nbytes, channels.groups * -(-channels.outputs // channels.width)
    most = BAND if weights <= MANY_WEIGHTS else WIDE_BAND
    row_of_taps = windows.kw * channels.inputs * channels.width * x.itemsize
    cut = max(1, min(windows.kh, PANEL // max(row_of_taps, 1)))
    if bias is None or outputs % channels.width:  # whole vectors are read, also beyond the last
        tail = np.zeros(outputs + channels.width, x.dtype)
        tail[: 0 if bias is None else outputs] = 0 if bias is None else bias
    else:
        tail = plain(bias)
    pieces = plan(n, x[0].nbytes, windows.oh, threads, weights, blocks, most, False)
    how = (
        panels.codes, x.reshape(-1), x.shape, panels.data, tail, y if start is None else start, y,
        *sides(windows, (h, w)), tuple(windows), tuple(channels), tuple(target),
        tuple(pieces), cut, (start is not None, bias is not None, low, high),
    )  # fmt: skip
    work = n * windows.oh * windows.ow * windows.kh * windows.kw * channels.inputs * outputs
    _convolve(pieces.parts if work >= SMALL else 1, *how)


@lru_cache(1024)
def sides(windows: Windows, size: tuple[int, int]) -> tuple[Array, Array]:
    """The rectangles' sides, along rows and columns of y: (from, to, tap from, tap to).

    Pixels from ... to - 1 have taps from ... to - 1 inside an image of this size. Pixels without
    any such tap have no side.
    """
    w = windows
    return (
        _sides(w.oh, w.kh, w.sh, w.dh, w.top, size[0]),
        _sides(w.ow, w.kw, w.sw, w.dw, w.left, size[1]),
    )


def _sides(pixels: int, taps: int, stride: int, dilation: int, before: int, size: int) -> Array:
    place = np.arange(pixels) * stride - before  # of the first tap
    first = np.maximum(0, -(place // dilation))
    last = np.minimum(taps, (size - 1 - place) // dilation + 1)
    changes = np.flatnonzero((np.diff(first) != 0) | (np.diff(last) != 0)) + 1
    start, stop = np.r_[0, changes][:pixels], np.r_[changes, pixels][:pixels]
    found = np.stack([start, stop, first[start], last[start]], 1)
    return np.ascontiguousarray(found[found[:, 2] < found[:, 3]])


@lru_cache(1024)
def longest_run(windows: Windows, shape: tuple[int, ...]) -> int:
    """About how many pixels follow one another in a strip."""
    rows, columns = sides(windows, shape[1:3])
    lengths = [int((s[:, 1] - s[:, 0]).max(initial=1)) for s in (columns, rows)]
    return next((n for n in lengths if n >= FEW_PIXELS), max(*lengths, shape[0]))


@lru_cache(1024)
def is_complete(windows: Windows, size: tuple[int, int]) -> bool:
    """Whether some tap reaches every pixel of y."""
    rows, columns = ((s[:, 1] - s[:, 0]).sum() for s in sides(windows, size))
    return bool(rows == windows.oh and columns == windows.ow)


@compiled_parallel
def _convolve(
    part, parts, codes, x, shape, panels, bias, start, y, rows, columns, windows, channels, target,
    plan, cut, extras,
):  # fmt: skip
    n, windows, channels = shape[0], Windows(*windows), Channels(*channels)
    target, plan, extras = Target(*target), Plan(*plan), Extras(*extras)
    blocks = (channels.outputs + channels.width - 1) // channels.width
    n_from, n_to = share(plan.divided == IMAGES, n, part, parts)
    i_from, i_to = share(plan.divided == ROWS, windows.oh, part, parts)
    q_from, q_to = share(plan.divided == BLOCKS, channels.groups * blocks, part, parts)
    for n0 in range(n_from, n_to, plan.images):
        n1 = min(n0 + plan.images, n_to)
        for i0 in range(i_from, i_to, plan.band):
            i1 = min(i0 + plan.band, i_to)
            for q in range(q_from, q_to):
                for r in range(len(rows)):
                    top, bottom = max(i0, rows[r, 0]), min(i1, rows[r, 1])
                    for c in range(len(columns)):
                        if top < bottom:
                            _rectangle(
                                codes, x, shape, panels, bias, start, y,
                                (n0, n1, top, bottom, columns[c, 0], columns[c, 1]),
                                (rows[r, 2], rows[r, 3], columns[c, 2], columns[c, 3]),
                                (q // blocks, q % blocks, blocks), windows, channels, target, cut,
                                extras,
                            )  # fmt: skip


@subroutine
def _rectangle(
    codes, x, shape, panels, bias, start, y, piece, taps, place, windows, channels, target, cut,
    extras,
):  # fmt: skip
    """One block of output channels, for the pixels of some images that have the same taps"""
    (_, h, w, c), (n0, n1, i0, i1, j0, j1), (g, q, blocks) = shape, piece, place
    (u_from, u_to, v_from, v_to), kw = taps, windows.kw
    inputs, width, last = channels.inputs, channels.width, channels.last
    code, across = (codes[1], last) if q == blocks - 1 else (codes[0], width)
    down, right = windows.dh * w * c, windows.dw * c  # from tap to tap
    row_of_panel = kw * inputs * across
    panel = windows.kh * kw * inputs * (g * ((blocks - 1) * width + last) + q * width)
    panel += v_from * inputs * across
    o = g * channels.outputs + q * width
    x0 = (n0 * h + i0 * windows.sh - windows.top) * w * c
    x0 += (j0 * windows.sw - windows.left) * c + v_from * right + g * inputs
    y0 = target.first + n0 * target.image + i0 * target.row + j0 * target.pixel + o
    runs = _runs(
        (n1 - n0, h * w * c, target.image), (i1 - i0, windows.sh * w * c, target.row),
        (j1 - j0, windows.sw * c, target.pixel),
    )  # fmt: skip
    for u0 in range(u_from, u_to, cut):
        u1 = min(u0 + cut, u_to)
        loops = _taps(
            (u1 - u0, down, row_of_panel), (v_to - v_from, right, inputs * across),
            (inputs, 1, across),
        )  # fmt: skip
        is_first, is_last = u0 == u_from, u1 == u_to
        _strips(
            code, runs, x, x0 + u0 * down, panels, panel + u0 * row_of_panel, y, y0,
            start if is_first else y, extras.has_start or not is_first, bias,
            o if extras.has_bias and is_first else -1, loops,
            min(across, channels.outputs - q * width), extras.low if is_last else -np.inf,
            extras.high if is_last else np.inf,
        )  # fmt: skip


@subroutine
def _taps(rows, columns, inputs):
    """Three loops over (u, v, c): their counts, steps in x and steps in the panel"""
    if columns[1] == inputs[0]:  # (v, c) follow one another without a gap
        columns, inputs = (1, 0, 0), (columns[0] * inputs[0], 1, inputs[2])
    return (
        (rows[0], columns[0], inputs[0]), (rows[1], columns[1], inputs[1]),
        (rows[2], columns[2], inputs[2]),
    )  # fmt: skip


@subroutine
def _runs(images, rows, pixels):
    """Which of three loops over pixels is the strip, and the others: (count, step in x, in y)"""
    if rows[1] == pixels[0] * pixels[1] and rows[2] == pixels[0] * pixels[2]:
        pixels, rows = (rows[0] * pixels[0], pixels[1], pixels[2]), (1, 0, 0)  # without a gap
    if pixels[0] >= FEW_PIXELS or pixels[0] >= max(rows[0], images[0]):
        return pixels, images, rows
    if rows[0] >= FEW_PIXELS or rows[0] >= images[0]:
        return rows, images, pixels
    return images, rows, pixels


@subroutine
def _strips(
    code, runs, x, x0, panels, b0, y, y0, start, has_start, bias, bias0, loops, columns, low, high
):
    (count, x_step, y_step), outer, inner = runs
    counts, x_steps, b_steps = loops
    number = x.dtype.type
    for m in range(outer[0]):
        for k in range(inner[0]):
            here = y0 + m * outer[2] + k * inner[2]
            strip(
                code, count, x, x0 + m * outer[1] + k * inner[1], x_step, panels, b0, y, here,
                y_step, start, here if has_start else -1, bias, bias0, counts, x_steps, b_steps,
                columns, number(low), number(high),
            )  # fmt: skip
