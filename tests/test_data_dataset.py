"""Dataset, digits, and the data sets by name."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import Dataset, digits, find_data, load


def make(n: int = 6, boxes: np.ndarray | None = None) -> Dataset:
    images = np.linspace(0, 1, n * 12, dtype=np.float32).reshape(n, 1, 3, 4)
    return Dataset(images, np.arange(n) % 2, ["even", "odd"], "toy", boxes)


def replaced(**parts: object) -> Dataset:
    good = make()
    arguments = {
        "images": good.images,
        "labels": good.labels,
        "classes": good.classes,
        "name": good.name,
    }
    return Dataset(**{**arguments, **parts})  # type: ignore[arg-type]


def test_length_and_repr():
    assert len(make(5)) == 5
    assert repr(make(5)) == "Dataset(toy: 5 images 1 x 3 x 4, 2 classes)"


def of_bytes(n: int = 6) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (n, 3, 4, 5), np.uint8)
    images.flat[:2] = 0, 255
    return Dataset(images, np.arange(n) % 2, ["even", "odd"], "bytes")


def several() -> Dataset:
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.float32)
    return Dataset(np.zeros((3, 1, 2, 2), np.uint8), labels, ["a", "b", "c"], "several")


def test_bytes_stay_bytes_and_become_pixels_when_asked():
    data = of_bytes()
    assert data.images.dtype == data.subset([1]).images.dtype == np.uint8
    expected = data.images.astype(np.float32) / np.float32(255)
    for indices in (slice(None), slice(1, 3), [4, 0], np.array([-1])):
        pixels = data.pixels(indices)
        assert pixels.dtype == np.float32
        assert np.array_equal(pixels, expected[indices])
    assert np.array_equal(data.pixels(), expected)
    assert (expected.min(), expected.max()) == (0, 1)


def test_pixels_of_float32_are_the_images():
    assert np.array_equal(make().pixels([3, 1]), make().images[[3, 1]])
    assert np.array_equal(make().pixels(), make().images)


@pytest.mark.parametrize("data", [make(), of_bytes()], ids=["float32", "bytes"])
def test_a_sample_is_a_copy_with_channels_last(data):
    for i in (0, 3, -1, np.int64(2)):
        image, label = data[i]
        assert image.dtype == data.images.dtype
        assert np.array_equal(image.transpose(2, 0, 1), data.images[i])
        assert label == data.labels[i]
        image[:] = 1
    assert [label for _, label in data] == [0, 1, 0, 1, 0, 1]
    assert not np.all(data.images[0] == 1)


def test_a_sample_of_one_channel_is_a_copy():
    data = make()
    data[0][0][:] = 1
    assert np.array_equal(data.images, make().images)


@pytest.mark.parametrize(
    ("i", "error", "message"),
    [
        (6, IndexError, "Dataset toy: index must be below 6, the number of images, got 6"),
        (-7, IndexError, "got -7"),
        (slice(2), TypeError, "got slice(None, 2, None); take several samples with subset"),
        ([0, 1], TypeError, "index must be a whole number, got [0, 1]"),
    ],
)
def test_refuses_an_index(i, error, message):
    with pytest.raises(error) as caught:
        make()[i]
    assert message in str(caught.value)


def test_a_sample_has_a_name_for_messages():
    assert make().source(4) == "image 4 of toy"


def test_several_classes_per_image():
    data = several()
    assert data.multilabel and not make().multilabel
    assert repr(data) == "Dataset(several: 3 images 1 x 2 x 2, 3 classes, several per image)"
    assert np.array_equal(data.subset([2, 0]).labels, data.labels[[2, 0]])
    _, label = data[0]
    label[:] = 0
    assert data.labels[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.full((6, 2), 0.5, np.float32), ValueError, "must be 0 or 1, got 0.5; write 1 for each"),
        (np.full((6, 2), np.nan, np.float32), ValueError, "must be 0 or 1, got nan"),
        (np.zeros((6, 3), np.float32), ValueError, "labels must have shape (N, 2)"),
        (np.zeros((5, 2), np.float32), ValueError, "got 6 images and 5 labels"),
        (np.zeros((6, 2)), TypeError, "labels must be a NumPy array of float32, got float64"),
        (np.zeros((6, 2), np.int64), TypeError, "float32, got int64; convert with np.asarray"),
        (np.zeros((6, 2), bool), TypeError, "float32, got bool"),
    ],
)
def test_refuses_labels_of_several_classes(labels, error, message):
    with pytest.raises(error) as caught:
        replaced(labels=labels)
    assert "Dataset toy: " in str(caught.value) and message in str(caught.value)


def test_subset_keeps_images_labels_and_boxes_together():
    boxes = np.arange(24).reshape(6, 4)
    part = make(boxes=boxes).subset([4, 1, -1])
    assert np.array_equal(part.images, make().images[[4, 1, 5]])
    assert part.labels.tolist() == [0, 1, 1]
    assert part.boxes is not None and part.boxes[:, 0].tolist() == [16, 4, 20]
    assert (part.classes, part.name) == (["even", "odd"], "toy")


def test_subset_is_a_copy():
    whole = make()
    whole.subset([0]).images[:] = 0.5
    assert np.array_equal(whole.images, make().images)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([6], "below 6, the number of images, got 6"),
        ([0, -7], "below 6, the number of images, got -7"),
        ([], "non-empty list of integers"),
        (np.array([], int), "non-empty list of integers, got shape (0,)"),
        ([[0, 1]], "non-empty list of integers, got shape (1, 2)"),
        ([0.5], "float64"),
        (np.array([True] * 6), "bool; turn a mask into indices with np.flatnonzero"),
    ],
)
def test_subset_refuses(indices, message):
    with pytest.raises(ValueError) as caught:
        make().subset(indices)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ({"images": [[1.0]]}, TypeError, "toy: images must be a NumPy array of float32, got list"),
        ({"images": np.zeros((6, 1, 3, 4))}, TypeError, "float32, got float64; convert with"),
        ({"images": np.zeros((6, 3, 4), np.float32)}, ValueError, "(N, C, H, W) with no empty"),
        ({"images": np.zeros((6, 0, 3, 4), np.float32)}, ValueError, "got (6, 0, 3, 4)"),
        ({"images": make().images * 255}, ValueError, "[0, 1], got values from 0.0 to 255.0"),
        ({"images": make().images - 1}, ValueError, "[0, 1], got values from -1.0 to 0.0"),
        ({"images": make().images * np.float32("nan")}, ValueError, "got values from nan to nan"),
        ({"labels": np.zeros(6, np.uint8)}, TypeError, "labels must be a NumPy array of int64"),
        ({"labels": np.zeros((6, 1), np.int64)}, ValueError, "labels must have shape (N,)"),
        ({"labels": np.zeros(5, np.int64)}, ValueError, "got 6 images and 5 labels"),
        ({"boxes": np.zeros((5, 4), np.int64)}, ValueError, "got 6 images and 5 boxes"),
        ({"boxes": np.zeros((6, 3), np.int64)}, ValueError, "boxes must have shape (N, 4)"),
    ],
)
def test_refuses_wrong_parts(parts, error, message):
    with pytest.raises(error) as caught:
        replaced(**parts)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [-1, 2])
def test_label_out_of_range_names_index_value_and_classes(value):
    labels = np.array([0, 1, 0, value, 1, value])
    with pytest.raises(ValueError) as caught:
        replaced(labels=labels)
    message = str(caught.value)
    assert "Dataset toy: labels must be 0..1 for the 2 classes even, odd" in message
    assert f"got {value} at index 3 (2 of 6 labels are out of range)" in message


def test_many_classes_are_cut_short_in_the_message():
    with pytest.raises(ValueError, match=r"1000 classes c0, c1, .*c10, \.\.\., got 1000"):
        replaced(labels=np.full(6, 1000), classes=[f"c{i}" for i in range(1000)])


def test_digits_have_the_documented_form():
    for split, n in [("train", 1437), ("test", 360)]:
        data = digits(split)
        assert data.images.shape == (n, 1, 8, 8)
        assert (data.images.dtype, data.labels.dtype) == (np.float32, np.int64)
        assert data.classes == list("0123456789")
        assert set(np.unique(data.images * 16)) == set(range(17))


def test_digits_split_is_stratified():
    train, test = (np.bincount(digits(split).labels, minlength=10) for split in ("train", "test"))
    assert np.all(abs(test - (train + test) * 360 / 1797) < 1)


def test_digits_are_the_uci_digits_each_once():
    datasets = pytest.importorskip("sklearn.datasets", reason="needs: pip install scikit-learn")
    source = datasets.load_digits()
    expected = sorted(zip(source.images.reshape(1797, -1).tolist(), source.target, strict=True))
    parts = [digits(split) for split in ("train", "test")]
    pixels = np.concatenate([part.images.reshape(len(part), -1) * 16 for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    assert sorted(zip(pixels.tolist(), labels, strict=True)) == expected


def test_the_committed_script_writes_the_committed_file():
    pytest.importorskip("sklearn", reason="needs: pip install scikit-learn")
    from minicnn.data.make_digits import split_digits

    with (files("minicnn.data") / "digits.npz").open("rb") as file, np.load(file) as stored:
        made = split_digits()
        assert set(stored) == set(made)
        assert all(np.array_equal(stored[name], made[name]) for name in made)


def test_digits_come_with_source_and_licence():
    text = (files("minicnn.data") / "digits.LICENSE.md").read_text(encoding="utf-8")
    assert "10.24432/C50P49" in text and "CC BY 4.0" in text


def test_each_call_gives_its_own_arrays():
    digits("test").images[:] = 0
    assert digits("test").images.any()


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_unknown_split(name):
    with pytest.raises(ValueError, match=f'{name}: split must be "train" or "test", got \'val\''):
        load(name, "val")


def test_load_finds_digits_by_name():
    assert np.array_equal(load("digits", "test").images, digits("test").images)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("mnsit", "did you mean 'mnist'?"),
        ("MNIST", "did you mean 'mnist'?"),
        ("q", "choose one of them"),
    ],
)
def test_unknown_name_offers_the_nearest(name, advice):
    with pytest.raises(ValueError) as caught:
        load(name)
    assert f"got {name!r}; {advice}" in str(caught.value)


def test_find_data_without_mnist(tmp_path, monkeypatch):
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    (name, where, _), (other, nowhere, hint), *_ = find_data(cache=tmp_path)
    assert (name, where, other, nowhere) == ("digits", "embedded", "mnist", "not found")
    assert "MINICNN_DATA" in hint and str(tmp_path) in hint


def test_import_needs_numpy_alone():
    code = "import sys, minicnn.data; minicnn.data.digits(); print(*sys.modules)"
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert not {"pooch", "platformdirs", "requests", "sklearn"} & set(run.stdout.split())
