"""Depthwise convolution: every output channel o is made from one channel of x alone.

    y[n,o,i,j] = sum over u,v of  x[n, o//m, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,0,u,v]

With m > 1 filters per channel, every channel of x is first repeated m times, so that output
channel o simply reads channel o. The gradient of x has the same form: gx[p] is a sum over the taps
u for which (p + top - u*dh) / sh is a whole number i inside gy, of gy[i] * w[u].

**Borders.** Near a border some taps lie outside. Output pixels that have the same taps inside form
a rectangle: with a 3x3 filter and padding 1, nine of them.

    +---+-------------+---+
    |   |             |   |      inside:   9 taps
    +---+-------------+---+      at edges: 6
    |   |             |   |      corners:  4
    |   |             |   |
    +---+-------------+---+      So no pixel asks whether a tap is inside, and no padded copy of
    |   |             |   |      the image is needed. In the gradient of x with stride s, pixels
    +---+-------------+---+      s apart have the same taps, and form a rectangle with gaps.

**Loop order**: images, channels in blocks, rectangles, pixels, taps. A tile of several pixels and
64 bytes of channels is in registers (`micro.depthwise`) while the taps run. Tiles lie along the
longest side of a rectangle, and across images where these are small. Everything that the
rectangles of one channel block read stays in the fastest cache. The weight's gradient has a tile
of taps, and its pixels run.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, product
from typing import Any

import numpy as np

from minicnn.kernels.reference import depthwise as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size
from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel, overlays, plain, subroutine
from .micro.depthwise import BLOCK, PIXELS, TAPS, block_width, correlate, gather
from .micro.vector import REGISTERS

Array = Any
Steps = tuple[int, int, int]
Axis = tuple[int, int, int, int, int, int, bool]
PAIR, FEW = 2, 3  # the smaller tiles: pixels of `correlate`, taps of `gather`
NEAR = 2 * BLOCK  # vectors of channels that the weight's gradient reads together


@overlays(reference.depthwise_conv2d)
def depthwise_conv2d(
    x: Array, weight: Array, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """y[n,o,i,j] = sum over u,v of x[n, o//m, i*sh + u*dh - top, j*sw + v*dw - left] w[o,0,u,v]"""
    if not np.isfinite(weight).all():  # the zeros of the padding count: 0 * inf is NaN
        return reference.depthwise_conv2d(x, weight, stride, padding, dilation)
    taps = _taps(weight, block_width(x.dtype))
    return _forward(x, weight.shape, taps, None, stride, padding, dilation)


@overlays(reference.depthwise_conv2d_limited)
def depthwise_conv2d_limited(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    residual: Array | None, limits: tuple[float, float] | None, memory: dict[str, Any],
) -> Array:  # fmt: skip
    """depthwise_conv2d + bias + residual, limited; taps of weights that stay are kept in memory"""
    if memory.get("weight") is not weight:
        taps, is_finite = _taps(weight, block_width(x.dtype)), bool(np.isfinite(weight).all())
        memory.update(weight=weight, taps=taps, is_finite=is_finite)
    how = stride, padding, dilation
    if residual is not None or not memory["is_finite"]:  # 0 * inf, as above
        return reference.depthwise_conv2d_limited(x, weight, bias, *how, residual, limits, memory)
    low, high = limits or (-np.inf, np.inf)
    return _forward(x, weight.shape, memory["taps"], bias, *how, low, high)


def _forward(
    x: Array, weight_shape: tuple[int, ...], taps: Array, bias: Array | None, stride: Pair,
    padding: Padding, dilation: Pair, low: float = -np.inf, high: float = np.inf,
) -> Array:  # fmt: skip
    """clamp(depthwise_conv2d + bias, low, high); all float32 or all float64"""
    (_, c, h, w), (o, _, kh, kw) = x.shape, weight_shape
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    images = np.repeat(x, o // c, 1) if o != c else x
    bias = np.zeros(o, x.dtype) if bias is None else plain(bias)
    rows = oh, h, kh, stride[0], padding[0][0], dilation[0], False
    cols = ow, w, kw, stride[1], padding[1][0], dilation[1], False
    return _correlated(images, taps, rows, cols, bias, low, high)


@overlays(reference.depthwise_conv2d_input_grad)
def depthwise_conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum over k and all i,j,u,v that met (p,q) of gy[n,c*m+k,i,j] w[c*m+k,u,v]"""
    (n, c, h, w), (_, o, oh, ow), (kh, kw) = x_shape, gy.shape, weight.shape[2:]
    rows = h, oh, kh, stride[0], padding[0][0], dilation[0], True
    cols = w, ow, kw, stride[1], padding[1][0], dilation[1], True
    taps, bias = _taps(weight, block_width(gy.dtype)), np.zeros(o, gy.dtype)
    gx = _correlated(gy, taps, rows, cols, bias, -np.inf, np.inf)
    if o != c:
        gx = gx.reshape(n, c, o // c, h, w).sum(2)
    return gx


@overlays(reference.depthwise_conv2d_weight_grad)
def depthwise_conv2d_weight_grad(
    gy: Array, x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair,
) -> Array:  # fmt: skip
    """gw[o,u,v] = sum over n,i,j of gy[n,o,i,j] * (the x that met w[o,u,v] there)

    Sums of one image or a band of its rows are in the dtype of x, all others in float64.
    """
    (o, _, kh, kw), (_, c, h, w), (oh, ow) = weight_shape, x.shape, gy.shape[2:]
    rows = oh, h, kh, stride[0], padding[0][0], dilation[0], False
    cols = ow, w, kw, stride[1], padding[1][0], dilation[1], False
    images = np.repeat(x, o // c, 1) if o != c else x
    sums = _gathered(images, gy, rows, cols, REGISTERS.lanes(x.dtype))
    gw = sums[:, :o].T.reshape(weight_shape).astype(x.dtype)
    if not np.isfinite(gw).all():  # the zeros of the padding count: 0 * inf is NaN
        return reference.depthwise_conv2d_weight_grad(
            gy, x, weight_shape, stride, padding, dilation
        )
    return gw


def _gathered(x: Array, gy: Array, rows: Axis, cols: Axis, lanes: int) -> Array:
    """(kh * kw, C): for each tap the sum over its pixels, in float64"""
    x, gy, parts = _channels_last(x, lanes), _channels_last(gy, lanes), get_num_threads()
    channels, taps = x.shape[-1], rows[2] * cols[2]
    rectangles, where = _plan_of_gather(rows, cols, channels, lanes)
    blocks = -(-channels // lanes)
    g = np.zeros((parts, blocks, taps + 1, lanes))
    group = max(1, min(4, 512 // max(1, rows[0] * cols[0] + rows[1] * cols[1])))
    _gather(parts, x, gy, g, rectangles, where, group)
    sums = g.sum(0)[:, :taps].transpose(1, 0, 2).reshape(taps, blocks * lanes)
    sums[:, channels - lanes : channels] = sums[:, blocks * lanes - lanes :].copy()
    return sums


def _correlated(
    x: Array, taps: Array, rows: Axis, cols: Axis, bias: Array, low: float, high: float
) -> Array:
    """y (N, C, H', W'): for each pixel bias + sum over its taps, clamped"""
    (n, c), number, width = x.shape[:2], x.dtype.type, block_width(x.dtype)
    images, bias = _channels_last(x, width), _wide(bias, width)
    channels = images.shape[-1]
    y = np.empty((n, rows[0], cols[0], channels), x.dtype)
    # A wide image has few pixels at its sides: go row by row, which the CPU foresees and fetches.
    # In a narrow one, tiles stand upright at the sides.
    band = 1 if cols[0] > 24 else rows[0]
    rectangles, complete = _plan(rows, cols, channels, taps.shape[-1], band)
    if not complete:
        y[...] = np.clip(bias, low, high)
    spans = _spans(channels, width)
    ends, parts = (number(low), number(high)), get_num_threads()
    _correlate(parts, images, taps, y, rectangles, spans, bias, ends)
    return y[..., :c].transpose(0, 3, 1, 2)


@compiled_parallel
def _correlate(
    part: int, parts: int, x: Array, w: Array, y: Array, rectangles: Array, spans: Array,
    bias: Array, ends: tuple,
) -> None:  # fmt: skip
    """The parts divide the images; where there are few, every rectangle of each."""
    first, last = 0, len(x)
    if last >= 4 * parts:
        first, last = _share(last, part, parts)
        part, parts = 0, 1
    for n in range((last - first) * len(rectangles)):
        image, r = first + n // len(rectangles), rectangles[n % len(rectangles)]
        x0, y0 = r["x"] + image * x[0].size, r["y"] + image * y[0].size
        i, p = (r["rows"], r["x_row"], r["y_row"]), (r["cols"], r["x_col"], r["y_col"])
        if p[0] < i[0]:
            i, p = p, i
        start, stop = _share(p[0], part, parts)
        loops, apart = ((r["us"], r["x_u"], r["w_u"]), (r["vs"], r["x_v"], r["w_v"])), p[1:]
        for line in range(i[0]):
            here = start
            while here < stop:
                pixels = PIXELS if stop - here >= PIXELS else PAIR if stop - here >= PAIR else 1
                xp, yp = x0 + line * i[1] + here * p[1], y0 + line * i[2] + here * p[2]
                for k in range(len(spans)):
                    c, m = spans[k, 0], spans[k, 1]
                    at = xp + c, r["w"] + c, yp + c, c
                    if pixels == PIXELS:
                        correlate(PIXELS, BLOCK, m, x, w, y, bias, at, apart, loops, ends)
                    elif pixels == PAIR:
                        correlate(PAIR, BLOCK, m, x, w, y, bias, at, apart, loops, ends)
                    else:
                        correlate(1, BLOCK, m, x, w, y, bias, at, apart, loops, ends)
                here += pixels


@compiled_parallel
def _gather(
    part: int, parts: int, x: Array, gy: Array, g: Array, rectangles: Array, where: Array,
    group: int,
) -> None:  # fmt: skip
    blocks, by_image = g.shape[1], len(x) >= 4 * parts
    first, last = _share(len(x), part, parts) if by_image else (0, len(x))
    for image in range(first, last, group):
        for c in range(0, blocks, NEAR):
            chosen = image, min(group, last - image), c, min(c + NEAR, blocks), part
            for k in range(len(rectangles)):
                _gather_rectangle(x, gy, g, rectangles[k], where, chosen, 1 if by_image else parts)


@subroutine
def _gather_rectangle(
    x: Array, gy: Array, g: Array, r: Array, where: Array, chosen: tuple, parts: int
) -> None:
    """The taps of one rectangle, in some images and blocks of channels."""
    image, images, block, last_block, part = chosen
    a, b, p = _longest_last(
        (images, gy[0].size, x[0].size),
        (r["rows"], r["y_row"], r["x_row"]),
        (r["cols"], r["y_col"], r["x_col"]),
    )
    start, stop = (0, p[0]) if parts == 1 else _share(p[0], part, parts)
    loops = a, b, (stop - start, p[1], p[2])
    gy0 = r["y"] + image * gy[0].size + start * p[1]
    x0 = r["x"] + image * x[0].size + start * p[2]
    (_, blocks, slots, lanes), last_channel = g.shape, x.shape[-1] - g.shape[-1]
    while start < stop and block < last_block:
        c = min(block * lanes, last_channel)
        starts = gy0 + c, x0 + c, (part * blocks + block) * slots * lanes, r["where"]
        if r["taps"] == TAPS:
            gather(TAPS, 1, gy, x, g, where, starts, loops)
        else:
            gather(FEW, 1, gy, x, g, where, starts, loops)
        block += 1


@subroutine
def _share(count: int, part: int, parts: int) -> tuple[int, int]:
    """The range of ``part``, one of ``parts`` nearly equal ones."""
    return count * part // parts, count * (part + 1) // parts


@subroutine
def _longest_last(a: Steps, b: Steps, c: Steps) -> tuple[Steps, Steps, Steps]:
    """The three with the one that counts most at the end; the last one if they are equal."""
    if c[0] >= a[0] and c[0] >= b[0]:
        return a, b, c
    return (a, c, b) if b[0] >= a[0] else (c, b, a)


_FIELDS = "x y w rows cols x_row x_col y_row y_col us vs x_u x_v w_u w_v where taps"
_RECTANGLE = np.dtype([(name, np.int64) for name in _FIELDS.split()])


def _runs(axis: Axis) -> Iterator[tuple[int, int, int, int, int]]:
    """Outputs with the same taps: (first, how many, input at first tap, first tap, taps)."""
    outs, ins, kernel, stride, before, dilation, backwards = axis

    def met(place: int) -> list[tuple[int, int]]:
        if not backwards:
            pairs = [(u, place * stride - before + u * dilation) for u in range(kernel)]
        else:
            rest = [(u, place + before - u * dilation) for u in reversed(range(kernel))]
            pairs = [(u, far // stride) for u, far in rest if far % stride == 0]
        return [(u, i) for u, i in pairs if 0 <= i < ins]

    for phase in range(stride if backwards else 1):
        places = range(phase, outs, stride if backwards else 1)
        for taps, run in groupby(places, lambda place: [u for u, _ in met(place)]):
            first, *more = run
            if taps:
                yield first, 1 + len(more), met(first)[0][1], taps[0], len(taps)


def _bands(axis: Axis, band: int) -> Iterator[tuple[int, int, int, int, int]]:
    """The runs, cut into pieces of at most ``band`` outputs."""
    out, ins, _, _ = _steps(axis)
    for first, count, source, tap, taps in _runs(axis):
        for n in range(0, count, band):
            yield first + n * out, min(band, count - n), source + n * ins, tap, taps


def _steps(axis: Axis) -> tuple[int, int, int, int]:
    """From one output of a run to the next, in outputs and inputs; tap to tap, in inputs, taps."""
    _, _, _, stride, _, dilation, backwards = axis
    if not backwards:
        return 1, stride, dilation, 1
    common = int(np.gcd(stride, dilation))
    return stride, 1, dilation // common, -stride // common


@lru_cache(256)
def _plan(rows: Axis, cols: Axis, channels: int, tap: int, band: int) -> tuple[Array, bool]:
    """The rectangles, with distances in numbers (``tap``: of two taps); are all outputs in one?"""
    (yi, xi, xu, wu), (yj, xj, xv, wv) = _steps(rows), _steps(cols)
    width, x_row, y_row = cols[2], cols[1] * channels, cols[0] * channels
    records, covered = [], 0
    for (i, height, p, u, us), (j, length, q, v, vs) in product(
        _bands(rows, max(1, band)), _runs(cols)
    ):
        covered += height * length
        x, y, w = p * x_row + q * channels, i * y_row + j * channels, (u * width + v) * tap
        steps = xi * x_row, xj * channels, yi * y_row, yj * channels
        taps = us, vs, xu * x_row, xv * channels, wu * width * tap, wv * tap
        records.append((x, y, w, height, length, *steps, *taps, 0, 0))
    return np.array(records, _RECTANGLE), covered == rows[0] * cols[0]


@lru_cache(256)
def _plan_of_gather(rows: Axis, cols: Axis, channels: int, lanes: int) -> tuple[Array, Array]:
    """The rectangles, once for each tile of taps, and where the taps read x and add to g.

    A tile that is not full repeats its first tap, and adds that to a place that nobody reads.
    """
    band = max(1, 256 // max(1, cols[0]))  # rows of x and gy that stay in the fastest cache
    rectangles: list[Array] = []
    where: list[tuple[int, int]] = []
    nobody = rows[2] * cols[2] * lanes
    for r in _plan(rows, cols, channels, lanes, band)[0]:
        pairs = product(range(r["us"]), range(r["vs"]))
        taps = [
            (u * r["x_u"] + v * r["x_v"], r["w"] + u * r["w_u"] + v * r["w_v"]) for u, v in pairs
        ]
        while taps:
            size = TAPS if len(taps) > 2 * FEW else FEW
            piece, taps = taps[:size], taps[size:]
            r["where"], r["taps"] = 2 * len(where), size
            rectangles.append(r.copy())
            where += piece + [(piece[0][0], nobody)] * (size - len(piece))
    return np.array(rectangles, _RECTANGLE), np.array(where, np.int64).reshape(-1, 2)


@lru_cache(256)
def _spans(channels: int, width: int) -> Array:
    """(first channel, blocks): all blocks that fit, and one that ends at the last channel."""
    spans = [(0, channels // width), (channels - width, 1)]
    return np.array(spans[: 2 if channels % width else 1], np.int64)


def _channels_last(x: Array, width: int) -> Array:
    """(N, C, H, W) -> plain (N, H, W, C), with at least ``width`` channels"""
    return _wide(plain(x.transpose(0, 2, 3, 1)), width)


def _taps(weight: Array, width: int) -> Array:
    """(O, 1, kh, kw) -> plain (kh, kw, at least O + width)

    The gap keeps taps apart that would else be a power of 2 apart, and push each other out of the
    cache.
    """
    taps = weight[:, 0].transpose(1, 2, 0)
    return _wide(taps, max(taps.shape[-1], width) + width)


def _wide(x: Array, width: int) -> Array:
    """``x`` with zeros after its last axis where that has less than ``width`` numbers"""
    if x.shape[-1] >= width:
        return x
    wide = np.zeros((*x.shape[:-1], width), x.dtype)
    wide[..., : x.shape[-1]] = x
    return wide
