"""3x3 convolution by Winograd's formula, against the plain sum in float64."""

import threading
from contextvars import copy_context

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, grad, nn, ops, set_precision
from minicnn.kernels import kernel_set, threads
from minicnn.kernels.precision import get_precision

pytest.importorskip("numba", reason="compiled kernels need numba: pip install numba")

from minicnn.kernels.numba import winograd

ONE, SAME = (1, 1), ((1, 1), (1, 1))
# n, channels, filters, size, padding: tiles that are cut, channels that are no whole block
CASES = [
    (1, 64, 64, (8, 8), SAME),
    (2, 5, 7, (9, 6), SAME),
    (1, 1, 1, (3, 3), ((0, 0), (0, 0))),
    (3, 65, 20, (7, 10), ((0, 0), (0, 0))),
    (1, 70, 129, (5, 4), ((2, 0), (1, 3))),
    (1, 3, 16, (1, 2), ((5, 4), (2, 6))),  # most windows in the padding alone
    (2, 16, 17, (30, 33), SAME),  # several groups of tiles
]


def arrays(n, c, o, size, padding, dtype=np.float32):
    """Small sums of channels, as in a network whose activations keep their size."""
    random = np.random.default_rng(0)
    x = random.standard_normal((n, *size, c)).astype(dtype).transpose(0, 3, 1, 2)
    weight = random.standard_normal((o, c, 3, 3)).astype(dtype)
    out = [s + sum(p) - 2 for s, p in zip(size, padding, strict=True)]
    gy = random.standard_normal((n, *out, o)).astype(dtype).transpose(0, 3, 1, 2)
    return x, weight, random.standard_normal(o).astype(dtype), gy


def naive(x, weight, gy, padding):
    """y and gx in float64, tap after tap."""
    x, weight, gy = (a.astype(float) for a in (x, weight, gy))
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    (h, w), y, gx = gy.shape[2:], np.zeros_like(gy), np.zeros_like(padded)
    for u, v in np.ndindex(3, 3):
        place = (slice(None), slice(None), slice(u, u + h), slice(v, v + w))
        y += np.einsum("nchw,oc->nohw", padded[place], weight[:, :, u, v])
        gx[place] += np.einsum("nohw,oc->nchw", gy, weight[:, :, u, v])
    (top, _), (left, _) = padding
    return y, gx[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def by_winograd(x, weight, bias, size, padding, *more):
    corner = padding[0][0], padding[1][0]
    return winograd.conv2d(x, winograd.transformed(weight), bias, size, corner, *more)


def error(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


def inner(function):
    """Run the test in a context of its own, so that no choice of precision outlives it."""

    def test():
        copy_context().run(function)

    test.__name__ = function.__name__
    return test


@pytest.fixture
def number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads._chosen)
    return threads.set_num_threads


# The formula


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_input_gradient(case):
    x, weight, bias, gy = arrays(*case)
    y, gx = naive(x, weight, gy, case[-1])
    found = by_winograd(x, weight, bias, y.shape[2:], case[-1])
    assert found.shape == y.shape and found.dtype == np.float32
    assert error(found, y + bias[:, None, None]) < 3e-6
    found = winograd.conv2d_input_grad(gy, weight, x.shape[2:], case[-1])
    assert found.shape == gx.shape and error(found, gx) < 3e-6


@pytest.mark.parametrize("channels, most", [(64, 3e-6), (256, 6e-6), (512, 8e-6)])
def test_the_error_is_as_documented(channels, most):
    """Relative to the largest result, and not many times that of the plain sum."""
    x, weight, _, gy = arrays(1, channels, channels, (12, 12), SAME)
    y, _ = naive(x, weight, gy, SAME)
    plain_sum = kernel_set("numba").conv2d(x, weight, None, ONE, SAME, ONE, 1)
    fast = error(by_winograd(x, weight, None, (12, 12), SAME), y)
    assert fast < most and fast < 6 * error(plain_sum, y)


def test_strides_and_memory_order_do_not_matter():
    x, weight, bias, _ = arrays(2, 40, 24, (9, 10), SAME)
    wanted = by_winograd(x, weight, bias, (9, 10), SAME)
    odd = np.repeat(np.ascontiguousarray(x), 2, axis=3)[:, :, :, ::2]
    turned = np.asfortranarray(weight)
    assert np.array_equal(by_winograd(odd, turned, bias, (9, 10), SAME), wanted)


def test_residual_and_limits():
    x, weight, bias, residual = arrays(1, 33, 70, (6, 7), SAME)
    y = by_winograd(x, weight, bias, (6, 7), SAME)
    found = by_winograd(x, weight, bias, (6, 7), SAME, residual, -1.0, 2.0)
    np.testing.assert_allclose(found, np.clip(y + residual, -1, 2), atol=1e-6)
    x[:] = np.nan
    limited = by_winograd(x, weight, bias, (6, 7), SAME, None, 0.0, 6.0)
    assert np.isnan(limited).all()


def test_the_same_number_of_threads_gives_the_same_bits(number_of_threads):
    x, weight, bias, _ = arrays(3, 65, 70, (13, 14), SAME)
    for number in (1, 2, 3):
        number_of_threads(number)
        first = by_winograd(x, weight, bias, (13, 14), SAME)
        assert np.array_equal(by_winograd(x, weight, bias, (13, 14), SAME), first)
        assert error(first, naive(x, weight, first, SAME)[0] + bias[:, None, None]) < 3e-6


def test_a_nan_stays_in_the_tiles_that_read_it():
    x, weight, bias, _ = arrays(1, 8, 8, (12, 12), SAME)
    x[0, 0, 5, 6] = np.nan  # inside the tile of rows 4-7 and columns 4-7, on no other's border
    bad = np.isnan(by_winograd(x, weight, bias, (12, 12), SAME))
    assert bad[0, :, 4:8, 4:8].all() and bad.sum() == 8 * 16
    x[0, 0, 5, 6], x[0, 0, 3, 6] = 0, np.inf  # row 3 borders on the tiles below
    bad = ~np.isfinite(by_winograd(x, weight, bias, (12, 12), SAME))
    assert bad[0, :, 2:5, 5:8].all() and not bad[0, :, 8:].any() and not bad[0, :, :, 8:].any()


# When it is taken


def calls(monkeypatch):
    seen = []

    def counting(*args):
        seen.append(args[0].shape)
        return original(*args)

    original = winograd.conv2d
    monkeypatch.setattr(winograd, "conv2d", counting)
    return seen


def test_only_fast_takes_it_forward_and_back(monkeypatch):
    seen = calls(monkeypatch)
    x, weight, _, gy = arrays(1, 64, 64, (32, 32), SAME)
    wanted_y, wanted_gx = naive(x, weight, gy, SAME)
    for word, count in (("exact", 0), ("fast", 2)):
        with set_precision(word):
            tensor = Tensor(x, requires_grad=True)
            y = ops.conv2d(tensor, weight, padding=1)
            (gx,) = grad(y, [tensor], Tensor(gy))
        assert len(seen) == count, word
        assert error(y.data, wanted_y) < 3e-6 and error(gx.data, wanted_gx) < 3e-6


def test_folded_layers_keep_the_transformed_filters(monkeypatch):
    seen, made = calls(monkeypatch), []
    original = winograd.transformed
    monkeypatch.setattr(winograd, "transformed", lambda *a: made.append(a) or original(*a))
    net = minicnn.fuse(
        nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()).eval()
    )
    x = Tensor(arrays(1, 64, 64, (32, 32), SAME)[0])
    with minicnn.no_grad():
        exact = net(x).data
        with set_precision("fast"):
            fast = [net(x).data for _ in range(3)]
        again = net(x).data
    assert len(seen) == 3 and len(made) == 1
    assert np.array_equal(again, exact) and np.array_equal(fast[0], fast[2])
    assert error(fast[0], exact) < 3e-6 and not np.array_equal(fast[0], exact)


def test_where_it_would_be_slower_or_wrong_it_is_not_taken():
    def weight(o=128, c=128, k=3, dtype=np.float32):
        return np.zeros((o, c, k, k), dtype)

    images = (8, 28, 28)
    with set_precision("fast"):
        assert winograd.wins(weight(), images, ONE, ONE, 1)
        assert not winograd.wins(weight(k=5), images, ONE, ONE, 1)
        assert not winograd.wins(weight(dtype=np.float64), images, ONE, ONE, 1)
        assert not winograd.wins(weight(), images, (2, 2), ONE, 1)
        assert not winograd.wins(weight(), images, ONE, (2, 1), 1)
        assert not winograd.wins(weight(c=64), images, ONE, ONE, 2)
        assert not winograd.wins(weight(c=16), images, ONE, ONE, 1)  # filled up to 64
        assert not winograd.wins(weight(o=4), images, ONE, ONE, 1)
        assert not winograd.wins(weight(), (8, 1, 28), ONE, ONE, 1)  # tiles of 4 rows for 1
        assert not winograd.wins(weight(), (1, 8, 8), ONE, ONE, 1)  # few pixels for the filters
        assert not winograd.wins(weight(), (1, 8, 8), ONE, ONE, 1, kept=True)
        assert not winograd.wins(weight(), (1, 12, 12), ONE, ONE, 1)
        assert winograd.wins(weight(), (1, 12, 12), ONE, ONE, 1, kept=True)
        assert not winograd.wins(weight(), (0, 28, 28), ONE, ONE, 1)
        assert not winograd.wins(weight(c=0), images, ONE, ONE, 1)
    assert not winograd.wins(weight(), images, ONE, ONE, 1)


def test_empty_batches_and_other_dtypes_are_served_all_the_same():
    with set_precision("fast"):
        none, filters = (np.zeros(s, np.float32) for s in ((0, 64, 32, 32), (64, 64, 3, 3)))
        assert ops.conv2d(none, filters, padding=1).shape == none.shape
        x, weight, _, gy = arrays(1, 64, 64, (32, 32), SAME, np.float64)
        assert error(ops.conv2d(x, weight, padding=1).data, naive(x, weight, gy, SAME)[0]) < 1e-13


# The word


@inner
def test_set_precision_as_function_and_as_block():
    assert get_precision() == "exact"
    set_precision("fast")
    with pytest.raises(KeyError), set_precision("exact"):
        assert get_precision() == "exact"
        raise KeyError
    assert get_precision() == "fast"


@inner
def test_the_precision_belongs_to_the_thread():
    seen = []
    set_precision("fast")
    thread = threading.Thread(target=lambda: seen.append(get_precision()))
    thread.start()
    thread.join()
    assert seen == ["exact"] and get_precision() == "fast"


@pytest.mark.parametrize("word", ["Fast", "high", None, 1])
def test_other_words_are_refused(word):
    with pytest.raises(ValueError, match='the word must be "exact" or "fast", got '):
        set_precision(word)
    assert get_precision() == "exact"
