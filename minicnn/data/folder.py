"""Images in files, decoded when they are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class FileDataset:
    """Labelled image files; ``ds[i]`` decodes one to a PIL image, RGB or grey."""

    multilabel = False

    def __init__(
        self, paths: Sequence[Path], labels: np.ndarray, classes: list[str], name: str,
        channels: int = 3,
    ) -> None:  # fmt: skip
        self.paths, self.labels, self.classes, self.name = list(paths), labels, classes, name
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        from PIL import Image

        with Image.open(self.paths[i]) as image:
            return image.convert("RGB" if self.channels == 3 else "L"), self.labels[i]

    def source(self, i: int) -> str:
        return str(self.paths[i])

    def subset(self, indices: Sequence[int] | np.ndarray) -> "FileDataset":
        paths = [self.paths[i] for i in indices]
        return FileDataset(
            paths, self.labels[np.asarray(indices)], self.classes, self.name, self.channels
        )
