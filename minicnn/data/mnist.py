"""MNIST: 70,000 handwritten digits of 28 x 28 pixels, read from the four original idx files."""

import os
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ..download import cache_folder, download
from .checks import check_labels, check_split
from .dataset import Dataset
from .idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
CLASSES = [str(digit) for digit in range(10)]

# split -> the images' file and the labels' file, each with its SHA-256
_FILES = {
    "train": {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
    },
    "test": {
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
}


def mnist(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    cache: Path | None = None,
) -> Dataset:
    """Handwritten digits: 60,000 images (1, 28, 28) to train on and 10,000 to test.

    value = byte / 255

    The idx files, gzipped or not, are looked for in `folder` alone if it is given; else in
    ``$MINICNN_DATA/mnist``, in ``$MINICNN_DATA`` and in the user's cache folder, and downloaded
    into that (11.6 MB for both splits) if they are nowhere.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged
    or the two files of a split do not belong together.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86 (11), 1998, section III.A.
    """
    check_split(split, "mnist")
    places = _places(cache) if folder is None else [Path(folder)]
    paths = _search(split, places)
    if paths is None and folder is not None:
        raise FileNotFoundError(
            f"mnist: folder {folder} must hold {' and '.join(_FILES[split])}, got "
            f"{'not both' if Path(folder).is_dir() else 'no such folder'}; "
            "leave the folder out to search MINICNN_DATA and the cache and to download"
        )
    return _read(*(paths or _download(split, mirrors, cache or cache_folder("mnist"))))


def find_mnist(cache: Path | None = None) -> Path | None:
    """The folder from which `mnist` would read both splits; None if it would download."""
    found = [_search(split, _places(cache)) for split in _FILES]
    return found[0][0].parent if found[0] and found[1] else None


def _places(cache: Path | None) -> Iterator[Path]:
    if root := os.environ.get("MINICNN_DATA"):
        yield Path(root).expanduser() / "mnist"
        yield Path(root).expanduser()
    yield cache or cache_folder("mnist")


def _search(split: str, places: Iterable[Path]) -> tuple[Path, Path] | None:
    """Images and labels from the first place that has both; never one from here, one from there."""
    for place in places:
        for ending in (".gz", ""):
            images, labels = (place / (name.removesuffix(".gz") + ending) for name in _FILES[split])
            if images.is_file() and labels.is_file():
                return images, labels
    return None


def _download(split: str, mirrors: Sequence[str], cache: Path) -> tuple[Path, Path]:
    try:
        images, labels = (
            download(name, sha256, mirrors, cache) for name, sha256 in _FILES[split].items()
        )
    except OSError as error:
        names = ", ".join(name for files in _FILES.values() for name in files)
        root = os.environ.get("MINICNN_DATA", "not set")
        raise FileNotFoundError(
            f"mnist: the files must be in MINICNN_DATA ({root}), in {cache} or on a mirror, got "
            f"{error}. Or put {names} into {cache}, or set MINICNN_DATA to the folder that "
            "holds these four files"
        ) from error
    return images, labels


def _read(images_path: Path, labels_path: Path) -> Dataset:
    images, labels = _read_bytes(images_path, "NHW"), _read_bytes(labels_path, "N")
    if len(images) != len(labels):
        raise ValueError(
            f"mnist: images and labels must agree in number, got {len(images)} images in "
            f"{images_path} and {len(labels)} labels in {labels_path}; "
            "fetch both files from the same place"
        )
    check_labels(labels, CLASSES, str(labels_path))
    pixels = images[:, None].astype(np.float32)
    pixels /= 255
    return Dataset(pixels, labels.astype(np.int64), CLASSES, "mnist")


def _read_bytes(path: Path, axes: str) -> np.ndarray:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.size == 0 or array.ndim != len(axes):
        raise ValueError(
            f"{path}: must hold bytes with the axes {axes}, got {array.dtype} of shape "
            f"{array.shape}; see whether images and labels are swapped"
        )
    return array
