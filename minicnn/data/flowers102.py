"""Flowers-102: photos of 102 kinds of flowers, as JPEG files and two MATLAB files."""

import importlib.util
from collections.abc import Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path

import numpy as np

from ..download import Mirror
from .checks import check_labels
from .folder import FileDataset
from .source import Layout, Remote, Source

# The names of the splits, of the variable in setid.mat with the numbers of the images, and so on.
_VARIABLES = {"train": "trnid", "val": "valid", "test": "tstid"}
_MIRRORS = (
    "https://www.robots.ox.ac.uk/~vgg/data/flowers/102",
    "https://thor.robots.ox.ac.uk/~vgg/data/flowers/102",
)
_MOST_BYTES = 1 << 18  # of a .mat file; the real ones have 502 and 14,989

FLOWERS102 = Source(
    "flowers102",
    (
        Layout(
            dict.fromkeys(_VARIABLES, ("jpg/", "imagelabels.mat", "setid.mat")),
            remotes=(
                Remote("imagelabels.mat", "md5:e0620be6f572b9609742df49c70aed4d", 502, _MIRRORS),
                Remote("setid.mat", "md5:a5357ecc9cb78c4bef273ce3793fc85c", 14989, _MIRRORS),
                Remote(
                    "102flowers.tgz", "md5:52808999861908f626f3c1f4e79d11fa", 344862509, _MIRRORS,
                    gives="jpg",
                ),
            ),
        ),
    ),
    ("flowers102", "flowers-102", ""),
)  # fmt: skip


def flowers102(
    split: str = "train",
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[Mirror] | None = None,
    cache: Path | None = None,
) -> FileDataset:
    """Photos of 102 kinds of flowers, of about 500 x 600 pixels, read from disk one by one.

    1,020 images to train on, 1,020 to validate ("val") and 6,149 to test.

    The folder jpg, imagelabels.mat and setid.mat are looked for in `folder` alone if it is given;
    else in ``$MINICNN_DATA/flowers102``, in ``$MINICNN_DATA`` and in the user's cache folder, and
    downloaded into that (345 MB) if they are nowhere.

    Raises FileNotFoundError if there are no files and no network, ValueError if a file is damaged
    or photos are missing, ImportError without SciPy, which reads the .mat files.

    Source: M.-E. Nilsback, A. Zisserman, "Automated flower classification over a large number of
    classes", Indian Conference on Computer Vision, Graphics and Image Processing, 2008.
    """
    if split not in _VARIABLES:
        raise ValueError(
            f'flowers102: split must be "train", "val" or "test", got {split!r}; '
            "choose one of the three"
        )
    if importlib.util.find_spec("scipy") is None:  # before there is anything to download
        raise RuntimeError(
            "flowers102: SciPy must be installed to read .mat files, got none; "
            "pip install 'minicnn-course[flowers102]'"
        )
    given = None if folder is None else Path(folder)
    _, where = FLOWERS102.locate(split, given, mirrors, cache)
    numbers = _read_mat(where / "setid.mat", _VARIABLES[split])
    labels = _read_mat(where / "imagelabels.mat", "labels") - 1
    names = (files(__package__) / "flowers102_classes.txt").read_text(encoding="utf-8")
    classes = names.splitlines()
    check_labels(labels, classes, str(where / "imagelabels.mat"))
    if numbers.min() < 1 or numbers.max() > len(labels):
        raise _bad(where / "setid.mat", f"must hold numbers 1..{len(labels)} of images",
                   f"{numbers.min()} to {numbers.max()}")  # fmt: skip
    paths = [where / "jpg" / f"image_{number:05d}.jpg" for number in numbers]
    _check_photos(where / "jpg", paths)
    return FileDataset(paths, labels[numbers - 1], classes, "flowers102")


def _check_photos(folder: Path, paths: list[Path]) -> None:
    sizes = {entry.name: entry.stat().st_size for entry in folder.iterdir()}
    missing = [path.name for path in paths if not sizes.get(path.name)]
    if missing:
        raise _bad(folder, f"must hold {len(paths):,} photos of this split",
                   f"{len(missing):,} missing or empty, such as {missing[0]}")  # fmt: skip


def _read_mat(path: Path, name: str) -> np.ndarray:
    """A row of whole numbers from a MATLAB file, (N,) int64."""
    from scipy.io import loadmat

    if (size := path.stat().st_size) > _MOST_BYTES:
        raise _bad(path, f"must have at most {_MOST_BYTES:,} bytes", f"{size:,}")
    try:
        array = loadmat(path, variable_names=[name])[name]
    except Exception as error:  # SciPy raises many kinds for what is no .mat file
        raise _bad(path, f"must be a whole MATLAB file with {name}", repr(error)) from error
    whole = isinstance(array, np.ndarray) and array.dtype.kind in "iuf" and array.size > 0
    if not whole or array.ndim != 2 or 1 not in array.shape or np.any(array != np.round(array)):
        shape = getattr(array, "shape", "")
        raise _bad(path, f"{name} must be a row of whole numbers", f"{type(array).__name__}{shape}")
    return array.ravel().astype(np.int64)


def _bad(path: Path, rule: str, found: object) -> ValueError:
    return ValueError(f"{path}: {rule}, got {found}; replace it with a fresh copy")
