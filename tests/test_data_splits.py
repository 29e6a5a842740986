"""Stratified splits: each class has its share on both sides, as scikit-learn's have."""

import numpy as np
import pytest

from minicnn.data import Dataset, stratified_split, train_val_split

SIZES = [[50, 50], [100, 10, 3, 2], [7, 7, 7, 7, 7], [1000, 37, 501], [2, 2], [5] * 40]


def labels_of(sizes: list[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 0.5, 0.8])
def test_every_class_has_its_share(sizes, fraction):
    labels = labels_of(sizes)
    train, val = stratified_split(labels, fraction, seed=1)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert np.all(np.diff(train) > 0) and np.all(np.diff(val) > 0)
    for label, n in enumerate(sizes):
        count = int((labels[val] == label).sum())
        assert 1 <= count <= n - 1
        assert abs(count - fraction * n) < 1 or count in (1, n - 1)


@pytest.mark.parametrize("sizes", [[50, 50], [100, 12, 30], [1000, 37, 501], [13] * 9])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_shares_are_those_of_scikit_learn(sizes, fraction):
    """Equal numbers in all, and of each class but where equal remainders are drawn by lot."""
    model_selection = pytest.importorskip("sklearn.model_selection", reason="needs: scikit-learn")
    labels = labels_of(sizes)
    total = round(fraction * len(labels))
    splitter = model_selection.StratifiedShuffleSplit(1, test_size=total, random_state=0)
    ((_, theirs),) = splitter.split(np.zeros(len(labels)), labels)
    _, ours = stratified_split(labels, fraction)
    assert len(ours) == len(theirs)
    of_ours, of_theirs = (np.sort(np.bincount(labels[part])) for part in (ours, theirs))
    assert of_ours.tolist() == of_theirs.tolist()


def test_the_seed_decides():
    labels = labels_of([40, 20])
    one, same, other = (stratified_split(labels, 0.3, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_equal_remainders_are_drawn_by_lot():
    """Of four classes with 2.5 images each due, not always the same two get 3."""
    labels = labels_of([5] * 4)
    counts = {tuple(np.bincount(labels[stratified_split(labels, 0.5, s)[1]])) for s in range(20)}
    assert len(counts) > 2 and all(sum(c) == 10 for c in counts)


def several(n: int, rates: list[float], seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, len(rates))) < rates).astype(np.float32)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
def test_several_classes_per_image(fraction):
    labels = several(1000, [0.5, 0.2, 0.05, 0.01])
    train, val = stratified_split(labels, fraction, seed=3)
    assert sorted([*train, *val]) == list(range(1000))
    assert abs(len(val) - 1000 * fraction) <= 5
    assert np.all(abs(labels[val].sum(0) - fraction * labels.sum(0)) <= 1.5)


@pytest.mark.parametrize("seed", range(5))
def test_rare_classes_among_frequent_ones(seed):
    """To share out the frequent classes first would miss some of the rare ones by 2 or 3."""
    labels = several(300, [0.9, 0.5, 0.02, 0.02, 0.02, 0.01], seed)
    _, val = stratified_split(labels, 0.1, seed)
    assert np.all(abs(labels[val].sum(0) - 0.1 * labels.sum(0)) < 1)


def test_iterative_stratification_is_better_than_chance():
    labels = several(300, [0.02, 0.03, 0.1, 0.4, 0.05])
    wanted = 0.2 * labels.sum(0)

    def miss(chosen: np.ndarray) -> float:
        return float(abs(labels[chosen].sum(0) - wanted).sum())

    rng = np.random.default_rng(0)
    by_chance = [miss(rng.choice(300, 60, replace=False)) for _ in range(50)]
    assert miss(stratified_split(labels, 0.2)[1]) < min(by_chance)


def test_a_class_of_two_images_is_on_both_sides_also_among_others():
    labels = np.zeros((40, 3), np.float32)
    labels[:30, 0], labels[[3, 33], 1] = 1, 1  # class 2 is nowhere
    for seed in range(10):
        train, val = stratified_split(labels, 0.1, seed)
        assert labels[train, 1].sum() == labels[val, 1].sum() == 1


@pytest.mark.parametrize("labels", [np.eye(3), np.ones((2, 1)), np.zeros((2, 1)), np.eye(2)])
@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_no_side_is_empty(labels, fraction):
    train, val = stratified_split(labels.astype(np.float32), fraction)
    assert len(train) > 0 and len(val) > 0


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 20, float("nan")])
def test_refuses_a_fraction_outside(fraction):
    with pytest.raises(ValueError, match="fraction must lie between 0 and 1, both excluded, got"):
        stratified_split(labels_of([5, 5]), fraction)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0, 0, 1]), ValueError, "at least 2 images, got 1 of class 1; add images or"),
        (np.array([0]), ValueError, "at least 2 samples are needed, got 1"),
        (np.array([0.0, 1.0]), TypeError, "labels must be a NumPy array of int64, got float64"),
        ([0, 0, 1, 1], TypeError, "labels must be a NumPy array of int64, got list"),
        (np.zeros((4, 2), np.int64), TypeError, "labels must be a NumPy array of float32"),
    ],
)
def test_refuses_labels(labels, error, message):
    with pytest.raises(error) as caught:
        stratified_split(labels, 0.5)
    assert message in str(caught.value)


def test_train_val_split_of_a_dataset():
    labels = labels_of([60, 20, 4])
    images = np.arange(84, dtype=np.uint8).reshape(84, 1, 1, 1)
    whole = Dataset(images, labels, ["a", "b", "c"], "toy")
    train, val = train_val_split(whole, 0.25, seed=5)
    assert np.bincount(val.labels).tolist() == [15, 5, 1]
    assert sorted([*train.images.flat, *val.images.flat]) == list(range(84))
    for part in (train, val):
        assert np.array_equal(labels[part.images.ravel()], part.labels)
    assert np.bincount(train_val_split(whole)[1].labels).tolist() == [6, 2, 1]  # a tenth, or one


def test_a_class_of_one_image_is_named():
    data = Dataset(np.zeros((3, 1, 1, 1), np.uint8), np.array([0, 0, 1]), ["cat", "dog"], "pets")
    with pytest.raises(ValueError, match="got 1 of class 'dog'; add images or leave the class out"):
        train_val_split(data, 0.5)
