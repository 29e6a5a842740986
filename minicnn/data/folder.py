"""Image files on disk as a data set: opened when they are asked for, never all in memory."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .checks import check_array, check_indices, check_label_rows, check_labels
from .pictures import EXTENSIONS, open_image

# What people call the folders of a split.
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_NOT_OURS = ("__macosx", "thumbs.db", "desktop.ini")  # and all names that start with a dot


@dataclass(frozen=True, eq=False, repr=False)
class FileDataset:
    """Labelled image files.

    paths: N files; they are neither opened nor looked for before they are asked for
    labels: (N,) int64, the index of each image's class; or (N, K) float32 of 0 and 1, one column
        per class, where an image may have several classes
    classes: the K names
    channels: 3 for RGB, 1 for grey

    Raises TypeError for a wrong type or dtype, ValueError for wrong shapes or values.
    """

    paths: Sequence[str | PathLike[str]]
    labels: np.ndarray
    classes: list[str]
    name: str
    channels: int = 3

    def __post_init__(self) -> None:
        where = f"FileDataset {self.name}"
        if isinstance(self.labels, np.ndarray) and self.labels.ndim == 2:
            check_label_rows(self.labels, self.classes, where)
        else:
            check_array(self.labels, "int64", "(N,)", f"{where}: labels")
            check_labels(self.labels, self.classes, where)
        if len(self.labels) != len(self.paths):
            raise ValueError(
                f"{where}: paths and labels must agree in number, got "
                f"{len(self.paths)} and {len(self.labels)}; give one label, or row of labels, "
                "per file"
            )

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several classes, or none."""
        return self.labels.ndim == 2

    def __len__(self) -> int:
        """N, the number of images."""
        return len(self.paths)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}: {len(self)} files, {len(self.classes)} classes)"

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        """Open image i: (Pillow image of mode RGB or L, its label or row of labels).

        Raises what `open_image` raises, and IndexError outside the data set.
        """
        return open_image(self.paths[i], self.channels), self.labels[i].copy()

    def source(self, i: int) -> str:
        """The file of image i."""
        return os.fspath(self.paths[i])

    def subset(self, indices: Sequence[int] | np.ndarray) -> "FileDataset":
        """The samples at these positions, in this order; negative ones count from the end.

        Raises ValueError if there are none, if one is not an integer or lies outside the data set.
        """
        index = check_indices(indices, len(self), f"{self.name}.subset")
        paths = [self.paths[i] for i in index]
        return FileDataset(paths, self.labels[index], self.classes, self.name, self.channels)


class ImageFolder(FileDataset):
    """A folder with one sub-folder per class, as ImageNet and most collections of photos have them.

    The sub-folders' names, sorted, are the classes; images are searched in all of their own
    sub-folders. With `split` ("train", "val" or "test") the class folders lie in a sub-folder of
    that name; "val" may also be called valid or validation, and so on, and the classes are always
    those of "train". A folder without such sub-folders is split by `train_val_split`.

    Hidden files and folders are left out, and all files that do not end like an image.

    Raises FileNotFoundError if there is no such folder, PermissionError if one cannot be read,
    ValueError for fewer than 2 classes, a class without images, or classes that "train" has not.
    """

    def __init__(
        self, folder: str | PathLike[str], split: str | None = None, *, channels: int = 3
    ) -> None:
        root = Path(folder)
        place = _place(root, split)
        found = {name: sorted(_images(place / name)) for name in _folders(place)}
        _check_classes(place, found)
        classes = list(found)
        if split not in (None, "train") and "train" in folder_splits(root):
            classes = _folders(folder_splits(root)["train"])
            _check_same(place, list(found), classes)
        number = {name: k for k, name in enumerate(classes)}
        labels = np.array([number[name] for name, files in found.items() for _ in files], np.int64)
        paths = [path for files in found.values() for path in files]
        super().__init__(paths, labels, classes, root.resolve().name, channels)


def folder_splits(folder: str | PathLike[str]) -> dict[str, Path]:
    """The sub-folders "train", "val" and "test" by what they hold; empty where there is no "train".

    A folder `train` in which images lie directly is a class, of a collection of vehicles, say;
    unless all folders beside it are called like parts of a split too.
    """
    names = _folders(Path(folder))
    found = {
        split: Path(folder, name)
        for split, aliases in SPLITS.items()
        for name in names
        if name.lower() in aliases
    }
    if "train" not in found or (len(found) < len(names) and _holds_images(found["train"])):
        return {}
    return found


def _place(root: Path, split: str | None) -> Path:
    """The folder that has the class folders."""
    splits = folder_splits(root)
    if split is None:
        if splits:
            raise ValueError(
                f"{root}: split must be one of {', '.join(splits)}, the parts that this folder "
                f'has, got none; say split="{next(iter(splits))}"'
            )
        return root
    if split not in SPLITS:
        raise ValueError(
            f"{root}: split must be one of {', '.join(SPLITS)}, got {split!r}; choose one of them"
        )
    if split not in splits:
        has = f"only {', '.join(splits)}" if splits else "no train/ with class folders"
        raise ValueError(
            f"{root}: must have a folder {' or '.join(SPLITS[split])}, got {has}; leave the split "
            "out to read the whole folder, and divide it with train_val_split"
        )
    return splits[split]


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, without what the system put there."""
    try:
        with os.scandir(folder) as entries:
            return [e for e in entries if e.name[0] != "." and e.name.lower() not in _NOT_OURS]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{folder}: must be a folder of images, got no such folder; check the path"
        ) from error
    except NotADirectoryError as error:
        raise NotADirectoryError(
            f"{folder}: must be a folder of images, got a file; unpack an archive first"
        ) from error
    except PermissionError as error:
        raise PermissionError(
            f"{folder}: must be readable, got {error.strerror}; give yourself read permission"
        ) from error


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in _scan(folder) if entry.is_dir())


def _is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _holds_images(folder: Path) -> bool:
    return any(_is_image(entry.name) and not entry.is_dir() for entry in _scan(folder))


def _images(folder: Path) -> Iterator[str]:
    """Every image file in a folder and its sub-folders; each real folder once, so links may loop.

    Broken links are listed: they shall be reported, not forgotten.
    """
    waiting, seen = [folder], set()
    while waiting:
        place = waiting.pop()
        identity = os.stat(place)
        if (identity.st_dev, identity.st_ino) in seen:
            continue
        seen.add((identity.st_dev, identity.st_ino))
        for entry in _scan(place):
            if entry.is_dir():
                waiting.append(Path(entry.path))
            elif _is_image(entry.name):
                yield entry.path


def _check_classes(place: Path, found: dict[str, list[str]]) -> None:
    if not any(found.values()):
        what = "images directly in it" if _holds_images(place) else "no images in sub-folders"
        raise ValueError(
            f"{place}: must have one sub-folder of images per class, got {what}; put the images "
            f"({', '.join(EXTENSIONS)}) into folders named after their classes"
        )
    for name, files in found.items():
        if not files:
            others = sorted({Path(e.name).suffix for e in _scan(place / name) if e.is_file()})
            kinds = f", only files {', '.join(others)}" if others else ""
            raise ValueError(
                f"{place / name}: a class folder must hold images, got none{kinds}; put images "
                f"({', '.join(EXTENSIONS)}) there or delete the folder"
            )
    if len(found) < 2:
        raise ValueError(
            f"{place}: must have at least 2 class folders, got only {next(iter(found))}; "
            "add a folder with images of something else"
        )


def _check_same(place: Path, classes: list[str], known: list[str]) -> None:
    unknown = sorted(set(classes) - set(known))
    if unknown:
        raise ValueError(
            f"{place}: its classes must be those of the training images ({_shortened(known)}), got "
            f"{_shortened(unknown)} as well; rename the folders alike"
        )


def _shortened(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 8 else [*names[:8], f"... {len(names)} in all"])
