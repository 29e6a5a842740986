"""Fashion-MNIST and Flowers-102, and the catalogue of all sets."""

import hashlib
import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from minicnn import data
from minicnn.data import Dataset, fashion_mnist, flowers102, load, mnist
from minicnn.data.source import Layout, Source

from .test_data_mnist import FOUR, fill
from .web import serve

scipy_io = pytest.importorskip("scipy.io", reason="Flowers-102 needs SciPy")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> str | None:
    root = os.environ.get("MINICNN_DATA")
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return root


# Fashion-MNIST


def test_fashion_mnist_is_not_taken_for_mnist(tmp_path, monkeypatch):
    """Their files have the same names."""
    fill(tmp_path, 1)
    fill(tmp_path / "fashion_mnist", 2)
    for folder in (None, tmp_path):
        monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
        assert mnist("test", folder).images.max() == 1
        assert fashion_mnist("test", folder).images.max() == 2
    (tmp_path / "fashion_mnist" / FOUR[0]).unlink()
    with pytest.raises(FileNotFoundError, match="fashion_mnist: the files must be in"):
        fashion_mnist("train", mirrors=[], cache=tmp_path / "cache")


def test_folders_as_torchvision_makes_them(tmp_path, monkeypatch):
    fill(tmp_path / "MNIST" / "raw", 3, zipped=False)
    fill(tmp_path / "FashionMNIST" / "raw", 4)
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    assert (mnist("test").images.max(), fashion_mnist("test").images.max()) == (3, 4)


def test_known_facts_about_fashion_mnist(alone):
    folder = Path(alone or "nowhere") / "fashion_mnist"
    if not all((folder / name).is_file() for name in FOUR):
        pytest.skip("needs the four Fashion-MNIST files in MINICNN_DATA/fashion_mnist")
    train, test = fashion_mnist("train", folder), fashion_mnist("test", folder)
    assert (len(train), len(test)) == (60000, 10000)
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert [test.classes[k] for k in test.labels[:3]] == ["ankle boot", "pullover", "trouser"]
    for remote in data.entry("fashion_mnist").source.layouts[0].remotes:
        content = (folder / remote.name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == remote[1:3]


# Flowers-102

SPLITS = {"trnid": [1, 4], "valid": [2], "tstid": [3, 5, 6]}
LABELS = [1, 102, 5, 77, 2, 3]


def flowers(folder: Path, labels=LABELS, splits=SPLITS, missing=()) -> Path:
    """Six tiny photos, each of a colour of its own."""
    from PIL import Image

    (folder / "jpg").mkdir(parents=True, exist_ok=True)
    for i in range(1, 7):
        if i not in missing:
            image = Image.new("RGB", (20 + i, 10), (40 * i, 0, 0))
            image.save(folder / "jpg" / f"image_{i:05d}.jpg")
    rows = {"labels": np.array([labels])}
    scipy_io.savemat(folder / "imagelabels.mat", rows, do_compression=True)
    scipy_io.savemat(folder / "setid.mat", {k: np.array([v]) for k, v in splits.items()})
    return folder


@pytest.mark.parametrize(("split", "ids"), [("train", [1, 4]), ("val", [2]), ("test", [3, 5, 6])])
def test_flowers(tmp_path, split, ids):
    dataset = flowers102(split, flowers(tmp_path))
    assert len(dataset) == len(ids) and len(dataset.classes) == 102
    assert dataset.labels.tolist() == [LABELS[i - 1] - 1 for i in ids]
    for k, i in enumerate(ids):
        image, label = dataset[k]
        assert image.size == (20 + i, 10) and label == LABELS[i - 1] - 1
        assert abs(np.asarray(image)[..., 0].mean() - 40 * i) < 3


def test_names_of_flowers(tmp_path):
    classes = flowers102("train", flowers(tmp_path)).classes
    assert len(set(classes)) == 102
    assert [classes[k - 1] for k in (1, 21, 77, 102)] == [
        "pink primrose", "fire lily", "passion flower", "blackberry lily"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 2, 3, 4, 5, 103]}, "imagelabels.mat: labels must be 0..101"),
        ({"labels": [1, 2, 3, 4, 5, 0]}, "imagelabels.mat: labels must be 0..101"),
        ({"labels": [1, 2, 3, 4, 5, 1.5]}, "labels must be a row of whole numbers"),
        ({"labels": [[1, 2], [3, 4]]}, "labels must be a row of whole numbers"),
        ({"labels": []}, "labels must be a row of whole numbers"),
        ({"labels": ["a", "b"]}, "labels must be a row of whole numbers"),
        ({"splits": {"trnid": [7], "valid": [1], "tstid": [1]}}, "numbers 1..6 of images, got 7"),
        ({"splits": {"trnid": [0], "valid": [1], "tstid": [1]}}, "numbers 1..6 of images, got 0"),
        ({"splits": {"valid": [1]}}, "setid.mat: must be a whole MATLAB file with trnid"),
        ({"missing": [4]}, "jpg: must hold 2 photos of this split, got 1 missing or empty"),
    ],
)
def test_flowers_that_do_not_fit(tmp_path, change, message):
    with pytest.raises(ValueError) as caught:
        flowers102("train", flowers(tmp_path, **change))
    assert message in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"x" * 50, b"<html>404</html>" * 20, None])
@pytest.mark.parametrize("name", ["imagelabels.mat", "setid.mat"])
def test_damaged_mat_files(tmp_path, name, content):
    path = flowers(tmp_path) / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 30] if content is None else content)
    with pytest.raises(ValueError, match=f"{name}: must be a whole MATLAB file"):
        flowers102("train", tmp_path)
        flowers102("test", tmp_path)


def test_a_huge_mat_file_is_not_read(tmp_path):
    (flowers(tmp_path) / "setid.mat").write_bytes(bytes(1 << 19))
    with pytest.raises(ValueError, match="must have at most 262,144 bytes, got 524,288"):
        flowers102("train", tmp_path)


def test_a_folder_with_some_of_the_flowers(tmp_path):
    (flowers(tmp_path) / "setid.mat").unlink()
    with pytest.raises(FileNotFoundError, match="got a folder without setid.mat; leave"):
        flowers102("val", tmp_path)
    with pytest.raises(ValueError, match='split must be "train", "val" or "test", got \'all\''):
        flowers102("all", tmp_path)


def test_flowers_are_downloaded(tmp_path, monkeypatch):
    module = sys.modules[flowers102.__module__]
    served = flowers(tmp_path / "served")
    with tarfile.open(served / "102flowers.tgz", "w:gz") as file:
        file.add(served / "jpg", "jpg")
    (layout,) = module.FLOWERS102.layouts
    remotes = []
    for remote in layout.remotes:
        content = (served / remote.name).read_bytes()
        md5 = f"md5:{hashlib.md5(content).hexdigest()}"
        remotes.append(remote._replace(checksum=md5, size=len(content)))
    layout = Layout(layout.files, "", remotes)
    monkeypatch.setattr(module, "FLOWERS102", Source("flowers102", [layout], [""]))
    with serve(served) as url:
        dataset = flowers102("test", mirrors=[url], cache=tmp_path / "cache")
    assert [dataset[i][0].width for i in range(3)] == [23, 25, 26]


# The catalogue


def test_every_set_is_listed_with_its_facts():
    assert data.names() == (
        "digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "flowers102", "shapes",
        "shapes_multilabel",
    )  # fmt: skip
    for name, row in data.CATALOG.items():
        if row.source is None:
            for split, n in row.images.items():
                dataset = load(name, split)
                assert len(dataset) == n and len(dataset.classes) == row.classes
                assert " x ".join(map(str, dataset.images.shape[1:])) == row.shape
        else:
            assert row.source.name == name and set(row.source.splits) == set(row.images)
            for layout in row.source.layouts:
                for remote in layout.remotes:
                    kind, _, digits = remote.checksum.rpartition(":")
                    assert len(digits) == (32 if kind else 64) and int(digits, 16)
                    assert len(remote.mirrors) >= 2
                    assert all(mirror.startswith("http") for mirror in remote.mirrors)


def test_shapes_are_the_same_each_time():
    assert np.array_equal(load("shapes", "test").images, load("shapes", "test").images)
    assert not np.array_equal(load("shapes").images[:500], load("shapes", "test").images)
    with pytest.raises(ValueError, match='shapes: split must be "train" or "test", got'):
        load("shapes", "val")


def test_bytes_as_images():
    images = np.array([0, 51, 255, 3], np.uint8).reshape(1, 1, 2, 2)
    dataset = Dataset(images, np.array([0]), ["a"], "some")
    assert dataset.subset([0]).images.dtype == np.uint8
    batch, _ = next(iter(data.DataLoader(dataset)))
    assert batch.dtype == np.float32
    assert np.array_equal(batch.ravel(), np.float32([0, 51, 255, 3]) / np.float32(255))
