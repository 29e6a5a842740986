"""The compiled activations, softmax and sums against long doubles by NumPy and SciPy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from minicnn import Tensor, grad, ops, set_num_threads
from minicnn.kernels import kernel_set
from minicnn.kernels.threads import get_num_threads

overlay = pytest.importorskip(
    "minicnn.kernels.numba", reason="the overlay needs numba: pip install numba"
)
reference = kernel_set("numpy")
DTYPES = [np.float32, np.float64]
rng = np.random.default_rng(0)

# f and f', for long doubles
c = np.longdouble(np.sqrt(2 / np.pi))


def phi(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.longdouble(np.pi))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh_slope(x):
    return 1 - np.tanh(x) ** 2


def bent(x):
    return c * (x + 0.044715 * x**3)


def inside(x, low, high):
    return np.where((x > low) & (x < high), 1, 0)


FORMULAS = {
    "elu": ((0.7,), lambda x: np.where(x > 0, x, 0.7 * np.expm1(np.minimum(x, 0))),
            lambda x: np.where(x > 0, 1, 0.7 * np.exp(np.minimum(x, 0)))),
    "exp": ((), np.exp, None),
    "erf": ((), lambda x: special.erf(x.astype(float)), None),
    "gelu": ((), lambda x: x * special.ndtr(x.astype(float)),
             lambda x: special.ndtr(x.astype(float)) + x * phi(x)),
    "gelu_tanh": ((), lambda x: x / 2 * (1 + np.tanh(bent(x))),
                  lambda x: (1 + np.tanh(bent(x))) / 2
                  + x / 2 * tanh_slope(bent(x)) * c * (1 + 3 * 0.044715 * x * x)),
    "hardsigmoid": ((), lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: inside(x, -3, 3) / 6),
    "hardswish": ((), lambda x: x * np.clip(x + 3, 0, 6) / 6,
                  lambda x: np.clip(x + 3, 0, 6) / 6 + x * inside(x, -3, 3) / 6),
    "hardtanh": ((-1.0, 0.5), lambda x: np.clip(x, -1, 0.5), lambda x: inside(x, -1, 0.5)),
    "leaky_relu": ((0.1,), lambda x: np.where(x > 0, x, 0.1 * x),
                   lambda x: np.where(x > 0, 1, 0.1)),
    "relu": ((), lambda x: np.maximum(x, 0), lambda x: inside(x, 0, np.inf)),
    "sigmoid": ((), sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "silu": ((), lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "softplus": ((), lambda x: np.logaddexp(0, x), sigmoid),
    "tanh": ((), np.tanh, tanh_slope),
}  # fmt: skip
EVERY = [(name, grad) for name, (_, _, slope) in FORMULAS.items() for grad in (False, slope)
         if grad is not None]  # fmt: skip
KERNELS = [f"{name}_grad" if grad else name for name, grad in EVERY]
SPECIAL = [0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 3, -3, 88.7, 89.5, -88, -103, -105]
BEYOND = [709.7, 710, -745, -746, 1e5, -1e5, 1e20, -1e20]


def numbers(dtype, size=4999):
    """An odd count, above the least that is compiled for; large, usual and small ones."""
    parts = (rng.standard_normal(size) * 3, rng.uniform(-80, 80, 500), rng.normal(0, 1e-3, 500))
    return np.concatenate(parts).astype(dtype)


def arguments(name, dtype, x=None):
    x = numbers(dtype) if x is None else x
    gy = (rng.standard_normal(x.shape).astype(dtype),) if name.endswith("_grad") else ()
    return *gy, x, *FORMULAS[name.removesuffix("_grad")][0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
def test_values(name, dtype):
    args = arguments(name, dtype)
    _, f, slope = FORMULAS[name.removesuffix("_grad")]
    x = args[1 if name.endswith("_grad") else 0].astype(np.longdouble)
    want = args[0].astype(np.longdouble) * slope(x) if name.endswith("_grad") else f(x)
    got = getattr(overlay, name)(*args)
    assert got.dtype == dtype
    # The slopes with 1 - tanh^2 and du/dx lose a few digits to that difference.
    ulps = 60 if name == "gelu_tanh_grad" else 10 if name == "tanh_grad" else 4
    eps = ulps * np.finfo(dtype).eps
    np.testing.assert_allclose(got.astype(np.longdouble), want, eps, eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_keeps_its_digits_wherever_there_are_any(dtype):
    least, most = (np.log(m(np.finfo(dtype))) for m in (lambda i: i.tiny, lambda i: i.max))
    x = np.concatenate([numbers(dtype), np.linspace(least, most, 5000).astype(dtype)])
    got, want = overlay.exp(x), np.exp(x.astype(np.longdouble))
    error = np.abs(got / want - 1)[x < most]
    assert error.max() < (1e-7 if dtype == np.float32 else 2.2e-16)
    tiny = np.linspace(least - 12, least, 5000).astype(dtype)  # below the normal numbers
    wrong = np.abs(overlay.exp(tiny).astype(np.longdouble) - np.exp(tiny.astype(np.longdouble)))
    assert wrong.max() <= 1.01 * np.finfo(dtype).smallest_subnormal


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
def test_nan_infinities_and_the_ends_of_the_range(name, dtype):
    x = np.resize(np.array(SPECIAL + BEYOND, dtype), 5000)
    args = arguments(name, dtype, x)
    with np.errstate(all="ignore"):
        want = getattr(reference, name)(*args)
    eps = 60 * np.finfo(dtype).eps
    np.testing.assert_allclose(getattr(overlay, name)(*args), want, eps, eps)


def layouts(x):
    """The same values in other memory orders; the first three without gaps."""
    last = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return last, np.asfortranarray(x), x.copy(), np.flip(np.flip(x).copy()), wide[..., ::2], frozen


@pytest.mark.parametrize("name", KERNELS)
def test_memory_order_changes_no_bit(name):
    x = rng.standard_normal((3, 5, 17, 23)).astype(np.float32)
    *gy, _, = arguments(name, np.float32, x)[: 2 if name.endswith("_grad") else 1]  # fmt: skip
    settings = FORMULAS[name.removesuffix("_grad")][0]
    kernel = getattr(overlay, name)
    want = kernel(*gy, x, *settings)
    for moved in layouts(x):
        np.testing.assert_array_equal(kernel(*gy, moved, *settings), want)
        for g in layouts(gy[0]) if gy else ():
            np.testing.assert_array_equal(kernel(g, moved, *settings), want)
    assert kernel(*gy, layouts(x)[0], *settings).transpose(0, 2, 3, 1).flags.c_contiguous


def rows(dtype, *shape):
    x = (5 * rng.standard_normal(shape)).astype(dtype)
    return x, rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(50, 100), (7, 3, 201), (5, 1000), (3000, 3), (5000, 1)])
def test_softmax_and_its_relatives(shape, dtype):
    x, gy = rows(dtype, *shape)
    exact = x.astype(np.longdouble)
    e = np.exp(exact - exact.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True)
    gx = y * (gy - (gy * y).sum(-1, keepdims=True))
    eps = 30 * np.finfo(dtype).eps
    for axis in (-1, len(shape) - 1):
        np.testing.assert_allclose(overlay.softmax(x, axis), y, eps, eps)
        np.testing.assert_allclose(overlay.softmax_grad(gy, x, axis), gx, eps, eps)
        np.testing.assert_allclose(overlay.log_softmax(x, axis), np.log(y), eps, eps)
    other = overlay.softmax(x, 0).astype(np.longdouble)
    np.testing.assert_allclose(other.sum(0), np.ones(shape[1:]), 100 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_with_nan_and_infinities(dtype):
    x, gy = rows(dtype, 40, 200)
    x[0, 3], x[1, 4], x[2, 5], x[3], x[4, :-1] = np.nan, np.inf, -np.inf, -np.inf, -np.inf
    x[5, 0], x[6, -1], x[7] = -np.nan, np.nan, 1e30
    with np.errstate(all="ignore"):
        for name, args in (
            ("softmax", (x, 1)), ("softmax_grad", (gy, x, 1)), ("log_softmax", (x, 1)),
        ):  # fmt: skip
            got, want = getattr(overlay, name)(*args), getattr(reference, name)(*args)
            np.testing.assert_allclose(got, want, 2e-5, 2e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(50, 100), (5, 1000), (3000, 3)])
@pytest.mark.parametrize("kind", [np.int64, np.uint16])
def test_cross_entropy(shape, dtype, kind):
    x, _ = rows(dtype, *shape)
    labels = rng.integers(0, shape[1], shape[0]).astype(kind)
    logp = special.log_softmax(x.astype(float), 1)
    one_hot = np.eye(shape[1])[labels]
    eps = 20 * np.finfo(dtype).eps
    got = overlay.cross_entropy(x, labels)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, -(one_hot * logp).sum() / len(x), eps)
    gx = overlay.cross_entropy_grad(np.array(0.7, dtype), x, labels)
    assert gx.dtype == dtype
    np.testing.assert_allclose(gx, 0.7 * (np.exp(logp) - one_hot) / len(x), eps, eps / len(x))


SUMS = [(4, 3, 20, 21), (2, 16, 32, 32), (2, 300, 22, 21), (64, 7, 5, 5), (9, 1, 40, 30)]


@pytest.mark.parametrize("shape", SUMS)
def test_sums_over_any_axes_and_orders(shape):
    x = rng.standard_normal(shape).astype(np.float32)
    for moved in layouts(x):
        for axes in ((2, 3), (0, 2, 3), (0,), (1,), (3,), (0, 1), (0, 1, 2, 3), ()):
            got = overlay.sum(moved, axes)
            want = x.astype(float).sum(axes, keepdims=True)
            assert got.shape == want.shape and got.dtype == np.float32
            np.testing.assert_allclose(got, want, 3e-6, 3e-5)


def test_a_sum_of_many_numbers_keeps_its_digits():
    x = np.full((1, 2, 1500, 1000), 0.1, np.float32).transpose(0, 2, 3, 1).copy()
    got = overlay.sum(x.transpose(0, 3, 1, 2), (0, 2, 3)).reshape(-1)
    np.testing.assert_allclose(got, 1.5e6 * np.float64(np.float32(0.1)), 1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_number_of_threads_gives_the_same_bits_every_time(threads):
    x, gy = rows(np.float32, 4, 8, 30, 31)
    before = get_num_threads()
    try:
        set_num_threads(threads)
        for run in (
            lambda: overlay.silu_grad(gy, x), lambda: overlay.softmax_grad(gy, x, -1),
            lambda: overlay.sum(layouts(x)[0], (0, 2, 3)),
        ):  # fmt: skip
            first = run()
            assert all((run() == first).all() for _ in range(5))
    finally:
        set_num_threads(before)


@pytest.mark.parametrize("shape", [(40_000,), (3, 5, 61, 67), (0, 3)])
def test_add(shape):
    a, b = rng.standard_normal((2, *shape)).astype(np.float32)
    for x, y in ((a, b), (a.T, b.T), (a, b[..., ::-1]), (a, b.copy("F"))):
        np.testing.assert_array_equal(overlay.add(x, y), x + y, strict=True)
    np.testing.assert_array_equal(overlay.add(a, b[..., :1]), a + b[..., :1], strict=True)


def test_other_dtypes_and_empty_arrays_are_left_to_the_reference():
    half = numbers(np.float16)
    assert overlay.silu(half).dtype == np.float16
    assert overlay.relu(np.arange(-3000, 3000)).dtype.kind == "i"
    for shape in ((0,), (3, 0, 2), ()):
        assert overlay.silu(np.zeros(shape, np.float32)).shape == shape
        assert overlay.sum(np.ones(shape, np.float32), ()).shape == shape


@pytest.mark.parametrize("name", sorted({*FORMULAS, "relu6"} - {"exp", "erf", "gelu_tanh"}))
def test_recorded_and_unrecorded_gradients_agree(name):
    """The composed formula beside the compiled one, which small arrays never reach."""
    x = Tensor(3 * rng.standard_normal((100, 61)), requires_grad=True)
    options = ({}, {"approximate": "tanh"}) if name == "gelu" else ({},)
    gy = rng.standard_normal(x.shape)
    for option in options:
        y = getattr(ops, name)(x, **option)
        fused, composed = (grad(y, x, gy, create_graph=flag)[0].data for flag in (False, True))
        np.testing.assert_allclose(fused, composed, 1e-12, 1e-12)


def test_cross_entropy_gradients_agree():
    x, labels = Tensor(rng.standard_normal((100, 61)), requires_grad=True), rng.integers(0, 61, 100)
    y = ops.cross_entropy(x, labels)
    fused, composed = (grad(y, x, create_graph=flag)[0].data for flag in (False, True))
    np.testing.assert_allclose(fused, composed, 1e-12, 1e-14)
    weighted = ops.cross_entropy(x, labels, weight=np.ones(61))
    np.testing.assert_allclose(y.data, weighted.data, 1e-13)
    np.testing.assert_allclose(fused, grad(weighted, x)[0].data, 1e-12, 1e-14)


def test_the_formulas_also_run_uncompiled():
    code = """
import numpy as np
from minicnn.kernels import kernel_set
from minicnn.kernels.numba import elementwise, reduction
elementwise.SMALL = reduction.SMALL = 0
fast, slow, x = (*map(kernel_set, ("numba", "numpy")), np.linspace(-5, 5, 50).reshape(2, 25))
assert not hasattr(reduction._sum_rows, "signatures")
for name in elementwise.__dict__.keys() & vars(slow).keys():
    settings = {"elu": (1.0,), "hardtanh": (0.0, 6.0), "leaky_relu": (0.1,)}
    if name not in ("where", "log", "sqrt"):
        args = (x, x) if name.endswith(("_grad", "add")) else (x,)
        args += settings.get(name.removesuffix("_grad"), ())
        assert np.allclose(getattr(fast, name)(*args), getattr(slow, name)(*args)), name
assert np.allclose(fast.softmax_grad(x, x, 1), slow.softmax_grad(x, x, 1))
assert np.allclose(fast.log_softmax(x, 1), slow.log_softmax(x, 1))
assert np.allclose(fast.cross_entropy(x, np.array([3, 4])), slow.cross_entropy(x, np.array([3, 4])))
assert np.allclose(fast.sum(x, (0,)), slow.sum(x, (0,)))
"""
    environment = {**__import__("os").environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)
