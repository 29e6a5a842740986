"""The micro-kernel against float64 NumPy, on this CPU and on others."""

import os
import platform
import re
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from tests import house

pytest.importorskip("numba", reason="compiled kernels need numba: pip install numba")
from numba import njit

from minicnn.kernels.numba.micro.tile import MOST_VECTORS, _strip, most_pixels, strip, strip_code
from minicnn.kernels.numba.micro.vector import REGISTERS, registers_of

X86 = platform.machine().lower() in ("x86_64", "amd64")
DTYPES = "float32", "float64"
VECTORS = range(1, MOST_VECTORS + 1)
INF = np.inf
# counts, distance of rows of A, steps in A, steps in B (times the width)
USUAL = (2, 3, 5), 211, (97, 31, 1), (50, 15, 3)
PLACES = {
    "loops in loops": USUAL,
    "one place": ((1, 1, 1), 1, (0, 0, 0), (0, 0, 0)),
    "columns of a matrix": ((1, 1, 7), 1, (0, 0, 60), (0, 0, 1)),
    "the same row every time": ((1, 2, 3), 0, (0, 5, 1), (0, 4, 1)),
    "backwards": ((2, 2, 3), -9, (-3, 40, -1), (20, -8, -2)),
}
FREE = -INF, INF


@njit
def compiled_strip(
    code, n, a, a0, a_row, b, b0, c, c0, c_row, start, start0, bias, bias0, counts, a_steps,
    b_steps, columns, low, high,
):  # fmt: skip
    strip(
        code, n, a, a0, a_row, b, b0, c, c0, c_row, start, start0, bias, bias0, counts, a_steps,
        b_steps, columns, low, high,
    )  # fmt: skip


def scattered(random, places, dtype):
    """An array with numbers in these places and NaN in all others, which nobody must use."""
    numbers = np.full(places.max() + 9, np.nan, dtype)
    used = np.unique(places)
    numbers[used] = random.standard_normal(len(used))
    return numbers


def sums_of(counts, steps):
    """i * steps[0] + j * steps[1] + m * steps[2], for k = (i, j, m) in order"""
    return (np.indices(counts).reshape(3, -1).T * steps).sum(1)


class Strip:
    """A strip of random numbers, and what should come out of it."""

    def __init__(self, dtype, vectors, n, columns, places=USUAL, seed=0):
        random, width = np.random.default_rng(seed), vectors * REGISTERS.lanes(dtype)
        self.counts, self.a_row, self.a_steps, b_steps = places
        self.b_steps, self.columns, self.dtype = tuple(width * s for s in b_steps), columns, dtype
        self.n, self.code = n, strip_code(np.dtype(dtype).itemsize, vectors)
        across, rows = np.arange(columns), np.arange(n)[:, None]
        a = rows * self.a_row + sums_of(self.counts, self.a_steps)
        b = sums_of(self.counts, self.b_steps)[:, None] + across
        self.a0, self.b0, self.c0, self.c_row = 7 - a.min(), 5 - b.min(), 4, columns + 3
        self.of_a, self.of_b = a + self.a0, b + self.b0
        self.of_c = self.c0 + rows * self.c_row + across
        self.a, self.b = (scattered(random, p, dtype) for p in (self.of_a, self.of_b))
        self.b = np.concatenate([self.b, np.full(width, np.nan, dtype)])  # read, and thrown away
        self.c, self.start = (scattered(random, self.of_c, dtype) for _ in range(2))
        self.bias = np.full(2 + width, np.nan, dtype)
        self.bias[2 : 2 + columns] = random.standard_normal(columns)

    def check(self, kernel=compiled_strip, start="none", has_bias=False, limits=FREE):
        given = {"none": self.c, "own": self.start, "C": self.c}[start]
        right, size = self.answer(None if start == "none" else given, has_bias, limits)
        c = self.c.copy()
        kernel(
            self.code, self.n, self.a, self.a0, self.a_row, self.b, self.b0, c, self.c0,
            self.c_row, c if given is self.c else given, -1 if start == "none" else self.c0,
            self.bias, 2 if has_bias else -1, self.counts, self.a_steps, self.b_steps,
            self.columns, *map(np.dtype(self.dtype).type, limits),
        )  # fmt: skip
        np.testing.assert_array_equal(np.delete(c, self.of_c), np.delete(self.c, self.of_c))
        bound = 40 * np.finfo(self.dtype).eps * size
        np.testing.assert_array_less(np.abs(c[self.of_c] - right), bound)

    def answer(self, start, has_bias, limits):
        """C in float64, and a measure of the numbers that were added."""
        a, b = self.a[self.of_a].astype(float), self.b[self.of_b].astype(float)
        more = np.zeros_like(self.of_c, float)
        more += 0 if start is None else start[self.of_c]
        more += self.bias[2 : 2 + self.columns] if has_bias else 0
        return np.clip(a @ b + more, *limits), 1 + abs(a) @ abs(b) + abs(more)


def columns_of(dtype, vectors):
    """The least and the most, and one between."""
    lanes = REGISTERS.lanes(dtype)
    return sorted({vectors * lanes - n for n in (0, lanes // 2, lanes - 1)})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vectors", VECTORS)
def test_every_tile_and_strips_of_several(vectors, dtype):
    for n, columns in product(range(1, 3 * most_pixels(vectors) + 2), columns_of(dtype, vectors)):
        strip = Strip(dtype, vectors, n, columns)
        for start, has_bias in product(("none", "own", "C"), (False, True)):
            strip.check(start=start, has_bias=has_bias)
        strip.check(start="C", has_bias=True, limits=(-0.5, 0.75))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_numbers_may_lie_anywhere(places, dtype):
    for vectors in VECTORS:
        Strip(dtype, vectors, 5, vectors * REGISTERS.lanes(dtype), places).check()


@pytest.mark.parametrize("limits", [(0, INF), (0, 6), (-INF, 0.25), (0.5, 0.5)])
def test_limits(limits):
    strip = Strip("float32", 2, 7, 2 * REGISTERS.lanes("float32") - 1)
    strip.check(limits=limits, has_bias=True)
    assert np.ptp(strip.answer(None, True, FREE)[0]) > 6  # so, something had to be limited


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_takes_the_same_arguments(dtype):
    strip = Strip(dtype, 2, 3, 2 * REGISTERS.lanes(dtype) - 1)
    for start, has_bias in product(("none", "own", "C"), (False, True)):
        strip.check(_strip, start, has_bias, (-0.5, 0.75))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("limits", [FREE, (-1, 2)], ids=["free", "limited"])
@pytest.mark.parametrize("kernel", [compiled_strip, _strip], ids=["compiled", "Python"])
def test_nan_and_infinities_come_out_as_in_numpy(kernel, limits, dtype):
    """Each in its own row or column: it must not reach the others of its vector or tile."""
    strip = Strip(dtype, 2, 9, 2 * REGISTERS.lanes(dtype) - 1)
    strip.a[strip.of_a[[1, 2, 3], [0, 4, 29]]] = np.nan, INF, -INF
    strip.b[strip.of_b[[3, 4, 4], [0, 1, 2]]] = np.nan, INF, -INF
    strip.b[strip.of_b[4, 0]] = 0  # 0 * inf
    strip.start[strip.of_c[[5, 6, 7], [0, 3, 4]]] = INF, np.nan, -INF
    strip.bias[[2 + 5, 2 + 6]] = np.nan, -INF
    with np.errstate(invalid="ignore"):
        right, _ = strip.answer(strip.start, True, limits)
        c, number = strip.c.copy(), np.dtype(dtype).type
        kernel(
            strip.code, 9, strip.a, strip.a0, strip.a_row, strip.b, strip.b0, c, strip.c0,
            strip.c_row, strip.start, strip.c0, strip.bias, 2, strip.counts, strip.a_steps,
            strip.b_steps, strip.columns, *map(number, limits),
        )  # fmt: skip
    np.testing.assert_allclose(c[strip.of_c], right, 1e-4, 1e-4)
    assert np.isnan(right).sum() < 0.7 * right.size and (np.isinf(right).any() or limits != FREE)


# Other CPUs


@pytest.mark.parametrize(
    ("architecture", "features", "lanes", "count"),
    [
        ("x86_64", "+sse2,+avx2,+fma,+avx512f", (16, 8), 32),
        ("x86_64", "+sse2,+avx2,+fma,-avx512f", (8, 4), 16),
        ("x86_64", "", (4, 2), 16),
        ("arm64", "", (4, 2), 32),
        ("aarch64", "+neon", (4, 2), 32),
        ("riscv64", "", (1, 1), 16),
    ],
)
def test_registers_of_a_cpu(architecture, features, lanes, count):
    registers = registers_of(architecture, features)
    assert (registers.lanes(np.float32), registers.lanes(np.float64)) == lanes
    assert registers.count == count


def test_every_tile_fits_the_registers():
    for vectors in VECTORS:
        assert 1 <= most_pixels(vectors) <= 14
        assert most_pixels(vectors) * vectors + vectors + 1 <= REGISTERS.count
    assert max(v * most_pixels(v) for v in VECTORS) >= 8  # fewer sums leave the CPU waiting


def run(program, **variables):
    """What the program prints in a process of its own."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=house.ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAM = """
from tests import test_micro as t
from minicnn.kernels.numba.cache import counts
for dtype in t.DTYPES:
    for vectors in 1, 2:
        for n, columns in t.product((1, 3, 17), t.columns_of(dtype, vectors)):
            t.Strip(dtype, vectors, n, columns).check(t.compiled_strip, "C", True, (-0.5, 0.75))
print(t.REGISTERS.bytes, t.REGISTERS.count, counts["compiled"])
"""
CPUS = {"generic": "", "haswell": "+avx,+avx2,+fma", "skylake-avx512": "+avx,+avx2,+fma,+avx512f"}


@pytest.mark.skipif(not X86, reason="names x86 CPUs")
@pytest.mark.parametrize("cpu", CPUS)
def test_on_another_cpu(cpu):
    """Machine code without vectors beyond those of 2003, and with those of 2013."""
    bytes_in_one = {"generic": 16, "haswell": 32, "skylake-avx512": 64}[cpu]
    if bytes_in_one > REGISTERS.bytes:
        pytest.skip(f"this CPU has no registers of {bytes_in_one} bytes")
    answer = run(PROGRAM, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=CPUS[cpu])
    assert answer.split()[:2] == [str(bytes_in_one), "32" if bytes_in_one == 64 else "16"]


def test_without_a_compiler():
    assert run(PROGRAM, NUMBA_DISABLE_JIT="1").split()[2] == "0"


def test_the_next_process_compiles_nothing(tmp_path):
    compiled = [run(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path)).split()[2] for _ in range(2)]
    assert compiled == ["4", "0"]  # two widths of two dtypes


ASSEMBLY = """
from numba import float32, njit, types, void
from minicnn.kernels.numba.micro import tile
i, three = types.intp, types.UniTuple(types.intp, 3)
tile.most_pixels = lambda vectors, right=tile.most_pixels: right(vectors) + MORE
for vectors in VECTORS:
    @njit(void(*[i] * 8, three, three, three, i, float32, float32))
    def call(p, a, a_row, b, c, c_row, start, bias, counts, a_steps, b_steps, columns, low, high):
        tile._tile(
            4, vectors, p, a, a_row, b, c, c_row, start, bias, counts, a_steps, b_steps, columns,
            low, high,
        )
    print("@@", tile.most_pixels(vectors))
    print(*call.inspect_asm().values())
"""


def loops(code):
    """The lines of each innermost loop with multiply-adds: from a label to a jump back to it."""
    lines = code.splitlines()
    labels = {line.split(":")[0]: n for n, line in enumerate(lines) if line.startswith(".LBB")}
    jumps = [(re.match(r"\s+j\w+\s+(\.LBB\w+)", line), n) for n, line in enumerate(lines)]
    spans = [(labels[jump[1]], n) for jump, n in jumps if jump and labels[jump[1]] <= n]
    for first, last in spans:
        if not any(first <= a and b <= last and (a, b) != (first, last) for a, b in spans):
            if any("vfmadd" in line for line in lines[first:last]):
                yield lines[first:last]


def spilled(loop):
    """Instructions that move a vector register to the stack or back."""
    return [line for line in loop if "rsp" in line and "mm" in line]


@pytest.mark.skipif(not X86, reason="names x86 CPUs")
@pytest.mark.parametrize("cpu", ["haswell", "skylake-avx512"])
def test_sums_stay_in_the_registers(cpu):
    """Read from the machine code, so the CPU at hand need not have them."""
    program = ASSEMBLY.replace("MORE", "0").replace("VECTORS", str(list(VECTORS)))
    _, *codes = run(program, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=CPUS[cpu]).split("@@")
    for vectors, code in zip(VECTORS, codes, strict=True):
        inner, most = list(loops(code)), int(code.split()[0])
        assert len(inner) >= most, "one for each number of pixels"
        assert most * vectors in [sum("vfmadd" in line for line in loop) for loop in inner]
        assert not sum(map(spilled, inner), [])


@pytest.mark.skipif(not X86, reason="names x86 CPUs")
def test_sums_that_do_not_fit_are_seen_to_move():
    """The check above can fail: tiles of 7 x 2 sums and 3 more registers, of which there are 16."""
    program = ASSEMBLY.replace("MORE", "1").replace("VECTORS", "[2]")
    code = run(program, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=CPUS["haswell"])
    assert any(map(spilled, loops(code)))
