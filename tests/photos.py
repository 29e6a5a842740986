"""A data set of image files, as a user would write one, for tests of what streams."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Photos:
    """Files, each read when it is asked for; the label is the position."""

    name, multilabel = "photos", False

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = list(paths)
        self.labels = np.arange(len(self.paths))
        self.classes = [str(i) for i in range(len(self.paths))]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Any, int]:
        from PIL import Image

        with Image.open(self.paths[i]) as image:
            image.load()
            return image, i

    def source(self, i: int) -> str:
        return str(self.paths[i])

    def subset(self, indices: Sequence[int] | np.ndarray) -> "Photos":
        return type(self)([self.paths[i] for i in indices])


def photos(folder: Path, n: int) -> Photos:
    """n JPEG files of 6x5 random pixels."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:02}.jpg" for i in range(n)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).save(path)
    return Photos(paths)
