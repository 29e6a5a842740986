"""Samplers and class weights: their proportions, their seeds, and what they refuse."""

import numpy as np
import pytest

from minicnn.data import (
    ClassBalancedSampler,
    DataLoader,
    Dataset,
    WeightedSampler,
    class_weights,
)

LABELS = np.repeat(np.arange(3), [90, 9, 1])


def toy(labels: np.ndarray = LABELS) -> Dataset:
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Dataset(images, labels, ["a", "b", "c"], "toy")


def test_weighted_draws_have_the_weights_proportions():
    weights = np.array([0, 1, 2, 5])
    counts = np.bincount(WeightedSampler(weights, 80_000).order(0), minlength=4)
    expected = 80_000 * weights / 8
    spread = np.sqrt(80_000 * weights / 8 * (1 - weights / 8))
    assert counts[0] == 0
    assert np.all(abs(counts - expected) <= 4 * spread)


def test_without_replacement_each_comes_once():
    sampler = WeightedSampler([1, 0, 3, 2, 9], 4, replacement=False)
    assert sorted(sampler.order(0)) == [0, 2, 3, 4]
    first = [int(sampler.order(epoch)[0]) for epoch in range(600)]
    assert 600 * 9 / 15 - 50 < first.count(4) < 600 * 9 / 15 + 50


def test_weights_may_be_of_any_size():
    assert len(WeightedSampler([1e308, 1e308, 1e-300]).order(0)) == 3


@pytest.mark.parametrize("n", [None, 1, 2, 3, 10, 300, 301])
def test_classes_come_equally_often(n):
    sampler = ClassBalancedSampler(LABELS, n)
    order = sampler.order(0)
    assert len(order) == len(sampler) == (n or 100)
    counts = np.bincount(LABELS[order], minlength=3)
    assert counts.max() - counts.min() <= 1
    for label in range(3):  # the images of a class come in turns
        times = np.bincount(order, minlength=100)[label == LABELS]
        assert times.max() - times.min() <= 1


def test_the_rest_goes_to_other_classes_in_other_epochs():
    sampler = ClassBalancedSampler(LABELS, 4)
    counts = [np.bincount(LABELS[sampler.order(epoch)], minlength=3) for epoch in range(30)]
    assert {int(count.argmax()) for count in counts} == {0, 1, 2}


def test_absent_classes_are_left_out():
    labels = np.array([4, 4, 7])
    assert np.bincount(labels[ClassBalancedSampler(labels, 10).order(0)])[[4, 7]].tolist() == [5, 5]


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: WeightedSampler([1, 2, 3] * 9, seed=seed),
        lambda seed: ClassBalancedSampler(LABELS, 30, seed),
    ],
    ids=["weighted", "balanced"],
)
def test_seed_and_epoch_alone_decide(make):
    sampler = make(1)
    epochs = [sampler.order(epoch).tolist() for epoch in range(3)]
    assert epochs[2] == make(1).order(2).tolist()
    assert len({tuple(order) for order in epochs}) == 3
    assert epochs[0] != make(2).order(0).tolist()


def test_a_loader_takes_the_order_of_its_sampler():
    sampler = ClassBalancedSampler(LABELS, 25)
    loader = DataLoader(toy(), 10, sampler=sampler)
    assert len(loader) == 3
    for epoch in range(2):
        shown = np.concatenate([images.ravel() for images, _ in loader])
        assert np.rint(shown * 255).astype(int).tolist() == sampler.order(epoch).tolist()
    assert len(DataLoader(toy(), 10, sampler=sampler, drop_last=True)) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_repeated_sample_has_other_random_numbers_each_time(workers):
    def transform(image, rng):
        return np.full((1, 1, 1), rng.random(), np.float32)

    loader = DataLoader(toy(), 9, sampler=WeightedSampler([0] * 99 + [1], 9), transform=transform,
                        workers=workers)  # fmt: skip
    ((images, _),) = loader
    assert len(np.unique(images)) == 9
    assert images[0, 0, 0, 0] == np.float32(np.random.default_rng([0, 0, 99]).random())


class Fixed:
    def __init__(self, order: object, n: int) -> None:
        self.given, self.n = order, n

    def __len__(self) -> int:
        return self.n

    def order(self, epoch: int):
        return self.given


@pytest.mark.parametrize(
    ("order", "n", "message"),
    [
        ([0, 100], 2, "Fixed: order must be below 100, the number of images, got 100"),
        ([0, -1], 2, "got -1; make the sampler from the labels or weights of this data set"),
        ([0, 1], 3, "Fixed: order must be 3 whole numbers, as many as the sampler is long, got"),
        ([0.0, 1.0], 2, "got shape (2,) of float64"),
    ],
)
def test_refuses_a_wrong_order(order, n, message):
    with pytest.raises(ValueError) as caught:
        list(DataLoader(toy(), sampler=Fixed(order, n)))
    assert message in str(caught.value)


def test_refuses_shuffle_with_a_sampler():
    with pytest.raises(ValueError, match="shuffle and sampler must not be given together"):
        DataLoader(toy(), shuffle=True, sampler=ClassBalancedSampler(LABELS))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, -1],), ValueError, "finite numbers of at least 0, got shape (2,) with -1.0 at index"),
        (([1, float("nan")],), ValueError, "with nan at index 1; give one per sample"),
        (([[1, 2]],), ValueError, "got shape (1, 2); give one per sample"),
        (([0, 0],), ValueError, "at least one weight must be above 0, got none"),
        (([],), ValueError, "at least one weight must be above 0, got none"),
        (([1, 2], 0), ValueError, "num_samples must be at least 1, got 0"),
        (([1, 2], 1.5), TypeError, "num_samples must be a whole number, got 1.5"),
        (([1, 0], 2, False), ValueError, "num_samples must be at most 1, the number of weights"),
        (([1], 1, True, -1), ValueError, "seed must be at least 0"),
    ],
)
def test_refuses_bad_weights(arguments, error, message):
    with pytest.raises(error) as caught:
        WeightedSampler(*arguments)
    assert "WeightedSampler: " in str(caught.value) and message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((4, 2), np.float32),), ValueError, "for several classes per image use Weighted"),
        ((np.zeros(4),), TypeError, "labels must be a NumPy array of int64"),
        ((np.zeros(0, np.int64),), ValueError, "no empty axis"),
        ((LABELS, 0), ValueError, "num_samples must be at least 1, got 0"),
    ],
)
def test_refuses_bad_labels(arguments, error, message):
    with pytest.raises(error) as caught:
        ClassBalancedSampler(*arguments)
    assert "ClassBalancedSampler: " in str(caught.value) and message in str(caught.value)


@pytest.mark.parametrize("sizes", [[90, 9, 1], [5, 5, 5], [1, 1000, 30]])
def test_class_weights_are_scikit_learns(sizes):
    utils = pytest.importorskip("sklearn.utils.class_weight", reason="needs: scikit-learn")
    labels = np.repeat(np.arange(3), sizes)
    expected = utils.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    found = class_weights(labels, ["a", "b", "c"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_class_weights_refuse_an_absent_class():
    with pytest.raises(ValueError, match="every class must have an image, got none of 'b'"):
        class_weights(np.array([0, 2]), ["a", "b", "c"])
    with pytest.raises(ValueError, match="labels must be 0..1 for the 2 classes"):
        class_weights(np.array([0, 2]), ["a", "b"])
    with pytest.raises(TypeError, match="class_weights: labels must be a NumPy array of int64"):
        class_weights(np.eye(2, dtype=np.float32), ["a", "b"])
