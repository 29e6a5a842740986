"""Products of matrices against formulas: shapes, memory orders, leading axes, threads, NaN."""

from itertools import product

import numpy as np
import pytest

pytest.importorskip("numba", reason="the overlay needs numba")

from minicnn.kernels import threads
from minicnn.kernels.numba.product import matmul

DTYPES = [np.float32, np.float64]


def assert_close(ours, right, size, dtype):
    """Up to the rounding of each addition; ``size`` is the sum of what is added, without signs."""
    assert ours.shape == right.shape and ours.dtype == dtype
    error = 4 * np.finfo(dtype).eps * np.sqrt(1000) * (size + 1)
    assert np.all(np.abs(ours - right) <= error)


@pytest.fixture
def number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads._chosen)
    return threads.set_num_threads


# (m, k, n): small ones, which NumPy multiplies; tall, wide and few rows; above and below a tile.
SHAPES = [
    (2, 3, 5), (64, 64, 64), (65, 64, 64), (700, 33, 17), (31, 7, 1300), (1, 600, 500),
    (16, 200, 100), (17, 200, 100), (3, 1, 100_000), (1000, 1, 300), (250, 481, 33),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matmul(shape, dtype, number_of_threads):
    m, k, n = shape
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(s).astype(dtype) for s in ((m, k), (k, n)))
    right, size = a.astype(float) @ b, abs(a).astype(float) @ abs(b)
    wide = np.repeat(a, 2, 1)[:, ::2]
    for count, x, y in product((1, 2, 3), (a, a.copy("F"), wide), (b, b.copy("F"), b[::-1][::-1])):
        number_of_threads(count)
        ours = matmul(x, y)
        assert_close(ours, right, size, dtype)
        assert ours.tobytes() == matmul(x, y).tobytes()


# Leading axes broadcast; vectors; sizes of zero; beyond the last vector; fewer rows than threads.
BATCHES = [
    ((4, 70, 80), (80, 90)), ((4, 70, 80), (4, 80, 90)), ((2, 1, 70, 80), (3, 80, 90)),
    ((70, 80), (2, 80, 90)), ((600,), (600, 700)), ((600,), (2, 600, 700)), ((300,), (600, 300, 7)),
    ((2, 70, 80), (2, 80, 0)), ((0, 70, 80), (80, 90)), ((0, 70, 80), (0, 80, 90)),
    ((500, 0), (0, 600)), ((2, 70, 0), (2, 0, 90)), ((5, 0, 80), (5, 80, 9)), ((7, 9, 6), (6, 5)),
    ((3, 2, 65, 33), (3, 2, 33, 65)), ((64, 17, 31), (64, 31, 33)), ((2, 1, 3), (500, 2, 3, 2)),
    ((3, 2, 600), (3, 600, 300)), ((1, 300, 7), (1, 7, 200)), ((3, 500, 1), (3, 1, 500)),
    ((40, 1, 40, 30), (1, 5, 30, 20)), ((5, 16, 1000), (5, 1000, 20)),
]  # fmt: skip
# The order of the axes in memory: that of the shape, as attention makes it, and transposed.
ORDERS = [(0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (3, 1, 2, 0)]


def turned(a, order):
    """The same numbers, their axes in memory as ``order`` says"""
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


@pytest.mark.parametrize(("left", "right"), BATCHES, ids=str)
def test_leading_axes_of_matmul(left, right):
    random = np.random.default_rng(0)
    a, b = random.standard_normal(left), random.standard_normal(right)
    want = np.einsum("...ik,...kj->...ij", np.atleast_2d(a), b)
    want = want[..., 0, :] if a.ndim == 1 else want
    for x in (a, a.copy("F"), np.repeat(a, 2, -1)[..., ::2], a[::-1].copy()[::-1]):
        np.testing.assert_allclose(matmul(x, b), want, 1e-10, 1e-10)
    for y in (b.copy("F"), np.repeat(b, 2, -2)[..., ::2, :], b[..., ::-1].copy()[..., ::-1]):
        np.testing.assert_allclose(matmul(a, y), want, 1e-10, 1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("right", ORDERS)
@pytest.mark.parametrize("left", ORDERS)
def test_products_of_heads(left, right, dtype, number_of_threads):
    """Any order of axes in memory, read-only; the threads do not show in the result."""
    random = np.random.default_rng(0)
    a = turned(random.standard_normal((5, 3, 65, 47)).astype(dtype), left)
    b = turned(random.standard_normal((5, 3, 47, 66)).astype(dtype), right)
    a.flags.writeable = b.flags.writeable = False
    want, size = (
        np.einsum("nhik,nhkj->nhij", f(a.astype(float)), f(b.astype(float)))
        for f in (np.positive, np.abs)
    )
    results = []
    for count in (1, 2, 3, 100):
        number_of_threads(count)
        results.append(matmul(a, b))
        assert_close(results[-1], want, size, dtype)
    assert all(y.tobytes() == results[0].tobytes() for y in results)


def test_one_matrix_repeated_without_memory():
    random = np.random.default_rng(0)
    a, b = random.standard_normal((40, 50)), random.standard_normal((50, 60))
    y = matmul(np.broadcast_to(a, (9, 2, 40, 50)), np.broadcast_to(b, (9, 2, 50, 60)))
    np.testing.assert_allclose(y, np.broadcast_to(a @ b, (9, 2, 40, 60)), 1e-10, 1e-10)


def test_nan_and_infinity_in_matmul():
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 91, 91))
    a[90, 3], a[4, 5], b[2, 90], b[7, 0] = np.inf, np.nan, -np.inf, np.nan
    b[3, [1, 90]] = 0
    with np.errstate(invalid="ignore"):
        right = a @ b
    for x, y in ((a, b), (a.copy("F"), b), (a, b.copy("F"))):
        np.testing.assert_allclose(matmul(x, y), right, 1e-10, 1e-10)
        many = matmul(np.stack([x, x, x]), np.stack([y, y, y]))
        np.testing.assert_allclose(many, np.stack([right] * 3), 1e-10, 1e-10)
    assert np.isnan(right).sum() == 91 + 90 + 2
