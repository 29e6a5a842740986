"""Shifted and mirrored images: against loops, for every kernel set and number of threads."""

import numpy as np
import pytest

from minicnn import train, use_kernels
from minicnn.kernels.reference import images as reference

overlay = pytest.importorskip("minicnn.kernels.numba.images", reason="the overlay needs numba")
parts = pytest.importorskip("minicnn.kernels.numba.parts", reason="the overlay needs numba")


def by_loops(x, dy, dx, mirrored):
    y = np.zeros_like(x)
    n, c, h, w = x.shape
    for b, k, i, j in np.ndindex(n, c, h, w):
        p, q = i + dy[b], (w - 1 - j if mirrored[b] else j) + dx[b]
        if 0 <= p < h and 0 <= q < w:
            y[b, k, i, j] = x[b, k, p, q]
    return y


def drawn(shape, pixels):
    rng = np.random.default_rng(1)
    dy, dx = rng.integers(-pixels, pixels + 1, (2, shape[0]))
    return rng.random(shape).astype(np.float32), dy, dx, rng.random(shape[0]) < 0.5


@pytest.mark.parametrize("kernels", [reference, overlay], ids=["numpy", "numba"])
@pytest.mark.parametrize(
    "shape", [(9, 3, 5, 7), (4, 1, 6, 6), (0, 3, 4, 4), (5, 2, 1, 3), (3, 1, 4, 0)]
)
@pytest.mark.parametrize("pixels", [0, 2, 9])
def test_each_image_is_moved_and_mirrored_by_itself(kernels, shape, pixels):
    x, dy, dx, mirrored = drawn(shape, pixels)
    for images in (x, np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)):
        before = images.copy()
        y = kernels.shift_images(images, dy, dx, mirrored, None)
        np.testing.assert_array_equal(y, by_loops(x, dy, dx, mirrored), strict=True)
        np.testing.assert_array_equal(images, before)
        mean, std = np.array([[0.5, -0.25, 3], [0.3, 2, 0.7]], np.float32)[:, : shape[1]]
        y = kernels.shift_images(images, dy, dx, mirrored, (mean, std))
        right = (by_loops(x, dy, dx, mirrored).transpose(0, 2, 3, 1) - mean) / std
        np.testing.assert_array_equal(y, right.transpose(0, 3, 1, 2), strict=True)
        np.testing.assert_array_equal(images, before)


def test_any_number_of_threads_gives_the_same_images(monkeypatch):
    arguments = drawn((40, 3, 24, 20), 3)
    results = []
    for count in (1, 2, 3, 100):
        monkeypatch.setattr(parts, "get_num_threads", lambda count=count: count)
        results.append(overlay.shift_images(*arguments, None))
    for other in results:
        np.testing.assert_array_equal(other, by_loops(*arguments))


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_the_generator_alone_decides(name):
    """The draws are one table of rows and columns, and then the mirrored ones."""
    x = np.random.default_rng(2).random((30, 3, 8, 8)).astype(np.float32)
    rng = np.random.default_rng(3)
    dy, dx = rng.integers(0, 5, (2, 30)) - 2
    mirrored = rng.random(30) < 0.5
    assert 5 < mirrored.sum() < 25
    with use_kernels(name):
        flipped = train.random_shift(x, 2, np.random.default_rng(3), flip=True)
        straight = train.random_shift(x, 2, np.random.default_rng(3))
    np.testing.assert_array_equal(flipped, by_loops(x, dy, dx, mirrored))
    np.testing.assert_array_equal(straight, by_loops(x, dy, dx, np.zeros(30, bool)))
