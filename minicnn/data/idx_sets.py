"""MNIST and Fashion-MNIST: 70,000 images of 28 x 28 pixels each, in four idx files."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ..download import Mirror
from .checks import check_labels, check_split
from .dataset import Dataset
from .idx import read_idx
from .source import Layout, Remote, Source

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
_FASHION_MIRRORS = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
)
_FILES = {
    split: tuple(f"{prefix}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
    for split, prefix in (("train", "train"), ("test", "t10k"))
}
_CLOTHES = [
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
]  # fmt: skip


def _source(
    name: str, aliases: Sequence[str], mirrors: Sequence[Mirror], files: Sequence[tuple[int, str]]
) -> Source:
    """``files``: size and SHA-256 of each file, in the order of `_FILES`."""
    zipped = {split: tuple(f"{file}.gz" for file in pair) for split, pair in _FILES.items()}
    remotes = tuple(
        Remote(file, sha256, size, mirrors)
        for file, (size, sha256) in zip(zipped["train"] + zipped["test"], files, strict=True)
    )
    return Source(name, (Layout(zipped, remotes=remotes), Layout(_FILES)), aliases)


MNIST = _source("mnist", ("mnist", "", "MNIST/raw"), _MNIST_MIRRORS, (
    (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
))  # fmt: skip

# Its files have the names of MNIST's, so they are not looked for in MINICNN_DATA itself.
FASHION_MNIST = _source(
    "fashion_mnist", ("fashion_mnist", "FashionMNIST/raw"), _FASHION_MIRRORS, (
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
)  # fmt: skip


def mnist(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[Mirror] | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Handwritten digits: 60,000 images (1, 28, 28) to train on and 10,000 to test.

    The idx files, gzipped or not, are looked for in `folder` alone if it is given; else in
    ``$MINICNN_DATA/mnist``, in ``$MINICNN_DATA`` and in the user's cache folder, and downloaded
    into that (11.6 MB) if they are nowhere.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged
    or the two files of a split do not belong together.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86 (11), 1998, section III.A.
    """
    return _load(MNIST, [str(digit) for digit in range(10)], split, folder, mirrors, cache)


def fashion_mnist(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[Mirror] | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Clothes in ten classes: 60,000 images (1, 28, 28) to train on and 10,000 to test.

    Files are looked for as those of `mnist` are, but not in ``$MINICNN_DATA`` itself; 30.9 MB.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged
    or the two files of a split do not belong together.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.
    """
    return _load(FASHION_MNIST, _CLOTHES, split, folder, mirrors, cache)


def _load(
    source: Source, classes: list[str], split: str, folder: str | PathLike[str] | None,
    mirrors: Sequence[Mirror] | None, cache: Path | None,
) -> Dataset:  # fmt: skip
    check_split(split, source.name)
    given = None if folder is None else Path(folder)
    layout, where = source.locate(split, given, mirrors, cache)
    images_path, labels_path = (where / name for name in layout.files[split])
    images, labels = _read_bytes(images_path, "NHW"), _read_bytes(labels_path, "N")
    if len(images) != len(labels):
        raise ValueError(
            f"{source.name}: images and labels must agree in number, got {len(images)} images in "
            f"{images_path} and {len(labels)} labels in {labels_path}; "
            "fetch both files from the same place"
        )
    check_labels(labels, classes, str(labels_path))
    return Dataset(images[:, None], labels.astype(np.int64), list(classes), source.name)


def _read_bytes(path: Path, axes: str) -> np.ndarray:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.size == 0 or array.ndim != len(axes):
        raise ValueError(
            f"{path}: must hold bytes with the axes {axes}, got {array.dtype} of shape "
            f"{array.shape}; see whether images and labels are swapped"
        )
    return array
