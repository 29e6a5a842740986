"""Products of vectors with vectors, channel by channel: the inside of depthwise convolution.

A matrix product meets every channel with every filter. Here channel l meets only itself, so a
register full of neighbouring channels is multiplied by a register full of their weights:

    correlate:   Y[p, l]  =  clamp( bias[l] + sum over taps t of  X[p, t, l] * W[t, l] )
    gather:      G[t, l] +=  sum over pixels p of  X[p, t, l] * GY[p, l]

Both hold a *tile* of sums in registers while the other index runs: `correlate` has a few pixels
next to each other and runs over the taps, `gather` has a few taps and runs over the pixels.

                     W[t, :]                                     GY[p, :]
                        |                                           |
    X[0, t, :] --*--> [ Y[0, :] ]                X[p, 0, :] --*--> [ G[0, :] ]
    X[1, t, :] --*--> [ Y[1, :] ]                X[p, 1, :] --*--> [ G[1, :] ]
    X[2, t, :] --*--> [ Y[2, :] ]                X[p, 2, :] --*--> [ G[2, :] ]

A number of X is used once per load, so that the loads are what takes the time: two in a cycle on
today's CPUs. The operand at the top is loaded once for the whole column, which is why the column
should be long. It also has to hold several sums that do not wait for one another (see `tile`), and
must not be longer than the registers:  sums + operand at the top + X  <=  registers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from .vector import REGISTERS, Code, Vectors

Array = Any
Steps = tuple[int, ...]

# A block of channels is 64 bytes wide, a line of the cache; where that takes too many registers,
# it is four of them. `PIXELS` is the column of `correlate`, `TAPS` that of `gather`.
BLOCK = min(4, 64 // REGISTERS.bytes)
PIXELS = min(5, (REGISTERS.count - 1) // BLOCK - 1)
TAPS = 9


def block_width(dtype: Any) -> int:
    """Channels in a block of `correlate`."""
    return BLOCK * REGISTERS.lanes(dtype)


def _correlate(
    pixels: int, vectors: int, blocks: int, x: Array, w: Array, y: Array, bias: Array,
    starts: Steps, apart: Steps, loops: tuple[Steps, ...], ends: tuple[float, float],
) -> None:  # fmt: skip
    """Y[p, l] = clamp(bias[l] + sum over t of X[p, t, l] W[t, l]): in Python, for no compiler

    t stands for nested loops, each (count, step in x, step in w). With t = (u, v), with starts =
    (x0, w0, y0, b0), and with apart = the distances of two pixels, (in x, in y):

        X[p, t, l] = x[x0 + p * apart[0] + l + u * loops[0][1] + v * loops[1][1]]
        W[t, l]    = w[w0                + l + u * loops[0][2] + v * loops[1][2]]
        Y[p, l]    = y[y0 + p * apart[1] + l],      bias[l] = bias[b0 + l]

    for l < blocks * vectors * lanes, one block after the other;
    where all arrays are C-contiguous, of one dtype, seen as one row of numbers. clamp moves what
    is outside the two ``ends`` to the nearer one, and keeps NaN. Every count is at least
    1. Nothing is checked; places outside the arrays corrupt memory.
    """
    width = blocks * vectors * REGISTERS.lanes(y.dtype)
    counts, x_steps, w_steps = zip(*loops, strict=True)
    (x0, w0, y0, bias0), (x, w, y) = starts, (a.reshape(-1) for a in (x, w, y))
    for p in range(pixels):
        total = bias[bias0 : bias0 + width]
        for t in np.ndindex(*counts):
            here = x0 + p * apart[0] + int(np.dot(t, x_steps))
            tap = w0 + int(np.dot(t, w_steps))
            total = total + x[here : here + width] * w[tap : tap + width]
        here = y0 + p * apart[1]
        y[here : here + width] = np.clip(total, *ends)


def _gather(
    taps: int, vectors: int, gy: Array, x: Array, g: Array, where: Array, starts: Steps,
    loops: tuple[Steps, ...],
) -> None:  # fmt: skip
    """G[t, l] += sum over p of X[p, t, l] GY[p, l]: in Python, for no compiler

    p stands for nested loops, each (count, step in gy, step in x). With p = (i, j), with starts =
    (gy0, x0, g0, w0):

        X[p, t, l] = x[x0 + where[w0 + 2 * t]     + l + i * loops[0][2] + j * loops[1][2]]
        GY[p, l]   = gy[gy0                       + l + i * loops[0][1] + j * loops[1][1]]
        G[t, l]    = g[g0 + where[w0 + 2 * t + 1] + l],        l < vectors * lanes

    The sum is in the dtype of x, and then added to g in float64. Otherwise as `correlate`.
    """
    width = vectors * REGISTERS.lanes(x.dtype)
    counts, gy_steps, x_steps = zip(*loops, strict=True)
    (gy0, x0, g0, w0), (gy, x, g) = starts, (a.reshape(-1) for a in (gy, x, g))
    for from_x, to_g in where.reshape(-1)[w0 : w0 + 2 * taps].reshape(taps, 2):
        total = np.zeros(width, x.dtype)
        for p in np.ndindex(*counts):
            here = x0 + from_x + int(np.dot(p, x_steps))
            other = gy0 + int(np.dot(p, gy_steps))
            total = total + x[here : here + width] * gy[other : other + width]
        g[g0 + to_g : g0 + to_g + width] += total


@intrinsic(prefer_literal=True)
def _correlate_in_registers(
    typing: Any, pixels: Any, vectors: Any, blocks: Any, x: Any, w: Any, y: Any, bias: Any,
    starts: Any, apart: Any, loops: Any, ends: Any,
) -> Any:  # fmt: skip
    """`_correlate` for compiled code: the arguments' types in, a signature and a writer out."""
    signature = types.void(
        pixels, vectors, types.intp, x, w, y, bias, starts, apart, loops, ends
    )  # fmt: skip
    return signature, _write_correlate


def _write_correlate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Code:
    call = _Call(context, builder, signature, args, _correlate)
    vectors, given = call.registers, call.given
    pixels, across = call.literal("pixels"), call.literal("vectors")
    loops, (x_apart, y_apart) = call.loops(), call.numbers("apart")
    low, high = (_everywhere(vectors, builder.extract_value(given["ends"], n)) for n in (0, 1))

    def tap(places: list[Code], sums: list[Code]) -> list[Code]:
        x, w = places
        return call.column(call.apart(x, x_apart, pixels), w, sums)

    def block(places: list[Code], nothing: list[Code]) -> list[Code]:
        x, w, y, bias = places
        start = [vectors.load(p) for p in call.side_by_side(bias, across)]
        sums = _loops(builder, loops, [x, w], start * pixels, tap)
        rows = call.apart(y, y_apart, pixels)
        for n, total in enumerate(sums):
            total = builder.select(builder.fcmp_ordered(">", low, total), low, total)
            total = builder.select(builder.fcmp_ordered("<", high, total), high, total)
            vectors.store(total, call.side_by_side(rows[n // across], across)[n % across])
        return nothing

    width = ir.Constant(_INDEX, across * vectors.lanes)
    places = call.places("x", "w", "y", "bias")
    _loops(builder, [[given["blocks"], *[width] * 4]], places, [], block)
    return context.get_dummy_value()


@intrinsic(prefer_literal=True)
def _gather_in_registers(
    typing: Any, taps: Any, vectors: Any, gy: Any, x: Any, g: Any, where: Any, starts: Any,
    loops: Any,
) -> Any:  # fmt: skip
    """`_gather` for compiled code: the arguments' types in, a signature and a writer out."""
    return types.void(taps, vectors, gy, x, g, where, starts, loops), _write_gather


def _write_gather(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Code:
    call = _Call(context, builder, signature, args, _gather)
    vectors = call.registers
    taps, across = call.literal("taps"), call.literal("vectors")
    gy, x, g, where = call.places("gy", "x", "g", "where")
    table = [builder.load(p) for p in call.apart(where, ir.Constant(_INDEX, 1), 2 * taps)]

    def step(places: list[Code], sums: list[Code]) -> list[Code]:
        gy, x = places
        return call.column([builder.gep(x, [from_x]) for from_x in table[::2]], gy, sums)

    sums = _loops(builder, call.loops(), [gy, x], [vectors.zero] * (taps * across), step)
    wide = Vectors(builder, ir.DoubleType(), vectors.lanes)
    results = [p for to in table[1::2] for p in call.side_by_side(builder.gep(g, [to]), across)]
    for total, p in zip(sums, results, strict=True):
        if vectors.type != wide.type:
            total = builder.fpext(total, wide.type)
        wide.store(builder.fadd(wide.load(p), total), p)
    return context.get_dummy_value()


_INDEX = ir.IntType(64)


class _Call:
    """One call of an intrinsic: its arguments by the names they have in ``python``."""

    def __init__(
        self, context: Any, builder: ir.IRBuilder, signature: Any, args: Any, python: Callable
    ) -> None:
        names = python.__code__.co_varnames[: python.__code__.co_argcount]
        self.context, self.builder = context, builder
        self.kinds = dict(zip(names, signature.args, strict=True))
        self.given = dict(zip(names, args, strict=True))
        dtype = self.kinds["x"].dtype
        lanes = REGISTERS.lanes(str(dtype))
        self.registers = Vectors(builder, context.get_data_type(dtype), lanes)

    def literal(self, name: str) -> int:
        """A size that was a constant in the calling code."""
        return self.kinds[name].literal_value

    def numbers(self, name: str) -> list[Code]:
        """The numbers of a tuple, as indices."""
        return self._indices(self.given[name], self.kinds[name])

    def loops(self) -> list[list[Code]]:
        """[count, step of one place, step of the other] for every loop, outermost first."""
        return [
            self._indices(self.builder.extract_value(self.given["loops"], n), kinds)
            for n, kinds in enumerate(self.kinds["loops"])
        ]

    def _indices(self, given: Code, kinds: Any) -> list[Code]:
        parts = [(self.builder.extract_value(given, n), kind) for n, kind in enumerate(kinds)]
        return [self.context.cast(self.builder, part, kind, types.intp) for part, kind in parts]

    def places(self, *arrays: str) -> list[Code]:
        """Where each array has the number that ``starts`` says."""
        made = [
            self.context.make_array(self.kinds[a])(self.context, self.builder, self.given[a])
            for a in arrays
        ]
        starts = zip(made, self.numbers("starts"), strict=True)
        return [self.builder.gep(array.data, [start]) for array, start in starts]

    def column(self, rows: list[Code], top: Code, sums: list[Code]) -> list[Code]:
        """sums[row, l] + X[row, l] * top[l]: one step of the picture at the top of this file"""
        load, across = self.registers.load, len(sums) // len(rows)
        tops = [load(place) for place in self.side_by_side(top, across)]
        numbers = [load(place) for row in rows for place in self.side_by_side(row, across)]
        return [
            self.registers.multiply_add(number, tops[n % across], total)
            for n, (number, total) in enumerate(zip(numbers, sums, strict=True))
        ]

    def apart(self, start: Code, distance: Code, count: int) -> list[Code]:
        """``count`` places, the first at ``start``, each ``distance`` after the one before."""
        return [
            self.builder.gep(start, [self.builder.mul(distance, ir.Constant(_INDEX, n))])
            for n in range(count)
        ]

    def side_by_side(self, start: Code, count: int) -> list[Code]:
        """The places of ``count`` vectors that lie one after the other."""
        return self.apart(start, ir.Constant(_INDEX, self.registers.lanes), count)


def _loops(
    builder: ir.IRBuilder, loops: list, places: list[Code], sums: list[Code], step: Callable
) -> list[Code]:
    """Nested loops around ``step``, which takes places and sums and returns new sums.

    A value that changes from round to round is a *phi*: the first round takes it from the block of
    code before the loop, the others from the end of the round before. All sums are phis, and that
    is what keeps them in registers.
    """
    if not loops:
        return step(places, sums)
    (count, *steps), *inner = loops
    before, body = builder.block, builder.append_basic_block("loop")
    builder.branch(body)
    builder.position_at_end(body)
    first = [ir.Constant(_INDEX, 0), *places, *sums]
    carried = [builder.phi(value.type) for value in first]
    done, places, sums = carried[0], carried[1 : 1 + len(steps)], carried[1 + len(steps) :]
    sums = _loops(builder, inner, places, sums, step)
    done = builder.add(done, ir.Constant(_INDEX, 1))
    moved = [builder.gep(place, [by]) for place, by in zip(places, steps, strict=True)]
    for phi, start, after in zip(carried, first, [done, *moved, *sums], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(after, builder.block)
    end = builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed("<", done, count), body, end)
    builder.position_at_end(end)
    return sums


def _everywhere(vectors: Vectors, number: Code) -> Code:
    """``number`` in every lane."""
    builder, unset = vectors.builder, ir.Constant(vectors.type, ir.Undefined)
    every = ir.Constant(ir.VectorType(ir.IntType(32), vectors.lanes), [0] * vectors.lanes)
    first = builder.insert_element(unset, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, unset, every)


_without_compiler = vars(config)["DISABLE_JIT"]
correlate: Callable[..., None] = _correlate if _without_compiler else _correlate_in_registers
gather: Callable[..., None] = _gather if _without_compiler else _gather_in_registers
