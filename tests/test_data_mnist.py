"""MNIST: where it is looked for, what is refused, and downloads from a real local server."""

import gzip
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import find_data, load, mnist
from minicnn.download import cache_folder

from .web import serve

PREFIX = {"train": "train", "test": "t10k"}
FOUR = [f"{p}-{k}-ubyte.gz" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write(folder: Path, split: str, images: np.ndarray, labels: np.ndarray, zipped: bool = True):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in [("images-idx3", images), ("labels-idx1", labels)]:
        content = gzip.compress(idx(array)) if zipped else idx(array)
        ending = ".gz" if zipped else ""
        (folder / f"{PREFIX[split]}-{kind}-ubyte{ending}").write_bytes(content)


def fill(folder: Path, value: int = 51, zipped: bool = True) -> None:
    """Write both splits: five images that hold `value` everywhere."""
    for split in PREFIX:
        write(folder, split, np.full((5, 28, 28), value), np.arange(5), zipped)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(folder) as url:
        yield folder, url


@pytest.fixture
def real_mnist() -> Path:
    folder = Path(os.environ.get("MINICNN_DATA", "nowhere")) / "mnist"
    if not all((folder / name).is_file() for name in FOUR):
        pytest.skip("needs the four MNIST files in MINICNN_DATA/mnist")
    return folder


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No data and no proxy from the environment (the real files are looked up before)."""
    if "real_mnist" in request.fixturenames:
        request.getfixturevalue("real_mnist")
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# The places


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_the_folder_given(tmp_path, zipped):
    fill(tmp_path, 51, zipped)
    data = mnist("train", tmp_path)
    assert data.images.shape == (5, 1, 28, 28) and data.images.dtype == np.uint8
    assert np.all(data.images == 51)
    assert data.labels.tolist() == [0, 1, 2, 3, 4] and data.labels.dtype == np.int64
    assert (data.name, data.classes) == ("mnist", list("0123456789"))


def test_splits_come_from_their_own_files(tmp_path):
    write(tmp_path, "train", np.zeros((3, 28, 28)), np.arange(3))
    write(tmp_path, "test", np.full((2, 28, 28), 255), np.arange(2))
    assert (len(mnist("train", tmp_path)), len(mnist("test", tmp_path))) == (3, 2)
    assert np.all(load("mnist", "test", tmp_path).images == 255)


def test_places_are_searched_in_order(tmp_path, monkeypatch, nobody):
    root, cache = tmp_path / "root", tmp_path / "cache"
    monkeypatch.setenv("MINICNN_DATA", str(root))

    def value() -> int:
        return int(mnist("test", mirrors=[nobody], cache=cache).images[0, 0, 0, 0])

    fill(cache, 1)
    assert value() == 1
    fill(root, 2)
    assert value() == 2
    fill(root / "mnist", 3)
    assert value() == 3
    assert find_data(cache)[1][:2] == ("mnist", str(root / "mnist"))


def test_images_and_labels_never_come_from_two_places(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "root"))
    fill(tmp_path / "root", 2)
    fill(tmp_path / "cache", 1)
    (tmp_path / "root" / FOUR[1]).unlink()
    assert mnist("train", cache=tmp_path / "cache").images[0, 0, 0, 0] == 1
    assert find_data(tmp_path / "cache")[1][1] != "not found"


@pytest.mark.parametrize("missing", FOUR)
def test_half_a_data_set_is_not_found(tmp_path, missing):
    fill(tmp_path)
    (tmp_path / missing).unlink()
    assert find_data(tmp_path)[1][1] == "not found"


@pytest.mark.parametrize(
    ("exists", "found"), [(True, f"a folder without {FOUR[1]}"), (False, "no such folder")]
)
def test_a_given_folder_is_the_only_place(tmp_path, monkeypatch, exists, found):
    fill(tmp_path / "root")
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "root"))
    if exists:
        fill(tmp_path / "given")
        (tmp_path / "given" / FOUR[1]).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        mnist("train", tmp_path / "given")
    assert f"{tmp_path / 'given'} must hold {FOUR[0]} and {FOUR[1]}, got {found}" in str(
        caught.value
    )


@pytest.mark.skipif(os.name == "nt", reason="XDG_CACHE_HOME is not used on Windows")
def test_the_default_cache_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("mnist").parts[-2:] == ("minicnn", "mnist")
    fill(cache_folder("mnist"), 7)
    assert mnist("test").images[0, 0, 0, 0] == 7


# Bad files


def test_counts_must_agree(tmp_path):
    write(tmp_path, "train", np.zeros((5, 28, 28)), np.zeros(4))
    with pytest.raises(ValueError) as caught:
        mnist("train", tmp_path)
    assert f"5 images in {tmp_path / FOUR[0]} and 4 labels in {tmp_path / FOUR[1]}" in str(
        caught.value
    )


def test_labels_must_be_digits(tmp_path):
    write(tmp_path, "train", np.zeros((5, 28, 28)), np.array([0, 9, 10, 3, 77]))
    with pytest.raises(ValueError) as caught:
        mnist("train", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / FOUR[1]}: labels must be 0..9")
    assert "got 10 at index 2 (2 of 5" in str(caught.value)


def test_swapped_files(tmp_path):
    write(tmp_path, "train", np.zeros(5), np.zeros((5, 28, 28)))
    with pytest.raises(ValueError) as caught:
        mnist("train", tmp_path)
    message = "must hold bytes with the axes NHW, got uint8 of shape (5,); see whether images and"
    assert f"{tmp_path / FOUR[0]}: {message}" in str(caught.value)


@pytest.mark.parametrize("name", FOUR[:2])
def test_a_truncated_file_is_named(tmp_path, name):
    fill(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    with pytest.raises(ValueError, match=name):
        mnist("train", tmp_path)


# Downloads


def test_no_network_says_what_would_help(tmp_path, nobody):
    with pytest.raises(FileNotFoundError) as caught:
        mnist("train", mirrors=[nobody, nobody], cache=tmp_path / "cache")
    message = str(caught.value)
    assert "MINICNN_DATA (not set)" in message
    assert f"put {', '.join(FOUR)} into {tmp_path / 'cache'}" in message
    assert "set MINICNN_DATA to the folder" in message
    assert message.count("(ConnectionError)") == 2


def test_a_cache_that_cannot_be_made_says_what_would_help(tmp_path, nobody):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="set MINICNN_DATA to the folder"):
        mnist("train", mirrors=[nobody], cache=tmp_path / "file" / "cache")


def test_a_mirror_with_other_images_is_refused(tmp_path, served):
    folder, url = served
    fill(folder)
    with pytest.raises(FileNotFoundError, match="52 bytes instead of 9,912,422"):
        mnist("train", mirrors=[url], cache=tmp_path / "cache")


# The real files


def test_download_of_the_real_files(tmp_path, real_mnist):
    with serve(real_mnist) as url:
        for split, n in [("train", 60000), ("test", 10000)]:
            assert len(mnist(split, mirrors=[f"{url}/nothing", url], cache=tmp_path)) == n
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FOUR)
    assert len(mnist("test", mirrors=[], cache=tmp_path)) == 10000


def test_known_facts_about_mnist(real_mnist):
    train, test = mnist("train", real_mnist), mnist("test", real_mnist)
    assert train.images.shape == (60000, 1, 28, 28) and test.images.shape == (10000, 1, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    # The mean and standard deviation that everybody normalises with.
    assert abs(train.images.mean(dtype=np.float64) / 255 - 0.1307) < 5e-5
    assert abs(train.images.std(dtype=np.float64) / 255 - 0.3081) < 5e-5
