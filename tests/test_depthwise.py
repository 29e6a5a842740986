"""The compiled depthwise convolution and its gradients, against naive loops in float64."""

import os
import platform
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from minicnn.kernels import kernel_set, threads
from tests import house

pytest.importorskip("numba", reason="compiled kernels need numba: pip install numba")

from minicnn.kernels.numba import depthwise

ROUNDING = {"float32": 1e-5, "float64": 1e-13}
ONE, TWO = (1, 1), (2, 2)
SAME, NONE = ((1, 1), (1, 1)), ((0, 0), (0, 0))
# n, channels, filters per channel, size, kernel, stride, padding, dilation
CASES = [
    (2, 32, 1, (9, 14), (3, 3), ONE, SAME, ONE),
    (1, 37, 1, (40, 33), (3, 3), ONE, SAME, ONE),  # no multiple of a vector; wide
    (9, 5, 1, (2, 2), (3, 3), ONE, SAME, ONE),  # fewer channels than a vector; many images
    (2, 16, 1, (1, 1), (3, 3), ONE, SAME, ONE),
    (3, 17, 2, (7, 8), (3, 3), TWO, SAME, ONE),
    (1, 24, 1, (14, 13), (5, 5), TWO, ((2, 2), (2, 2)), ONE),
    (1, 16, 1, (12, 15), (5, 3), (2, 3), ((0, 3), (5, 1)), (3, 2)),  # nothing alike
    (1, 16, 1, (11, 12), (2, 2), (4, 3), NONE, TWO),  # pixels between the taps
    (1, 16, 1, (12, 12), (3, 3), (4, 4), NONE, (6, 6)),  # common divisors
    (2, 16, 1, (3, 3), (1, 1), ONE, ((4, 0), (0, 5)), ONE),  # windows in the padding alone
    (2, 16, 1, (6, 6), (4, 7), ONE, ((1, 2), (3, 3)), ONE),
]


def arrays(n, c, m, size, kernel, stride, padding, dilation, dtype="float64"):
    random = np.random.default_rng(0)
    x = random.standard_normal((n, *size, c)).astype(dtype).transpose(0, 3, 1, 2)
    weight = random.standard_normal((c * m, 1, *kernel)).astype(dtype)
    out = [
        (h + sum(p) - d * (k - 1) - 1) // s + 1
        for h, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    gy = random.standard_normal((n, *out, c * m)).astype(dtype).transpose(0, 3, 1, 2)
    return x, weight, gy, (stride, padding, dilation)


def naive(x, weight, gy, how):
    """y, gx and gw: pixel after pixel, tap after tap."""
    (sh, sw), ((top, _), (left, _)), (dh, dw) = how
    x, weight, gy = (a.astype(float) for a in (x, weight, gy))
    y, gx, gw = np.zeros_like(gy), np.zeros_like(x), np.zeros_like(weight)
    source = np.arange(len(weight)) // (len(weight) // x.shape[1])  # the channel of each filter
    for i, j, u, v in product(*map(range, (*gy.shape[2:], *weight.shape[2:]))):
        p, q = i * sh + u * dh - top, j * sw + v * dw - left
        if 0 <= p < x.shape[2] and 0 <= q < x.shape[3]:
            pixel, tap, out = x[:, source, p, q], weight[:, 0, u, v], gy[:, :, i, j]
            y[:, :, i, j] += pixel * tap
            np.add.at(gx[:, :, p, q], (slice(None), source), out * tap)
            gw[:, 0, u, v] += (pixel * out).sum(0)
    return y, gx, gw


def computed(x, weight, gy, how):
    return (
        depthwise.depthwise_conv2d(x, weight, *how),
        depthwise.depthwise_conv2d_input_grad(gy, weight, x.shape, *how),
        depthwise.depthwise_conv2d_weight_grad(gy, x, weight.shape, *how),
    )


@pytest.fixture
def number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads._chosen)
    return threads.set_num_threads


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("case", CASES)
def test_against_naive_loops(case, dtype, number_of_threads):
    given = arrays(*case, dtype)
    answers = naive(*given)
    for count in (1, 2, 3):
        number_of_threads(count)
        for ours, again, right in zip(computed(*given), computed(*given), answers, strict=True):
            assert ours.shape == right.shape and ours.dtype == dtype
            assert ours.tobytes() == again.tobytes()
            scale = max(1, np.abs(right).max(initial=0))
            np.testing.assert_allclose(ours, right, rtol=0, atol=ROUNDING[dtype] * scale)


def test_any_strides_come_in():
    x, weight, gy, how = arrays(*CASES[0])
    right = computed(x, weight, gy, how)
    wide = np.repeat(x, 2, 3)[..., ::2]
    turned = weight[::-1].copy()[::-1]
    for given in ((np.ascontiguousarray(x), weight), (wide, turned)):
        for ours, answer in zip(computed(*given, gy.copy(), how), right, strict=True):
            np.testing.assert_array_equal(ours, answer)


def test_bias_and_clamping():
    x, weight, gy, how = arrays(2, 16, 1, (3, 3), (1, 1), ONE, ((4, 0), (0, 5)), ONE)
    bias = np.linspace(-3, 8, 16)
    x[0, 3, 1, 1] = np.nan
    y = depthwise.depthwise_conv2d_limited(x, weight, bias, *how, None, (0.0, 6.0), {})
    right = np.clip(naive(x, weight, gy, how)[0] + bias[:, None, None], 0, 6)
    np.testing.assert_allclose(y, right, rtol=0, atol=1e-14)
    assert np.isnan(y).sum() == 1


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[9]], ids=str)
def test_residual_and_limits(case):
    x, weight, gy, how = arrays(*case)
    y, bias = naive(x, weight, gy, how)[0], np.random.default_rng(1).standard_normal(len(weight))
    memory = {}
    for w, shift, residual, limits in product(
        (weight, 2 * weight), (None, bias), (None, gy), (None, (0, np.inf), (-0.25, 0.5))
    ):
        ours = depthwise.depthwise_conv2d_limited(x, w, shift, *how, residual, limits, memory)
        right = (y if w is weight else 2 * y) + (0 if shift is None else shift[:, None, None])
        right = right + (0 if residual is None else residual)
        right = right if limits is None else np.clip(right, *limits)
        np.testing.assert_allclose(ours, right, 1e-10, 1e-10)


def test_nothing_in_nothing_out():
    x, weight, gy, how = arrays(0, 16, 1, (5, 5), (3, 3), ONE, SAME, ONE)
    y, gx, gw = computed(x, weight, gy, how)
    assert y.shape == (0, 16, 5, 5) and gx.shape == x.shape and not gw.any()


@pytest.mark.parametrize("place", [(1, 5, 0, 0), (0, 20, 4, 4)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", range(3))
def test_nan_and_infinity_come_out_as_in_numpy(which, value, place):
    """The reference multiplies the zeros of the padding, too."""
    x, weight, gy, how = arrays(2, 37, 1, (8, 8), (3, 3), ONE, SAME, ONE)
    given, reference = [x, weight, gy], kernel_set("numpy")
    given[which][tuple(np.minimum(place, np.array(given[which].shape) - 1))] = value
    with np.errstate(invalid="ignore"):
        ours = computed(*given, how)
        right = (
            reference.depthwise_conv2d(x, weight, *how),
            reference.depthwise_conv2d_input_grad(gy, weight, x.shape, *how),
            reference.depthwise_conv2d_weight_grad(gy, x, weight.shape, *how),
        )
    for one, other in zip(ours, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_long_sums_are_as_exact_as_those_of_torch():
    torch = pytest.importorskip("torch", reason="compares rounding: pip install torch")
    x, weight, gy, how = arrays(8, 32, 1, (64, 64), (3, 3), ONE, SAME, ONE, "float32")
    right = depthwise.depthwise_conv2d_weight_grad(
        gy.astype(float), x.astype(float), weight.shape, *how
    )
    ours = depthwise.depthwise_conv2d_weight_grad(gy, x, weight.shape, *how)
    theirs = torch.ops.aten.convolution_backward(
        *(torch.from_numpy(a) for a in (gy, x, weight)), None, [1, 1], [1, 1], [1, 1], False,
        [0, 0], 32, [False, True, False],
    )[1].numpy()  # fmt: skip
    assert np.linalg.norm(ours - right) <= np.linalg.norm(theirs - right)


def run(program, **variables):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, cwd=house.ROOT,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


UNCOMPILED = """
import numpy as np
from tests import test_depthwise as t
for dtype in t.ROUNDING:
    for case in (2, 3, 9), (1, 19, 9), (9, 5, 2):
        n, c, size = case
        given = t.arrays(n, c, 1, (size, size), (3, 3), t.TWO, t.SAME, t.ONE, dtype)
        for ours, right in zip(t.computed(*given), t.naive(*given)):
            np.testing.assert_allclose(ours, right, rtol=0, atol=20 * t.ROUNDING[dtype])
"""


def test_without_a_compiler():
    run(UNCOMPILED, NUMBA_DISABLE_JIT="1")


ASSEMBLY = """
from numba import float32, float64, int64, njit, types, void
from minicnn.kernels.numba.micro import depthwise as micro
P, T, B = micro.PIXELS, micro.TAPS, micro.BLOCK
two, three, four = (types.UniTuple(int64, n) for n in (2, 3, 4))
ends = types.UniTuple(float32, 2)
@njit(void(*[float32[::1]] * 4, four, two, types.UniTuple(three, 2), ends, int64))
def correlate(x, w, y, b, starts, apart, loops, ends, n):
    micro.correlate(P, B, n, x, w, y, b, starts, apart, loops, ends)
@njit(void(*[float32[::1]] * 2, float64[::1], int64[::1], four, types.UniTuple(three, 3)))
def gather(gy, x, g, where, starts, loops):
    micro.gather(T, 1, gy, x, g, where, starts, loops)
print(P * B, T)
for function in correlate, gather:
    print("@@", *function.inspect_asm().values())
"""
CPUS = {"skylake-avx512": "+avx,+avx2,+fma,+avx512f", "haswell": "+avx,+avx2,+fma"}


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="names x86 CPUs")
@pytest.mark.parametrize("cpu", CPUS)
def test_sums_stay_in_the_registers(cpu):
    """Read from the machine code, so the CPU at hand need not have them."""
    sizes, *codes = run(ASSEMBLY, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=CPUS[cpu]).split("@@")
    for sums, code in zip(sizes.split(), codes, strict=True):
        lines = code.splitlines()
        places = [n for n, line in enumerate(lines) if "vfmadd" in line]
        moves = [
            line for line in lines[places[0] : places[-1]] if "vfmadd" in line or "vmov" in line
        ]
        assert len(places) >= int(sums)
        assert not any("rsp" in line for line in moves), "sums are moved to memory and back"
