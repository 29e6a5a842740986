"""The data sets by name, and where they are: what the command line needs."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from ..download import cache_folder
from .checks import check_split
from .cifar import CIFAR10, CIFAR100, cifar10, cifar100
from .dataset import Dataset
from .digits import digits
from .flowers102 import FLOWERS102, flowers102
from .idx_sets import FASHION_MNIST, MNIST, fashion_mnist, mnist
from .shapes import shapes
from .source import Source


class Entry(NamedTuple):
    """A data set.

    load: (split, folder) -> data set; a set without `source` takes the split alone
    images: split -> their number in the original
    shape: of an image, (C, H, W), or a word where they differ
    source: where its files are; None for one that comes with the program
    """

    load: Callable[..., Any]
    images: Mapping[str, int]
    classes: int
    shape: str
    source: Source | None = None


def _shapes(split: str = "train") -> Dataset:
    check_split(split, "shapes")
    return shapes(2000, seed=0) if split == "train" else shapes(500, seed=1)


def _several_shapes(split: str = "train") -> Dataset:
    check_split(split, "shapes_multilabel")
    n, seed = (2000, 0) if split == "train" else (500, 1)
    return shapes(n, seed=seed, objects=3)


CATALOG: dict[str, Entry] = {
    "digits": Entry(digits, {"train": 1437, "test": 360}, 10, "1 x 8 x 8"),
    "mnist": Entry(mnist, {"train": 60000, "test": 10000}, 10, "1 x 28 x 28", MNIST),
    "fashion_mnist": Entry(
        fashion_mnist, {"train": 60000, "test": 10000}, 10, "1 x 28 x 28", FASHION_MNIST
    ),
    "cifar10": Entry(cifar10, {"train": 50000, "test": 10000}, 10, "3 x 32 x 32", CIFAR10),
    "cifar100": Entry(cifar100, {"train": 50000, "test": 10000}, 100, "3 x 32 x 32", CIFAR100),
    "flowers102": Entry(
        flowers102, {"train": 1020, "val": 1020, "test": 6149}, 102, "photos", FLOWERS102
    ),
    "shapes": Entry(_shapes, {"train": 2000, "test": 500}, 4, "3 x 32 x 32"),
    "shapes_multilabel": Entry(_several_shapes, {"train": 2000, "test": 500}, 4, "3 x 32 x 32"),
}


def names() -> tuple[str, ...]:
    """What `load` knows."""
    return tuple(CATALOG)


def entry(name: str) -> Entry:
    """A row of the catalogue.

    Raises ValueError for an unknown name, TypeError for one that is no string.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"data: name must be a string, got {name!r}; choose one of {', '.join(CATALOG)}"
        )
    if name not in CATALOG:
        near = get_close_matches(name.lower().replace("-", "_"), CATALOG, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise ValueError(f"data: name must be one of {', '.join(CATALOG)}, got {name!r}; {advice}")
    return CATALOG[name]


def load(name: str, split: str = "train", folder: str | PathLike[str] | None = None) -> Any:
    """Load a data set of the catalogue. `folder` says where its files are; digits and
    shapes need none.

    Raises ValueError for an unknown name, TypeError for one that is no string, and what the data
    set itself raises.
    """
    row = entry(name)
    return row.load(split, folder) if row.source else row.load(split)


def find_data(cache: Path | None = None) -> list[tuple[str, str, str]]:
    """List (name, where, hint) of each data set, without a download.

    `where` is "embedded", a folder or "not found".
    """
    rows = []
    for name, row in CATALOG.items():
        hint = f"{' + '.join(f'{n:,}' for n in row.images.values())} images {row.shape}"
        where = "embedded"
        if row.source is not None:
            found = [row.source.find(split, None, cache) for split in row.images]
            where = str(found[0][1]) if found[0] and all(found) else "not found"
        if row.source is not None and where == "not found":
            hint = (
                f"`minicnn data prepare {name}` downloads {row.source.size() / 1e6:.1f} MB into "
                f"{cache or cache_folder(name)}; or set MINICNN_DATA to a folder with its files"
            )
        rows.append((name, where, hint))
    return rows
