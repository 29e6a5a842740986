"""The CPU's vector registers, and the few vector instructions that this folder is written in.

A vector register holds several numbers side by side, its *lanes*; one instruction works on all of
them. Which registers there are depends on the CPU, so it is looked up when this file is imported:

    CPU                          bytes   float32 lanes   float64 lanes   registers
    x86-64 with AVX-512            64         16               8            32
    x86-64 with AVX2               32          8               4            16
    ARM 64 (NEON)                  16          4               2            32
    any other x86-64 (SSE2)        16          4               2            16
    anything else                   -          1               1            16

Numba's settings NUMBA_CPU_NAME, NUMBA_CPU_FEATURES and NUMBA_ENABLE_AVX count as the CPU's word, so
`NUMBA_CPU_NAME=generic` runs here what an older CPU would run.

Sources: Intel, Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapters 10,
14, 15; Arm, Architecture Reference Manual for A-profile, A1.4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_process_triple
from numba.core import cgutils, codegen, config

Code = Any  # an LLVM value: what a piece of machine code will have computed
INDEX = ir.IntType(64)


@dataclass(frozen=True)
class Registers:
    """The vector registers of a CPU: bytes in each, and how many there are."""

    bytes: int
    count: int

    def lanes(self, dtype: Any) -> int:
        """Numbers of this dtype in one register, at least 1."""
        return max(1, self.bytes // np.dtype(dtype).itemsize)


def registers_of(architecture: str, features: str) -> Registers:
    """The registers of a CPU from its name in LLVM ("x86_64") and features ("+avx2,-avx512f")."""
    present = set(features.split(","))
    if architecture in ("aarch64", "arm64"):
        return Registers(16, 32)
    if architecture not in ("x86_64", "amd64"):
        return Registers(4, 16)
    if "+avx512f" in present:
        return Registers(64, 32)
    return Registers(32 if "+avx2" in present else 16, 16)


def _features() -> str:
    """What Numba compiles for: the user's setting, else what the CPU reports."""
    chosen = vars(config)["CPU_FEATURES"]
    return codegen.get_host_cpu_features() if chosen is None else chosen


REGISTERS = registers_of(get_process_triple().split("-")[0], _features())


class Vectors:
    """Writes instructions on vectors of one dtype at the place where ``builder`` stands."""

    def __init__(self, builder: ir.IRBuilder, number: ir.Type, lanes: int) -> None:
        self.builder, self.number, self.lanes = builder, number, lanes
        self.type = ir.VectorType(number, lanes)
        self.align = 8 if isinstance(number, ir.DoubleType) else 4  # arrays promise no more
        self.zero = ir.Constant(self.type, [0.0] * lanes)
        self._mask = ir.VectorType(ir.IntType(1), lanes)
        self._suffix = f"v{lanes}f{8 * self.align}"

    def load(self, pointer: Code, mask: Code = None) -> Code:
        """The numbers that lie from ``pointer`` on; lanes outside the mask are 0 and not read."""
        pointer = self._cast(pointer)
        if mask is None:
            return self.builder.load(pointer, align=self.align)
        kinds = [pointer.type, ir.IntType(32), self._mask, self.type]
        place = [pointer, ir.Constant(ir.IntType(32), self.align)]
        return self._call(
            f"masked.load.{self._suffix}.p0", self.type, kinds, [*place, mask, self.zero]
        )

    def store(self, vector: Code, pointer: Code, mask: Code = None) -> None:
        """Put the lanes where ``pointer`` points and after; those outside the mask stay away."""
        pointer = self._cast(pointer)
        if mask is None:
            self.builder.store(vector, pointer, align=self.align)
            return
        kinds = [self.type, pointer.type, ir.IntType(32), self._mask]
        place = [pointer, ir.Constant(ir.IntType(32), self.align)]
        self._call(f"masked.store.{self._suffix}.p0", ir.VoidType(), kinds, [vector, *place, mask])

    def first(self, count: Code) -> Code:
        """The mask of the first ``count`` lanes."""
        kind = ir.VectorType(INDEX, self.lanes)
        numbers = ir.Constant(kind, list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self._every(count, kind))

    def spread(self, number: Code) -> Code:
        """One number in every lane."""
        return self._every(number, self.type)

    def multiply_add(self, x: Code, y: Code, z: Code) -> Code:
        """x * y + z: rounded once where the CPU can do so in one instruction, else twice."""
        return self._call(f"fmuladd.{self._suffix}", self.type, [self.type] * 3, [x, y, z])

    def within(self, vector: Code, low: Code, high: Code) -> Code:
        """min(max(x, low), high); a NaN stays one, because no comparison with it is true."""
        low_or_more = self.builder.select(self.builder.fcmp_ordered("<", vector, low), low, vector)
        return self.builder.select(
            self.builder.fcmp_ordered(">", low_or_more, high), high, low_or_more
        )

    def _every(self, number: Code, kind: ir.VectorType) -> Code:
        unset, first = ir.Constant(kind, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(
            self.builder.insert_element(unset, number, first), unset, places
        )

    def _call(self, name: str, result: ir.Type, kinds: list[ir.Type], values: list[Code]) -> Code:
        signature = ir.FunctionType(result, kinds)
        function = cgutils.get_or_insert_function(self.builder.module, signature, f"llvm.{name}")
        return self.builder.call(function, values)

    def _cast(self, pointer: Code) -> Code:
        return self.builder.bitcast(pointer, self.type.as_pointer())
