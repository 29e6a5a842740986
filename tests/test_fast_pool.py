"""The pools of every kernel set against loops written here, on shapes that their tricks could trip.

The loops know one thing, `meetings`: which window meets which pixel.
"""

import numpy as np
import pytest

from minicnn import Tensor, grad, ops, use_kernels
from minicnn.kernels import kernel_set

SETS = ["numpy", "numba"]
# (kernel, stride, ((top, bottom), (left, right)), dilation)
GEOMETRY = {
    "2x2": ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    "3x3 overlapping": ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    "3x3 at every pixel": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "gaps": ((2, 1), (3, 4), ((0, 1), (0, 0)), (1, 1)),
    "rims of different width": ((3, 2), (2, 1), ((1, 2), (0, 1)), (1, 1)),
    "dilated": ((2, 3), (1, 2), ((1, 1), (2, 1)), (3, 2)),
    "more than nine pixels": ((4, 3), (2, 3), ((2, 1), (1, 1)), (1, 1)),
    "a number above a byte": ((17, 16), (1, 1), ((8, 8), (8, 8)), (1, 1)),
}


@pytest.fixture(params=SETS)
def kernels(request):
    if request.param == "numba":
        pytest.importorskip("numba", reason="the overlay needs numba: pip install numba")
    return kernel_set(request.param)


def meetings(size, kernel, stride, padding, dilation):
    """All (i, j, number, p, q): pixel ``number`` of window (i, j) is pixel (p, q) of the image."""
    counts = [
        (size[a] + sum(padding[a]) - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1
        for a in (0, 1)
    ]
    for i, j, u, v in np.ndindex(*counts, *kernel):
        p = i * stride[0] + u * dilation[0] - padding[0][0]
        q = j * stride[1] + v * dilation[1] - padding[1][0]
        if 0 <= p < size[0] and 0 <= q < size[1]:
            yield i, j, u * kernel[1] + v, p, q


def winners(x, *how):
    """{(n, c, i, j): (value, number, p, q)} of max pooling."""
    found = {}
    for i, j, number, p, q in meetings(x.shape[2:], *how):
        for n, c in np.ndindex(*x.shape[:2]):
            new, old = x[n, c, p, q], found.get((n, c, i, j))
            if old is None or new > old[0] or np.isnan(new):
                found[n, c, i, j] = (new, number, p, q)
    return found


def last(a):
    """The same values, channels-last in memory."""
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def numbers(shape, dtype=np.float64):
    """Few different numbers (so, ties), with infinities and NaN."""
    rng = np.random.default_rng(0)
    values, odds = [-1, 0, 2, np.inf, -np.inf, np.nan], [0.3, 0.3, 0.3, 0.02, 0.06, 0.02]
    return rng.choice(values, shape, p=odds).astype(dtype)


@pytest.mark.parametrize("channels", [1, 3, 15, 17, 40])
@pytest.mark.parametrize("how", GEOMETRY.values(), ids=GEOMETRY)
def test_max_pool_and_its_gradient_are_those_of_loops(kernels, how, channels):
    x = last(numbers((3, channels, 9, 8)))
    y, winner = kernels.max_pool2d(x, *how)
    expected = winners(x, *how)
    assert len(expected) == y.size
    gy = last(np.random.default_rng(1).standard_normal(y.shape))
    gx = np.zeros(x.shape)
    for at, (value, number, p, q) in expected.items():
        np.testing.assert_equal((y[at], winner[at]), (value, number))
        gx[at[0], at[1], p, q] += gy[at]
    got = kernels.put_pixels(gy, winner, x.shape, *how)
    np.testing.assert_allclose(got, gx, rtol=1e-13, atol=1e-13)
    taken = kernels.take_pixels(x, winner, *how)
    np.testing.assert_array_equal(taken, y)


@pytest.mark.parametrize("channels", [1, 3, 15, 17, 40])
@pytest.mark.parametrize("how", [h for h in GEOMETRY.values() if h[3] == (1, 1)])
def test_sum_pool_and_its_gradient_are_those_of_loops(kernels, how, channels):
    rng, how = np.random.default_rng(2), how[:3]
    x = last(rng.standard_normal((3, channels, 9, 8)))
    y = kernels.sum_pool2d(x, *how)
    gy = last(rng.standard_normal(y.shape))
    expected, gx = np.zeros(y.shape), np.zeros(x.shape)
    for i, j, _, p, q in meetings(x.shape[2:], *how, (1, 1)):
        expected[:, :, i, j] += x[:, :, p, q]
        gx[:, :, p, q] += gy[:, :, i, j]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        kernels.sum_pool2d_input_grad(gy, x.shape, *how), gx, rtol=1e-12, atol=1e-12
    )


def test_the_winner_takes_one_byte_where_that_suffices(kernels):
    x = np.zeros((1, 1, 20, 20))
    for kernel, dtype in (((2, 2), np.uint8), ((16, 16), np.uint8), ((16, 17), np.int64)):
        _, winner = kernels.max_pool2d(x, kernel, (1, 1), ((0, 0), (0, 0)), (1, 1))
        assert winner.dtype == dtype


def test_an_infinity_stays_among_its_own_channels_and_windows(kernels):
    """Wrong numbers are computed beside every pixel of few channels; none may be left."""
    x = np.zeros((2, 3, 6, 6), np.float32)
    x[0, 1, 2, 3] = np.inf
    y = kernels.sum_pool2d(last(x), (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert np.argwhere(y).tolist() == [[0, 1, 1, 1]]
    gy = np.zeros((2, 3, 3, 3), np.float32)
    gy[1, 2, 0, 2] = np.nan
    gx = kernels.sum_pool2d_input_grad(last(gy), x.shape, (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert {tuple(at[:2]) for at in np.argwhere(gx)} == {(1, 2)} and np.isnan(gx).sum() == 4


SHAPES = [(5, 6, 28, 28), (1, 64, 56, 56), (3, 20, 33, 31), (2, 1, 200, 200)]


@pytest.mark.parametrize("shape", SHAPES)
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, shape):
    overlay = pytest.importorskip("minicnn.kernels.numba.pool", reason="needs numba")
    parts = pytest.importorskip("minicnn.kernels.numba.parts", reason="needs numba")
    x = last(np.random.default_rng(3).standard_normal(shape).astype(np.float32))
    how = ((3, 3), (2, 2), ((1, 1), (1, 1)))
    results = []
    for count in (1, 2, 3, 1000):
        monkeypatch.setattr(parts, "get_num_threads", lambda count=count: count)
        y, winner = overlay.max_pool2d(x, *how, (1, 1))
        gx = overlay.put_pixels(y, winner, shape, *how, (1, 1))
        total = overlay.sum_pool2d(x, *how)
        results.append((y, winner, gx, total, overlay.sum_pool2d_input_grad(y, shape, *how)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_winner_that_is_none_is_refused():
    overlay = pytest.importorskip("minicnn.kernels.numba.pool", reason="needs numba")
    how = ((2, 2), (2, 2), ((1, 0), (1, 0)), (1, 1))
    for number in (0, 1, 2, 4, 255):  # number 3 alone lies in the image
        with pytest.raises(IndexError, match="winners must lie in the image, got 2 outside"):
            overlay.put_pixels(
                np.ones((1, 2, 1, 1)), np.full((1, 2, 1, 1), number), (1, 2, 1, 1), *how
            )
    gx = overlay.put_pixels(np.ones((1, 2, 1, 1)), np.full((1, 2, 1, 1), 3), (1, 2, 1, 1), *how)
    assert gx.ravel().tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 0, 8, 8)])
def test_nothing_to_pool(kernels, shape):
    how = ((2, 2), (2, 2), ((0, 0), (0, 0)))
    y, winner = kernels.max_pool2d(np.zeros(shape), *how, (1, 1))
    assert y.shape == winner.shape == (*shape[:2], 4, 4)
    assert kernels.put_pixels(y, winner, shape, *how, (1, 1)).shape == shape
    assert kernels.sum_pool2d(np.zeros(shape), *how).shape == y.shape
    assert kernels.sum_pool2d_input_grad(y, shape, *how).shape == shape


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_three_derivatives_of_max_pool(name, dtype):
    """With y = max(x): the first derivative of (gy * gx(gy)).sum() by gy meets take_pixels."""
    values = np.random.default_rng(4).permutation(216).reshape(2, 3, 6, 6).astype(dtype) / 1024
    with use_kernels(name):
        x = Tensor(values, requires_grad=True)
        y = ops.max_pool2d(x, 3, 2, 1)
        (gx,) = grad((y * y * y).sum(), [x], create_graph=True)
        (ggx,) = grad((gx * gx).sum(), [x])
    wins = np.zeros(x.shape)
    for at, (_, _, p, q) in winners(x.data, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)).items():
        wins[at[0], at[1], p, q] += 1
    assert gx.dtype == ggx.dtype == dtype
    if dtype == "float64":
        np.testing.assert_allclose(gx.data, 3 * wins * x.data**2)
        np.testing.assert_allclose(ggx.data, 2 * gx.data * 6 * wins * x.data)


@pytest.mark.parametrize("include", [True, False])
def test_average_pool_is_that_of_torch(kernels, include):
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    x = np.random.default_rng(5).standard_normal((2, 6, 11, 10))
    for k, s, p, ceil in ((2, 2, 0, False), (3, 2, 1, True), (3, 1, 1, False), (5, 3, 2, True)):
        t = torch.tensor(x, requires_grad=True)
        want = torch.nn.functional.avg_pool2d(t, k, s, p, ceil, include)
        mine = Tensor(last(x), requires_grad=True)
        got = ops.avg_pool2d(mine, k, s, p, ceil, include)
        np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-12, atol=1e-14)
        (want**2).sum().backward()
        (got**2).sum().backward()
        np.testing.assert_allclose(mine.grad.data, t.grad.numpy(), rtol=1e-12, atol=1e-14)
