"""The product of a matrix with one vector, against NumPy in float64."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, no_grad, ops

pytest.importorskip("numba", reason="the kernels of this test are compiled by Numba")

from minicnn.kernels.numba.one_row import ROWS, times_vector
from minicnn.kernels.numba.product import matmul

ROUNDING = {np.float32: 1e-6, np.float64: 1e-14}


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = minicnn.get_num_threads()
    minicnn.set_num_threads(request.param)
    yield request.param
    minicnn.set_num_threads(before)


def arrays(rows, k, dtype=np.float64):
    rng = np.random.default_rng(rows + k)
    return rng.standard_normal((rows, k)).astype(dtype), rng.standard_normal(k).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "k"), [(ROWS, 3), (5, 1), (7, 64), (18, 0), (29, 1000), (31, 77)])
def test_any_size(rows, k, dtype, threads):
    a, x = arrays(rows, k, dtype)
    right = a.astype(np.float64) @ x.astype(np.float64)
    y = times_vector(a, x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, right, rtol=0, atol=ROUNDING[dtype] * max(k, 1))
    assert (times_vector(a, x) == y).all(), "the same bits again"


def test_a_large_product_takes_this_way():
    a, x = arrays(600, 500, np.float32)
    y = matmul(x[None], a.T)
    assert (y[0] == times_vector(a, x)).all()
    wide = np.stack([x, x], 1)
    assert (matmul(wide.T[:1], a.T) == y).all()


def test_nan_and_infinity_stay():
    a, x = arrays(40, 50)
    a[3, 7], a[5, 2], x[9] = np.nan, np.inf, 0
    a[8, 9] = np.inf  # times 0
    y = times_vector(a, x)
    assert np.isnan(y[[3, 8]]).all() and np.isinf(y[5]) and np.isfinite(y).sum() == 37


def test_a_linear_layer_with_one_image():
    weight, x = arrays(1000, 512, np.float32)
    bias = np.linspace(-1, 1, 1000, dtype=np.float32)
    with no_grad():
        y = ops.linear(Tensor(x[None]), Tensor(weight), Tensor(bias)).data
    np.testing.assert_allclose(y[0], weight.astype(np.float64) @ x + bias, rtol=0, atol=2e-4)
