"""The gradient of a convolution's weights, on the micro-kernel.

    gw[u, v, c, o] = sum over n,i,j of x[n, p, q, c] * gy[n, i, j, o]
                     with p = i*sh + u*dh - top and q = j*sw + v*dw - left inside x

This is a product of matrices as in `convolve`: the micro-kernel's rows p are the (v, c) of one
kernel row u, which lie side by side in x; its columns l are some output channels; and its k runs
over images, rows and pixels. Both factors are read where they are, and nothing is transposed.

**Borders** as in `convolve`: u meets the rows i for which p is inside x, and columns j that have
the same v inside x are taken together.

Loop order: part, images, band of rows, block of output channels, u, group of columns, tile, pixels.
Each band adds its share to gw, and its x stays in the second cache while all (u, v, c) pass by.
Where there are many (u, v, c), the numbers of gy, read again for every tile, are put in one run
first, as weights are for `convolve`. Pixels of x that are a power of two apart would compete for
the same few places of the cache; they are copied further apart.
The parts either divide the output channels, and then nothing has to be added up; or the images or
rows, each with a gw of its own, and the sum of these, in order of the parts, is the result.
"""
# mypy: allow-untyped-defs

from typing import Any

import numpy as np

from minicnn.kernels.threads import get_num_threads

from .bands import BAND, BLOCKS, IMAGES, MANY_WEIGHTS, ROWS, Channels, Plan, Windows, plan, share
from .compiled import compiled_parallel, subroutine
from .convolve import sides
from .micro.tile import strip, strip_code
from .micro.vector import REGISTERS
from .panels import blocks_of

Array = Any


def weight_grad(gy: Array, x: Array, windows: Windows, groups: int) -> Array:
    """gw (kh, kw, C/groups, O) as above; gy (N, OH, OW, O) and x (N, H, W, C) channels-last"""
    (h, w, c), o, kh, kw = x.shape[1:], gy.shape[3], windows.kh, windows.kw
    inputs, outputs = c // groups, o // groups
    shape = (kh, kw, inputs, o)
    if 0 in (*x.shape, windows.oh, windows.ow, o):
        return np.zeros(shape, x.dtype)
    apart = c + _GAP if c % _GAP == 0 and c >= 4 * _GAP else c
    merged = groups == 1 and windows.dw == 1 and apart == c  # (v, c) follow without a gap
    run = kw * inputs if merged else inputs
    vectors, last, channels = blocks_of(groups, inputs, outputs, run, x.itemsize)
    blocks = groups * -(-outputs // channels.width)
    size = kh * kw * inputs * o * x.itemsize
    packs = kh * kw * inputs >= _MANY
    image = x[0].nbytes + (0 if packs else gy[0].nbytes // blocks)  # what one block reads
    how = get_num_threads(), size, blocks, _band(size, kh * kw), True
    pieces = plan(len(x), image, windows.oh, *how)
    pixels = pieces.images * pieces.band * windows.ow if packs else 0
    panels = np.empty((pieces.parts, pixels * channels.width), x.dtype)
    gradients = gy.reshape(-1)
    if outputs % REGISTERS.lanes(x.dtype) and not packs:  # the last vector reads beyond the end
        gradients = np.concatenate([gradients, np.zeros(channels.width, gy.dtype)])
    tall = min(h, (pieces.band - 1) * windows.sh + (kh - 1) * windows.dh + 1)
    room = pieces.images * tall * w * apart if apart != c else 1
    spread = np.empty((pieces.parts, room), x.dtype)
    sums = np.empty((1 if pieces.divided == BLOCKS else pieces.parts, *shape), x.dtype)
    _weight_grad(
        pieces.parts, tuple(strip_code(x.itemsize, some) for some in (vectors, last)),
        x.reshape(-1), x.shape, gradients, sums.reshape(-1), panels, spread, (tall, apart),
        sides(windows, (h, w))[1], tuple(windows), tuple(channels), tuple(pieces), merged,
    )  # fmt: skip
    return sums[0] if len(sums) == 1 else sums.sum(0)


def _band(size: int, taps: int) -> int:
    """Bytes of a piece: what is read for one tap, or few tiles, is not worth keeping near."""
    if taps == 1:
        return BAND
    return BAND // 4 if size <= MANY_WEIGHTS else BAND // 2


_GAP = 16  # numbers, a line of the cache
_MANY = 256  # (u, v, c); for fewer, packing gy would cost more than it saves


@compiled_parallel
def _weight_grad(
    part, parts, codes, x, shape, gy, sums, panels, spread, steps, columns, windows, channels,
    plan, merged,
):  # fmt: skip
    (n, h, w, _), windows, channels = shape, Windows(*windows), Channels(*channels)
    plan = Plan(*plan)
    blocks = (channels.outputs + channels.width - 1) // channels.width
    n_from, n_to = share(plan.divided == IMAGES, n, part, parts)
    i_from, i_to = share(plan.divided == ROWS, windows.oh, part, parts)
    q_from, q_to = share(plan.divided == BLOCKS, channels.groups * blocks, part, parts)
    size = windows.kh * windows.kw * channels.inputs * channels.groups * channels.outputs
    own = sums if plan.divided == BLOCKS else sums[part * size : (part + 1) * size]
    _clear(own, channels, q_from, q_to, blocks)
    for n0 in range(n_from, n_to, plan.images):
        n1 = min(n0 + plan.images, n_to)
        for i0 in range(i_from, i_to, plan.band):
            i1 = min(i0 + plan.band, i_to)
            p0 = max(0, i0 * windows.sh - windows.top)
            p1 = min(h, (i1 - 1) * windows.sh - windows.top + (windows.kh - 1) * windows.dh + 1)
            source, first, image = _place(x, shape, spread[part], (n0, n1, p0, p1), steps)
            for q in range(q_from, q_to):
                place = q // blocks, q % blocks, blocks
                gradient = _gradient(gy, panels[part], (n0, n1, i0, i1), place, windows, channels)
                _block(
                    codes, source, first, (image, w * steps[1], steps[1]), (p0, h), gradient, own,
                    (n1 - n0, i0, i1), place, columns, windows, channels, merged,
                )  # fmt: skip


@subroutine
def _place(x, shape, spread, rows, steps):
    """Where the pixels of some rows of x are, how they begin, the distance between images"""
    (_, h, w, c), (n0, n1, p0, p1), (tall, apart) = shape, rows, steps
    if apart == c:
        return x, (n0 * h + p0) * w * c, h * w * c
    image = tall * w * apart
    for n in range(n0, n1):
        first, at = (n * h + p0) * w * c, (n - n0) * image
        for k in range((p1 - p0) * w):
            source = x[first + k * c : first + (k + 1) * c]
            pixel = spread[at + k * apart : at + k * apart + c]
            for m in range(c):
                pixel[m] = source[m]
    return spread, 0, image


@subroutine
def _gradient(gy, panel, rows, place, windows, channels):
    """A block of gy: the array, where it begins, the distances between images and pixels

    panel[pixel, l] = gy[pixel, channel l of the block], zero beyond the last; or gy where it is
    """
    (n0, n1, i0, i1), (g, q, _) = rows, place
    o, width = channels.groups * channels.outputs, channels.width
    first, inside = g * channels.outputs + q * width, min(width, channels.outputs - q * width)
    image = windows.oh * windows.ow
    if not len(panel):
        return gy, (n0 * image + i0 * windows.ow) * o + first, image * o, o
    pixels = (i1 - i0) * windows.ow
    for n in range(n0, n1):
        for k in range(pixels):
            at = ((n - n0) * pixels + k) * width
            source = gy[(n * image + i0 * windows.ow + k) * o + first :]
            row = panel[at : at + width]
            for m in range(inside):
                row[m] = source[m]
            for m in range(inside, width):
                row[m] = 0
    return panel, 0, pixels * width, width


@subroutine
def _block(
    codes, x, first, steps, rows, gradient, gw, piece, place, columns, windows, channels, merged
):
    """One block of output channels: add to gw what some rows of some images give"""
    (image, row, pixel), (p0, h), (images, i0, i1) = steps, rows, piece
    (b, b_first, b_image, b_pixel), (g, q, blocks) = gradient, place
    inputs, outputs, width, ow = channels.inputs, channels.outputs, channels.width, windows.ow
    o, number = channels.groups * outputs, x.dtype.type
    code = codes[1] if q == blocks - 1 else codes[0]
    channel, count = g * outputs + q * width, min(width, outputs - q * width)
    for u in range(windows.kh):
        top, bottom = _rows_of_tap(u, i0, i1, h, windows)
        for c in range(len(columns) if top < bottom else 0):
            j0, j1, v_from, v_to = columns[c]
            loops = _pixels(
                (images, image, b_image), (bottom - top, windows.sh * row, ow * b_pixel),
                (j1 - j0, windows.sw * pixel, b_pixel),
            )  # fmt: skip
            x0 = first + (top * windows.sh + u * windows.dh - windows.top - p0) * row
            x0 += (j0 * windows.sw - windows.left) * pixel + g * inputs
            b0 = b_first + ((top - i0) * ow + j0) * b_pixel
            height, step = ((v_to - v_from) * inputs, v_to - v_from) if merged else (inputs, 1)
            for v in range(v_from, v_to, step):
                here = (u * windows.kw + v) * inputs * o + channel
                strip(
                    code, height, x, x0 + v * windows.dw * pixel, 1, b, b0, gw, here, o, gw, here,
                    b, -1, loops[0], loops[1], loops[2], count, number(-np.inf), number(np.inf),
                )  # fmt: skip


@subroutine
def _clear(gw, channels, q_from, q_to, blocks):
    """Zeros where blocks q_from ... q_to - 1 will add their sums."""
    o = channels.groups * channels.outputs
    rows = len(gw) // o
    for q in range(q_from, q_to):
        first = (q // blocks) * channels.outputs + (q % blocks) * channels.width
        count = min(channels.width, channels.outputs - (q % blocks) * channels.width)
        for r in range(rows):
            row = gw[r * o + first : r * o + first + count]
            for k in range(len(row)):
                row[k] = 0


@subroutine
def _rows_of_tap(u, i0, i1, h, windows):
    """The rows of y, of i0 ... i1 - 1, for which the tap u is inside an image of height h."""
    place, sh = u * windows.dh - windows.top, windows.sh
    first = max(i0, -(place // sh))
    return first, min(i1, (h - 1 - place) // sh + 1)


@subroutine
def _pixels(images, rows, pixels):
    """Three loops over pixels, the longest inside: their counts, steps in x and steps in gy"""
    if rows[1] == pixels[0] * pixels[1] and rows[2] == pixels[0] * pixels[2]:
        pixels, rows = (rows[0] * pixels[0], pixels[1], pixels[2]), (1, 0, 0)  # without a gap
    if images[1] == pixels[0] * pixels[1] and images[2] == pixels[0] * pixels[2]:
        pixels, images = (images[0] * pixels[0], pixels[1], pixels[2]), (1, 0, 0)
    if pixels[0] < rows[0]:
        pixels, rows = rows, pixels
    if pixels[0] < images[0]:
        pixels, images = images, pixels
    return (
        (images[0], rows[0], pixels[0]), (images[1], rows[1], pixels[1]),
        (images[2], rows[2], pixels[2]),
    )  # fmt: skip
