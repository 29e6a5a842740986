"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3).

A tile of 4x4 pixels of y needs a tile d of 6x6 pixels of x. With the filter g (3x3) it is

    y = A^T [ (G g G^T) * (B^T d B) ] A          * number by number, summed over input channels

           | 1     1     1     1     1     0 |          | 1   0   0  | / aabb
    A^T  = | 0     a    -a     b    -b     0 |          | 1   a   aa | / 2aa(aa - bb)
           | 0    aa    aa    bb    bb     0 |     G =  | 1  -a   aa | / 2aa(aa - bb)
           | 0   aaa  -aaa   bbb  -bbb     1 |          | 1   b   bb | / 2bb(bb - aa)
                                                        | 1  -b   bb | / 2bb(bb - aa)
           | aabb  0   -aa-bb    0    1   0 |           | 0   0   1  |
           |  0  -abb    -bb     a    1   0 |
    B^T  = |  0   abb    -bb    -a    1   0 |
           |  0  -aab    -aa     b    1   0 |
           |  0   aab    -aa    -b    1   0 |
           |  0  aabb     0   -aa-bb  0   1 |

36 multiplications in place of 16 * 9 = 144. Why: seen as coefficients, convolution multiplies two
polynomials; that can also be done by multiplying their values at enough points, here 0, a, -a, b,
-b and infinity (the rows of G), and going back to coefficients. The paper has a = 1, b = 2. The
numbers in the matrices are why this rounds more than the plain sum, and 5/8 and 3/2 keep them
closer together: a third of the error.

The sum over channels makes each of the 36 places p of a tile a product of matrices,

    M[p, tile, o] = sum over c of V[p, tile, c] U[p, c, o]          V = B^T d B,  U = G g G^T

which the micro-kernel computes. Loop order: part, group of tiles, place, panel of outputs. While
the panels pass by, the numbers of V for one place stay in the nearest caches; and the larger a
group, the less often U is read, which is four times as large as the weights.

Papers: Lavin, Gray, "Fast algorithms for convolutional neural networks", 2016, sections 4.1 and
4.3; Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for deep
neural networks", 2020 (which points).
"""

from typing import Any, NamedTuple

import numpy as np

from minicnn.kernels.precision import get_precision
from minicnn.kernels.reference.conv import Padding, Pair
from minicnn.kernels.threads import get_num_threads

from .bands import share
from .compiled import compiled_parallel, plain, subroutine
from .micro.tile import strip, strip_code
from .micro.vector import REGISTERS

Array = Any

WIDTH = 64  # channels that are transformed side by side
ROW = 6 * WIDTH  # numbers from a row of a tile to the next
TILE = 6 * ROW
VECTORS = 2
PANEL = VECTORS * REGISTERS.lanes(np.float32)  # outputs that are summed at a time
GROUP = 48  # tiles

# float32, because Numba makes float64 of float32 * int
A, B = np.float32(5 / 8), np.float32(3 / 2)
AA, AAA, BB, BBB, AABB = A * A, A * A * A, B * B, B * B * B, A * A * B * B
OF_0, OF_A, OF_B = 1 / AABB, 1 / (2 * AA * (AA - BB)), 1 / (2 * BB * (BB - AA))


class Filters(NamedTuple):
    """U[p, panel, c, PANEL], flat, with zeros for the channels up to whole blocks and panels."""

    data: Array
    inputs: int
    outputs: int


class Sizes(NamedTuple):
    """Of x, of y, tiles in a column and a row of y, and how far before x the first one begins."""

    h: int
    w: int
    c: int
    oh: int
    ow: int
    o: int
    down: int
    right: int
    top: int
    left: int


def wins(
    weight: Array, images: tuple[int, int, int], stride: Pair, dilation: Pair, groups: int,
    kept: bool = False,
) -> bool:  # fmt: skip
    """Whether this is allowed, possible, and faster for ``images`` (N, H, W) of results.

    Each side counts what it does for a pair of channels, in pixels of the direct sum. The numbers
    were measured with AVX2: a step of the products costs 5 pixels for each tile, transforming a
    tile 100 divided by the channels of the other side, transforming and reading a filter 220, and
    reading alone, where transformed filters are ``kept``, 60.
    """
    if get_precision() != "fast" or weight.dtype != np.float32 or weight.shape[2:] != (3, 3):
        return False
    if (stride, dilation, groups) != ((1, 1), (1, 1), 1) or 0 in (*images, *weight.shape):
        return False
    (o, c), (n, h, w) = weight.shape[:2], images
    deep, wide = _blocks(c) * WIDTH, _blocks(o) * WIDTH
    tiles = n * -(-h // 4) * -(-w // 4)
    per_tile = 5 * deep / c + 100 * (deep + wide) / (c * o)
    return tiles * per_tile + (60 if kept else 220) < n * h * w


def conv2d(
    x: Array, filters: Filters, bias: Array | None, size: Pair, corner: Pair,
    residual: Array | None = None, low: float = -np.inf, high: float = np.inf,
) -> Array:  # fmt: skip
    """y (N, O, *size) + residual, limited; the first window begins at -corner of x (N, C, H, W)"""
    (n, c, h, w), o, parts = x.shape, filters.outputs, get_num_threads()
    sizes = Sizes(h, w, c, *size, o, -(-size[0] // 4), -(-size[1] // 4), *corner)
    tail = np.zeros(_blocks(o) * WIDTH, np.float32)
    if bias is not None:
        tail[:o] = bias
    start = np.zeros(WIDTH, np.float32)
    if residual is not None:
        start = plain(residual.transpose(0, 2, 3, 1)).reshape(-1)
    tiles = n * sizes.down * sizes.right
    most = -(-tiles // parts)
    group = -(-most // -(-most // GROUP))  # all about the same
    y = np.empty((n, *size, o), np.float32)
    v = np.empty((parts, _blocks(c) * group * TILE), np.float32)
    m = np.empty((parts, _blocks(o) * group * TILE), np.float32)
    _winograd(
        parts, strip_code(4, VECTORS), plain(x.transpose(0, 2, 3, 1)).reshape(-1), filters.data,
        tail, start, residual is not None, y.reshape(-1), v, m, tiles, group, sizes,
        np.float32(low), np.float32(high),
    )  # fmt: skip
    return y.transpose(0, 3, 1, 2)


def conv2d_limited(
    x: Array, weight: Array, bias: Array | None, size: Pair, padding: Padding,
    residual: Array | None, limits: tuple[float, float] | None, memory: dict[str, Any],
) -> Array:  # fmt: skip
    """conv2d whose transformed filters are kept in the memory"""
    if memory.get("transformed") is not weight:
        memory.update(transformed=weight, filters=transformed(weight))
    corner, limits = (padding[0][0], padding[1][0]), limits or (-np.inf, np.inf)
    return conv2d(x, memory["filters"], bias, size, corner, residual, *limits)


def conv2d_input_grad(gy: Array, weight: Array, size: Pair, padding: Padding) -> Array:
    """gx (N, C, *size): the convolution of gy with each filter turned by half a turn"""
    corner = 2 - padding[0][0], 2 - padding[1][0]
    return conv2d(gy, transformed(weight, True), None, size, corner)


def transformed(weight: Array, backwards: bool = False) -> Filters:
    """U of a weight (O, C, 3, 3); backwards, of the turned filters from outputs to inputs"""
    o, c = weight.shape[:2]
    steps, first, (inputs, outputs) = (9, c * 9, 3, 1), 0, (c, o)
    if backwards:
        steps, first, (inputs, outputs) = (c * 9, 9, -3, -1), 8, (o, c)
    panels = -(-outputs // PANEL)
    u = np.empty(36 * panels * _blocks(inputs) * WIDTH * PANEL, np.float32)
    _transform(get_num_threads(), plain(weight).reshape(-1), first, steps, inputs, outputs, u)
    return Filters(u, inputs, outputs)


def _blocks(channels: int) -> int:
    return -(-channels // WIDTH)


@compiled_parallel
def _winograd(
    part: int, parts: int, code: int, x: Array, u: Array, bias: Array, start: Array,
    has_start: bool, y: Array, v: Array, m: Array, tiles: int, group: int, sizes: Sizes,
    low: float, high: float,
) -> None:  # fmt: skip
    first, last = share(True, tiles, part, parts)
    v, m = v[part], m[part]
    scratch = np.empty((2, TILE), np.float32)
    for t0 in range(first, last, group):
        count = min(group, last - t0)
        for t in range(count):
            _tile_of_x(x, sizes, t0 + t, v[t * TILE :], group * TILE, scratch)
        _products(code, v, u, m, count, group, sizes)
        for t in range(count):
            _tile_of_y(
                m[t * TILE :], group * TILE, bias, start, has_start, y, sizes, t0 + t, scratch,
                low, high,
            )  # fmt: skip


@subroutine
def _products(
    code: int, v: Array, u: Array, m: Array, count: int, group: int, sizes: Sizes,
) -> None:  # fmt: skip
    """M[p, tile, o] = sum over c of V[p, tile, c] U[p, c, o] for the tiles of a group"""
    blocks, panels = (sizes.c + WIDTH - 1) // WIDTH, (sizes.o + PANEL - 1) // PANEL
    panel, in_block = blocks * WIDTH * PANEL, WIDTH // PANEL
    counts, v_steps, u_steps = (1, blocks, WIDTH), (0, group * TILE, 1), (0, WIDTH * PANEL, PANEL)
    for p in range(36):
        for q in range(panels):
            to = q // in_block * group * TILE + p * WIDTH + q % in_block * PANEL
            strip(
                code, count, v, p * WIDTH, TILE, u, (p * panels + q) * panel, m, to, TILE, m, -1,
                m, -1, counts, v_steps, u_steps, PANEL, np.float32(-np.inf), np.float32(np.inf),
            )  # fmt: skip


@subroutine
def _tile_of_x(
    x: Array, sizes: Sizes, tile: int, v: Array, block_step: int, scratch: Array,
) -> None:  # fmt: skip
    """V = B^T d B of one tile, for all blocks of channels"""
    n, i, j = _place(tile, sizes)
    i, j = i - sizes.top, j - sizes.left
    pixels, half = scratch[0], scratch[1]
    for block in range((sizes.c + WIDTH - 1) // WIDTH):
        channel = block * WIDTH
        inside = min(WIDTH, sizes.c - channel)
        for r in range(6):
            for s in range(6):
                to = pixels[r * ROW + s * WIDTH : r * ROW + (s + 1) * WIDTH]
                if 0 <= i + r < sizes.h and 0 <= j + s < sizes.w:
                    at = ((n * sizes.h + i + r) * sizes.w + j + s) * sizes.c + channel
                    _copy(x[at : at + inside], to)
                else:
                    to[:] = 0
        _input_pass(pixels, half)
        _input_pass(half, v[block * block_step : block * block_step + TILE])


@subroutine
def _place(tile: int, sizes: Sizes) -> tuple[int, int, int]:
    """The image of a tile, and the row and column where it begins in y"""
    row, column = tile // sizes.right, tile % sizes.right
    return row // sizes.down, row % sizes.down * 4, column * 4


@subroutine
def _copy(source: Array, to: Array) -> None:
    """to = source, zeros after its end"""
    for k in range(len(source)):
        to[k] = source[k]
    if len(source) < len(to):
        to[len(source) :] = 0


@subroutine
def _input_pass(d: Array, e: Array) -> None:
    """e[s, :] = B^T d[:, s]: the axis that is transformed comes last, so two of them are B^T d B"""
    for s in range(6):
        column, row = d[s * WIDTH :], e[s * ROW : (s + 1) * ROW]
        for k in range(WIDTH):
            d0, d1, d2 = column[k], column[k + ROW], column[k + 2 * ROW]
            d3, d4, d5 = column[k + 3 * ROW], column[k + 4 * ROW], column[k + 5 * ROW]
            even_a, odd_a = d4 - BB * d2, A * (d3 - BB * d1)
            even_b, odd_b = d4 - AA * d2, B * (d3 - AA * d1)
            row[k] = AABB * d0 - (AA + BB) * d2 + d4
            row[k + WIDTH] = even_a + odd_a
            row[k + 2 * WIDTH] = even_a - odd_a
            row[k + 3 * WIDTH] = even_b + odd_b
            row[k + 4 * WIDTH] = even_b - odd_b
            row[k + 5 * WIDTH] = AABB * d1 - (AA + BB) * d3 + d5


@subroutine
def _tile_of_y(
    m: Array, block_step: int, bias: Array, start: Array, has_start: bool, y: Array, sizes: Sizes,
    tile: int, scratch: Array, low: float, high: float,
) -> None:  # fmt: skip
    """y = start + bias + A^T M A of one tile, as far as it lies inside y, limited"""
    n, i, j = _place(tile, sizes)
    half, whole = scratch[0], scratch[1]
    for block in range((sizes.o + WIDTH - 1) // WIDTH):
        channel = block * WIDTH
        inside = min(WIDTH, sizes.o - channel)
        _output_pass(m[block * block_step : block * block_step + TILE], half, 6)
        _output_pass(half, whole, 4)
        for r in range(min(4, sizes.oh - i)):
            for s in range(min(4, sizes.ow - j)):
                at = ((n * sizes.oh + i + r) * sizes.ow + j + s) * sizes.o + channel
                begins = at if has_start else 0
                _finish(
                    whole[r * ROW + s * WIDTH :], bias[channel:], start[begins : begins + inside],
                    y[at : at + inside], low, high,
                )  # fmt: skip


@subroutine
def _output_pass(m: Array, e: Array, columns: int) -> None:
    """e[s, :] = A^T m[:, s]: two of them are A^T M A"""
    for s in range(columns):
        column, row = m[s * WIDTH :], e[s * ROW : (s + 1) * ROW]
        for k in range(WIDTH):
            m0, m1, m2 = column[k], column[k + ROW], column[k + 2 * ROW]
            m3, m4, m5 = column[k + 3 * ROW], column[k + 4 * ROW], column[k + 5 * ROW]
            even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
            row[k] = m0 + even_a + even_b
            row[k + WIDTH] = A * odd_a + B * odd_b
            row[k + 2 * WIDTH] = AA * even_a + BB * even_b
            row[k + 3 * WIDTH] = AAA * odd_a + BBB * odd_b + m5


@subroutine
def _finish(sums: Array, bias: Array, start: Array, y: Array, low: float, high: float) -> None:
    """y = sums + bias + start, limited to [low, high]; NaN stays NaN"""
    for k in range(len(y)):
        value = sums[k] + bias[k] + start[k]
        value = low if value < low else value
        y[k] = high if value > high else value


@compiled_parallel
def _transform(
    part: int, parts: int, weight: Array, first: int, steps: tuple, inputs: int, outputs: int,
    u: Array,
) -> None:  # fmt: skip
    """U = G g G^T; the parts divide the panels. WIDTH holds a panel's filters from some inputs."""
    deep, panels = (inputs + WIDTH - 1) // WIDTH * WIDTH, (outputs + PANEL - 1) // PANEL
    scratch = np.empty((3, TILE), np.float32)
    g, half, whole = scratch[0], scratch[1], scratch[2]
    q_from, q_to = share(True, panels, part, parts)
    for q in range(q_from, q_to):
        count = min(PANEL, outputs - q * PANEL)
        for c in range(0, deep, WIDTH // PANEL):
            for k in range(WIDTH // PANEL):
                start = first + (c + k) * steps[0] + q * PANEL * steps[1]
                _read_filters(weight, start, steps, g[k * PANEL :], count if c + k < inputs else 0)
            _filter_pass(g, half, 3)
            _filter_pass(half, whole, 6)
            for p in range(36):
                at = ((p * panels + q) * deep + c) * PANEL
                _copy(whole[p * WIDTH : (p + 1) * WIDTH], u[at : at + WIDTH])


@subroutine
def _read_filters(weight: Array, start: int, steps: tuple, g: Array, count: int) -> None:
    """g[r, s, k] = tap (r, s) of the filter from one input to output k of a panel, or 0"""
    for r in range(3):
        for s in range(3):
            to = g[r * ROW + s * WIDTH :]
            at = start + r * steps[2] + s * steps[3]
            for k in range(count):
                to[k] = weight[at]
                at += steps[1]
            for k in range(count, PANEL):
                to[k] = 0


@subroutine
def _filter_pass(g: Array, e: Array, columns: int) -> None:
    """e[s, :] = G g[:, s]: two of them are G g G^T"""
    for s in range(columns):
        column, row = g[s * WIDTH :], e[s * ROW : (s + 1) * ROW]
        for k in range(WIDTH):
            g0, g1, g2 = column[k], column[k + ROW], column[k + 2 * ROW]
            even_a, odd_a = OF_A * (g0 + AA * g2), OF_A * A * g1
            even_b, odd_b = OF_B * (g0 + BB * g2), OF_B * B * g1
            row[k] = OF_0 * g0
            row[k + WIDTH] = even_a + odd_a
            row[k + 2 * WIDTH] = even_a - odd_a
            row[k + 3 * WIDTH] = even_b + odd_b
            row[k + 4 * WIDTH] = even_b - odd_b
            row[k + 5 * WIDTH] = g2
