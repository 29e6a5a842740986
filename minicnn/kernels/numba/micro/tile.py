"""The micro-kernel: the small matrix product inside every fast kernel, in vector registers.

    C[p, l] = start[p, l] + bias[l] + sum over k of A[p, k] * B[k, l]

for p < pixels and l < vectors * lanes. C is a *tile*: so small that it stays in registers while k
runs, and is written once at the end. Here pixels = 3, vectors = 2, and a register has 4 lanes:

                           B[k, :]   [ b0 b1 b2 b3 ][ b4 b5 b6 b7 ]     2 registers, loaded
                                            |              |
    A[0, k] -> [ a a a a ] --*-->    [    C[0, 0:4] ][    C[0, 4:8] ]
    A[1, k] -> [ a a a a ] --*-->    [    C[1, 0:4] ][    C[1, 4:8] ]   3 * 2 registers, the sums
    A[2, k] -> [ a a a a ] --*-->    [    C[2, 0:4] ][    C[2, 4:8] ]
               1 register,
               filled anew for each row

One step of k loads `vectors` registers of B and `pixels` single numbers of A, and does
pixels * vectors multiply-adds with them. A larger tile therefore does more arithmetic per load, and
has more sums that do not wait for one another: an addition takes about 4 cycles, and a CPU starts
two in each cycle, so fewer than 8 sums leave it idle. The limit is

    pixels * vectors  +  vectors  +  1   <=   registers
       the sums            B       A[p,k]

Beyond it sums move to memory and back in each step (*spilling*), which costs more than it gains.
(Goto, van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008, section 6.)

A *strip* is a row of tiles, as long as one likes: all kernels call `strip`. A compiler does not
find this form from plain loops: it would have to keep an array in registers. So the instructions
are written one by one, with LLVM (`writer`), as a Numba *intrinsic*: a function that is called in
compiled code like any other, and whose body is made of instructions instead of Python.
No `fastmath`: k runs in order, NaN and infinities come out as in NumPy, and every run gives the
same bits.
"""
# mypy: allow-untyped-defs

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from ..compiled import compiled_callback
from .vector import INDEX, REGISTERS, Code, Vectors
from .writer import TileWriter

Array = Any
Steps = tuple[int, int, int]

MOST_VECTORS = 4  # in a tile; with more, too few pixels fit
_WITHOUT_COMPILER = vars(config)["DISABLE_JIT"]


def most_pixels(vectors: int) -> int:
    """The highest tile of this width: pixels * vectors + vectors + 1 <= registers.

    Not more than 14, so that the addresses of the rows of A find room in registers too.
    """
    return min((REGISTERS.count - 1) // vectors - 1, 14)


def _strip(
    code: int, n: int, a: Array, a0: int, a_row: int, b: Array, b0: int, c: Array, c0: int,
    c_row: int, start: Array, start0: int, bias: Array, bias0: int, counts: Steps, a_steps: Steps,
    b_steps: Steps, columns: int, low: float, high: float,
) -> None:  # fmt: skip
    """C[p, l] = start[p, l] + bias[l] + sum over k of A[p, k] B[k, l], limited to [low, high]

    for p < n and l < columns. k stands for three nested loops; with k = (i, j, m)

        A[p, k] = a[a0 + p * a_row + i * a_steps[0] + j * a_steps[1] + m * a_steps[2]]
        B[k, l] = b[b0 + l         + i * b_steps[0] + j * b_steps[1] + m * b_steps[2]]
        C[p, l] = c[c0 + p * c_row + l]
        start[p, l] = start[start0 + p * c_row + l],  bias[l] = bias[bias0 + l]

    where all arrays are flat and of one dtype, float32 or float64. A negative start0 or bias0
    stands for zeros. ``code`` is `strip_code(itemsize, vectors)`, and columns must end in the last
    of so many vectors; B and bias are read to its end. Every count must be at least 1; nothing is
    checked, and places outside the arrays corrupt memory.
    This is what runs with NUMBA_DISABLE_JIT=1; compiled code has `_compiled_strip` in its place.
    """
    for p in range(n):
        place = slice(c0 + p * c_row, c0 + p * c_row + columns)
        total = np.zeros(columns, c.dtype)
        if start0 >= 0:
            total = total + start[start0 + p * c_row :][:columns]
        if bias0 >= 0:
            total = total + bias[bias0 : bias0 + columns]
        for k in np.ndindex(*counts):
            here = b0 + int(np.dot(k, b_steps))
            total = total + a[a0 + p * a_row + int(np.dot(k, a_steps))] * b[here : here + columns]
        c[place] = np.minimum(np.maximum(total, low), high)


@intrinsic
def _compiled_strip(
    typing: Any, code: Any, n: Any, a: Any, a0: Any, a_row: Any, b: Any, b0: Any, c: Any, c0: Any,
    c_row: Any, start: Any, start0: Any, bias: Any, bias0: Any, counts: Any, a_steps: Any,
    b_steps: Any, columns: Any, low: Any, high: Any,
) -> Any:  # fmt: skip
    """`_strip` for compiled code: the arguments' types in, a signature and a writer out."""
    i, number = types.intp, c.dtype
    if not a.dtype == b.dtype == start.dtype == bias.dtype == number:
        return None
    return types.void(
        i, i, a, i, i, b, i, c, i, i, start, i, bias, i, _THREE, _THREE, _THREE, i, number, number
    ), _write_call


_THREE = types.UniTuple(types.intp, 3)
_ARGUMENTS = _strip.__code__.co_varnames[: _strip.__code__.co_argcount]


def _write_call(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Code:
    """Turn arrays and places into addresses, and call the code that `strip_code` has compiled."""
    given, kinds = (dict(zip(_ARGUMENTS, x, strict=True)) for x in (args, signature.args))
    zero = ir.Constant(INDEX, 0)

    def address(name: str) -> Code:
        array = context.make_array(kinds[name])(context, builder, given[name])
        return builder.ptrtoint(builder.gep(array.data, [given[name + "0"]]), INDEX)

    def address_or_none(name: str) -> Code:
        return builder.select(
            builder.icmp_signed("<", given[name + "0"], zero), zero, address(name)
        )

    values = [
        given["n"], address("a"), given["a_row"], address("b"), address("c"), given["c_row"],
        address_or_none("start"), address_or_none("bias"),
        *(builder.extract_value(given[name], k) for name in _LOOPS for k in range(3)),
        given["columns"], given["low"], given["high"],
    ]  # fmt: skip
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(given["code"], kind.as_pointer()), values)
    return context.get_dummy_value()


_LOOPS = ("counts", "a_steps", "b_steps")
strip: Callable[..., None] = _strip if _WITHOUT_COMPILER else _compiled_strip


@cache
def strip_code(itemsize: int, vectors: int) -> int:
    """The address of the machine code of a strip, for numbers of 4 or 8 bytes.

    All kernels call the same code, so the micro-kernel is compiled once for each width, and not
    again within each of them.
    """
    if _WITHOUT_COMPILER:
        return 0
    number = types.float64 if itemsize == 8 else types.float32
    most = most_pixels(vectors)

    # fmt: off
    def code(
        n, a, a_row, b, c, c_row, start, bias, n0, n1, n2, a0, a1, a2, b0, b1, b2, columns, low,
        high,
    ):
        # fmt: on
        tiles = (n + most - 1) // most
        done = 0
        for t in range(tiles):
            pixels = n * (t + 1) // tiles - done  # all about the same: 7 = 4 + 3, not 6 + 1
            here = done * c_row * itemsize
            _tile(
                itemsize, vectors, pixels, a + done * a_row * itemsize, a_row, b, c + here, c_row,
                start + here if start else 0, bias, (n0, n1, n2), (a0, a1, a2), (b0, b1, b2),
                columns, low, high,
            )  # fmt: skip
            done += pixels

    return compiled_callback(code, types.void(*[types.intp] * 18, number, number)).address


@intrinsic(prefer_literal=True)
def _tile(
    typing: Any, itemsize: Any, vectors: Any, pixels: Any, a: Any, a_row: Any, b: Any, c: Any,
    c_row: Any, start: Any, bias: Any, counts: Any, a_steps: Any, b_steps: Any, columns: Any,
    low: Any, high: Any,
) -> Any:  # fmt: skip
    """One tile, at addresses; itemsize and vectors are constants.

    There is one intrinsic for all tiles, because Numba's cache on disk recognises code that names a
    module's function, not one made on the way.
    """
    i, number = types.intp, types.float64 if itemsize.literal_value == 8 else types.float32
    return types.void(
        itemsize, vectors, i, i, i, i, i, i, i, i, _THREE, _THREE, _THREE, i, number, number
    ), _write_tile


_TILE_ARGUMENTS = (
    "itemsize", "vectors", "pixels", "a", "a_row", "b", "c", "c_row", "start", "bias", *_LOOPS,
    "columns", "low", "high",
)  # fmt: skip


def _write_tile(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Code:
    """A `switch` on the number of pixels, with one tile for each."""
    given = dict(zip(_TILE_ARGUMENTS, args, strict=True))
    itemsize, vectors = (signature.args[n].literal_value for n in range(2))
    number = ir.DoubleType() if itemsize == 8 else ir.FloatType()
    registers = Vectors(builder, number, max(1, REGISTERS.bytes // itemsize))
    for name in _LOOPS:
        given[name] = [builder.extract_value(given[name], n) for n in range(3)]
    for name in ("a", "b", "c", "start", "bias"):
        given[name] = builder.inttoptr(given[name], number.as_pointer())
    end = builder.append_basic_block("end")
    choice = builder.switch(given["pixels"], end)
    for pixels in range(1, most_pixels(vectors) + 1):
        block = builder.append_basic_block(f"pixels{pixels}")
        choice.add_case(ir.Constant(INDEX, pixels), block)
        builder.position_at_end(block)
        TileWriter(registers, given, pixels, vectors).write()
        builder.branch(end)
    builder.position_at_end(end)
    return context.get_dummy_value()
