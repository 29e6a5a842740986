"""Whole batches: against loops over the images, and against the papers' formulas."""

import numpy as np
import pytest

from minicnn import train
from minicnn.data import transforms as T

RNG = np.random.default_rng(0)
IMAGES = RNG.random((12, 3, 9, 11), np.float32)
TARGETS = np.eye(5, dtype=np.float32)[RNG.integers(0, 5, 12)]


def test_shift_is_the_one_of_training():
    assert train.random_shift is T.random_shift
    moved = T.random_shift(IMAGES, 3, np.random.default_rng(1))
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (3, 3), (3, 3)))
    for n, image in enumerate(moved):
        places = [padded[n, :, i : i + 9, j : j + 11] for i in range(7) for j in range(7)]
        assert any(np.array_equal(image, place) for place in places)


def test_flip():
    flipped = T.random_flip(np.repeat(IMAGES, 50, 0), np.random.default_rng(0))
    mirrored = [np.array_equal(y, IMAGES[n // 50][..., ::-1]) for n, y in enumerate(flipped)]
    kept = [np.array_equal(y, IMAGES[n // 50]) for n, y in enumerate(flipped)]
    assert np.all(np.array(mirrored) ^ np.array(kept)) and abs(np.mean(mirrored) - 0.5) < 0.07


@pytest.mark.parametrize("length", [1, 4, 5, 30])
def test_cutout(length):
    ones = np.ones((4000, 2, 9, 11), np.float32)
    holes = T.cutout(ones, length, np.random.default_rng(0)) == 0
    assert ones.all() and np.array_equal(holes[:, 0], holes[:, 1])
    allowed = set()
    for i in range(9):
        for j in range(11):
            hole = np.zeros((9, 11), bool)
            for r in range(i - length // 2, i - length // 2 + length):
                for c in range(j - length // 2, j - length // 2 + length):
                    if 0 <= r < 9 and 0 <= c < 11:
                        hole[r, c] = True
            allowed.add(hole.tobytes())
    assert {hole.tobytes() for hole in holes[:, 0]} == allowed


def test_mixup():
    before = IMAGES.copy()
    lams = []
    for seed in range(300):
        images, targets = T.MixUp(0.4)(IMAGES, TARGETS, np.random.default_rng(seed))
        assert images.dtype == targets.dtype == np.float32
        d = IMAGES[3] - IMAGES[2]
        lam = float(((images[3] - IMAGES[2]) * d).sum() / (d * d).sum())
        lams.append(lam)
        for n in range(12):
            assert np.allclose(images[n], lam * IMAGES[n] + (1 - lam) * IMAGES[n - 1], atol=1e-5)
            assert np.allclose(targets[n], lam * TARGETS[n] + (1 - lam) * TARGETS[n - 1], atol=1e-5)
    assert np.array_equal(before, IMAGES)
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
    assert abs(np.mean(lams) - 0.5) < 0.06 and abs(np.var(lams) - 1 / 7.2) < 0.02


def test_cutmix():
    areas = []
    for seed in range(300):
        images, targets = T.CutMix()(IMAGES, TARGETS, np.random.default_rng(seed))
        other = (images != IMAGES).any(axis=(0, 1))
        rows, columns = other.any(axis=1), other.any(axis=0)
        assert np.array_equal(other, np.outer(rows, columns))  # a rectangle, the same in all
        for runs in (rows, columns):
            assert np.abs(np.diff(np.r_[0, runs, 0])).sum() <= 2
        assert np.array_equal(images, np.where(other, np.roll(IMAGES, 1, axis=0), IMAGES))
        area = other.mean()
        areas.append(area)
        expected = (1 - area) * TARGETS + area * np.roll(TARGETS, 1, axis=0)
        assert np.allclose(targets, expected, atol=1e-6)
    assert min(areas) == 0 and max(areas) > 0.7


def test_a_batch_of_one_stays_as_it_is():
    for mix in (T.MixUp(), T.CutMix()):
        images, targets = mix(IMAGES[:1], TARGETS[:1], np.random.default_rng(0))
        assert np.allclose(images, IMAGES[:1]) and np.allclose(targets, TARGETS[:1])


@pytest.mark.parametrize("mix", [T.MixUp, T.CutMix])
def test_what_makes_no_sense_is_refused(mix):
    with pytest.raises(ValueError, match=r"targets must be \(N, K\) floats with N = 12"):
        mix()(IMAGES, np.arange(12), np.random.default_rng(0))
    with pytest.raises(ValueError, match="alpha must lie in"):
        mix(0)
