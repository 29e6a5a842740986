"""The data sets by name, and where they are: what the command line needs."""

from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from ..download import cache_folder
from .dataset import Dataset
from .digits import digits
from .mnist import find_mnist, mnist

NAMES = ("digits", "mnist")


def load(name: str, split: str = "train", folder: str | PathLike[str] | None = None) -> Dataset:
    """Load "digits" or "mnist". `folder` says where files are; digits needs none.

    Raises ValueError for an unknown name, TypeError for one that is no string, and what the data
    set itself raises.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"data: name must be a string, got {name!r}; choose one of {', '.join(NAMES)}"
        )
    if name == "digits":
        return digits(split)
    if name == "mnist":
        return mnist(split, folder)
    near = get_close_matches(name.lower(), NAMES, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "choose one of them"
    raise ValueError(f"data: name must be one of {', '.join(NAMES)}, got {name!r}; {advice}")


def find_data(cache: Path | None = None) -> list[tuple[str, str, str]]:
    """List (name, where, hint) of each data set, without a download.

    `where` is "embedded", a folder or "not found".
    """
    found = find_mnist(cache)
    hint = "60,000 + 10,000 images 1 x 28 x 28"
    if found is None:
        hint = (
            f"set MINICNN_DATA to a folder with the idx files, or let `minicnn train --data mnist` "
            f"download 11.6 MB into {cache or cache_folder('mnist')}"
        )
    return [
        ("digits", "embedded", "1,437 + 360 images 1 x 8 x 8"),
        ("mnist", str(found or "not found"), hint),
    ]
