"""DataLoader: every sample once, in an order that only the seed and the epoch decide."""

import numpy as np
import pytest

from minicnn.data import DataLoader, Dataset


def numbered(n: int) -> Dataset:
    """n images whose pixels tell their position; the label is the position as well."""
    images = np.broadcast_to(np.arange(n).reshape(n, 1, 1, 1) / n, (n, 1, 2, 2))
    return Dataset(images.astype(np.float32), np.arange(n), [str(i) for i in range(n)], "numbered")


def order(loader: DataLoader) -> list[int]:
    return [int(label) for _, labels in loader for label in labels]


def test_in_order_without_shuffle():
    loader = DataLoader(numbered(10), batch_size=4)
    assert [labels.tolist() for _, labels in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert order(loader) == list(range(10))


@pytest.mark.parametrize(
    ("n", "batch_size", "drop_last", "sizes"),
    [
        (10, 4, False, [4, 4, 2]),
        (10, 4, True, [4, 4]),
        (8, 4, False, [4, 4]),
        (8, 4, True, [4, 4]),
        (3, 64, False, [3]),
    ],
)
def test_batch_sizes_and_length(n, batch_size, drop_last, sizes):
    loader = DataLoader(numbered(n), batch_size, drop_last=drop_last)
    assert [len(labels) for _, labels in loader] == sizes
    assert len(loader) == len(sizes)


def test_images_and_labels_stay_together():
    for images, labels in DataLoader(numbered(30), 7, shuffle=True):
        assert images.shape == (len(labels), 1, 2, 2) and images.dtype == np.float32
        assert np.allclose(images[:, 0, 1, 1] * 30, labels)


def test_every_sample_once_per_epoch_in_a_new_order():
    loader = DataLoader(numbered(50), 8, shuffle=True)
    epochs = [order(loader) for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert epochs[0] != list(range(50))


def test_seed_and_epoch_alone_decide_the_order():
    first = DataLoader(numbered(50), 8, shuffle=True, seed=5)
    epochs = [order(first) for _ in range(3)]
    resumed = DataLoader(numbered(50), 16, shuffle=True, seed=5)
    np.random.default_rng(1).random(7)
    resumed.set_epoch(2)
    assert order(resumed) == epochs[2]
    assert resumed.epoch == 3
    assert order(DataLoader(numbered(50), 8, shuffle=True, seed=6)) != epochs[0]


def test_seed_and_epoch_do_not_stand_for_each_other():
    one, other = (DataLoader(numbered(50), shuffle=True, seed=seed) for seed in (1, 2))
    one.set_epoch(2)
    other.set_epoch(1)
    assert order(one) != order(other)


def test_a_pass_broken_off_does_not_count_as_an_epoch():
    loader = DataLoader(numbered(50), 8, shuffle=True)
    for _ in loader:
        break
    assert loader.epoch == 0
    assert order(loader) == order(DataLoader(numbered(50), 8, shuffle=True))
    assert loader.epoch == 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_copies(shuffle):
    data = numbered(6)
    for images, labels in DataLoader(data, 4, shuffle=shuffle):
        images[:], labels[:] = 0, 0
    assert np.array_equal(data.images, numbered(6).images)
    assert np.array_equal(data.labels, numbered(6).labels)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "DataLoader: batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "DataLoader: batch_size must be a whole number, got 2.0"),
        ({"batch_size": True}, TypeError, "DataLoader: batch_size must be a whole number"),
        ({"seed": -1}, ValueError, "DataLoader: seed must be at least 0, got -1"),
        ({"drop_last": True}, ValueError, "batch_size must be at most 6, the number of images"),
    ],
)
def test_refuses_bad_arguments(arguments, error, message):
    with pytest.raises(error) as caught:
        DataLoader(numbered(6), **arguments)
    assert message in str(caught.value)


def test_refuses_bare_arrays():
    with pytest.raises(TypeError, match=r"must be a Dataset, got ndarray; wrap arrays in Dataset"):
        DataLoader(numbered(6).images)  # type: ignore[arg-type]


def test_refuses_a_negative_epoch():
    with pytest.raises(ValueError, match="DataLoader: epoch must be at least 0, got -1"):
        DataLoader(numbered(6)).set_epoch(-1)
