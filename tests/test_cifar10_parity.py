"""The two sides of benchmarks/cifar10_parity.py do the same, but for rounding."""

import numpy as np
import pytest

from benchmarks import cifar10_parity
from minicnn.data import DataLoader, Dataset

torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def photos(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 3, 32, 32), np.uint8)
    return Dataset(images, rng.integers(0, 10, n), [str(k) for k in range(10)], "noise")


def test_both_see_the_same_images():
    train, preset = photos(20, 0), cifar10_parity.PRESET
    loader = DataLoader(train, 8, shuffle=True, seed=3, **preset.steps(train, training=True))
    for epoch in range(2):
        order = np.random.default_rng([3, epoch]).permutation(20)
        for number, (images, labels) in enumerate(loader):
            index = order[8 * number :][:8]
            rng = np.random.default_rng([3, epoch, number, 1])
            theirs = cifar10_parity.augmented(torch, torch.from_numpy(train.images[index]), rng)
            np.testing.assert_allclose(images, theirs.numpy(), rtol=0, atol=1e-6)
            np.testing.assert_array_equal(labels, train.labels[index])


def test_both_learn_alike(tmp_path):
    """Rounding makes them differ more and more; after one step their losses are still alike."""
    train, test = photos(40, 0), photos(20, 1)
    rows = []
    for side in cifar10_parity.SIDES.values():
        rows += side(train, test, 1, 5)
    ours, theirs = (np.array(row) for row in rows)
    np.testing.assert_allclose(ours[:4], theirs[:4], rtol=2e-3)
    assert rows[0].peak_memory > 50
    cifar10_parity.write_page(rows, tmp_path / "a.md", "torch", "COMMAND")
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert f"| {ours[1]:.4f} | {ours[2]:.2%} |" in text and "    COMMAND\n" in text
