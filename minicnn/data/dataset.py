"""Dataset: images in memory with their labels, checked once when they are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .checks import check_array, check_indices, check_label_rows, check_labels
from .pixels import unit_range


class LabelledImages(Protocol):
    """What every data set offers, whether it lies in memory or on disk."""

    @property
    def name(self) -> str:
        """What messages and reports call the data set."""

    @property
    def classes(self) -> list[str]:
        """The name of each of the K classes."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, one class per image; or (N, K) float32 of 0 and 1 if `multilabel`."""

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several classes, or none."""

    def __len__(self) -> int:
        """N, the number of images."""

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        """Sample i: an image, of PIL or (H, W, C) uint8 or float32, and its label."""

    def source(self, i: int) -> str:
        """What a message calls sample i, such as the name of its file."""

    def subset(self, indices: Sequence[int] | np.ndarray) -> "LabelledImages":
        """The samples at these positions, in this order."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images in memory.

    images: (N, C, H, W) uint8, or float32 in [0, 1]. Bytes take a quarter of the memory; `pixels`
        makes float32 of those that are needed.
    labels: (N,) int64, the index of each image's class; or for several classes per image
        (N, K) float32 of 0 and 1, one column per class
    classes: the name of each class
    boxes: (N, 4) int64, the object's x0, y0, x1, y1 in pixels; x1 and y1 lie just outside it.
        None where the data set has no boxes.

    Raises TypeError for a wrong type or dtype, ValueError for wrong shapes or values.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    name: str
    boxes: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._check_images()
        self._check_labels()
        if self.boxes is not None:
            check_array(self.boxes, "int64", "(N, 4)", f"Dataset {self.name}: boxes")
            self._check_count("boxes", self.boxes)

    def _check_images(self) -> None:
        where = f"Dataset {self.name}: images"
        bytes_ = isinstance(self.images, np.ndarray) and self.images.dtype == np.uint8
        check_array(self.images, "uint8" if bytes_ else "float32", "(N, C, H, W)", where)
        if bytes_:
            return
        low, high = self.images.min(), self.images.max()
        if not (low >= 0 and high <= 1):  # written so that NaN fails as well
            raise ValueError(
                f"{where} must lie in [0, 1], got values from {low} to {high}; divide bytes by 255"
            )

    def _check_labels(self) -> None:
        where, k = f"Dataset {self.name}", len(self.classes)
        labels = self.labels
        several = isinstance(labels, np.ndarray) and labels.ndim == 2
        if several and (labels.dtype.kind == "f" or labels.shape[1] == k):
            check_label_rows(labels, self.classes, where)
            self._check_count("labels", labels)
            return
        check_array(labels, "int64", "(N,)", f"{where}: labels")
        self._check_count("labels", labels)
        check_labels(labels, self.classes, where)

    def _check_count(self, what: str, array: np.ndarray) -> None:
        if len(array) != len(self):
            raise ValueError(
                f"Dataset {self.name}: images and {what} must agree in number, got {len(self)} "
                f"images and {len(array)} {what}; cut both to the same samples"
            )

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several classes, or none."""
        return self.labels.ndim == 2

    def __len__(self) -> int:
        """N, the number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.images.shape[1:]))
        several = ", several per image" if self.multilabel else ""
        return (
            f"Dataset({self.name}: {len(self)} images {shape}, {len(self.classes)} classes"
            f"{several})"
        )

    def __getitem__(self, i: int) -> tuple[np.ndarray, Any]:
        """Copies of image i, (H, W, C) uint8 or float32, and of its label, a number or (K,).

        Raises IndexError outside the data set, TypeError for anything but a whole number.
        """
        if not isinstance(i, int | np.integer):
            raise TypeError(
                f"Dataset {self.name}: index must be a whole number, got {i!r}; "
                "take several samples with subset(indices)"
            )
        if not -len(self) <= i < len(self):
            raise IndexError(
                f"Dataset {self.name}: index must be below {len(self)}, the number of images, "
                f"got {i}; choose a smaller one"
            )
        return self.images[i].transpose(1, 2, 0).copy(), self.labels[i].copy()

    def source(self, i: int) -> str:
        """What a message calls sample i."""
        return f"image {i} of {self.name}"

    def pixels(self, indices: Sequence[int] | np.ndarray | slice = slice(None)) -> np.ndarray:
        """Images as (M, C, H, W) float32 in [0, 1], whatever they are kept as; all if unsaid.

        y = x / 255 for bytes. A copy, but for a slice of float32 images.
        """
        return unit_range(self.images[indices])

    def subset(self, indices: Sequence[int] | np.ndarray) -> "Dataset":
        """Copy the samples at these positions, in this order; negative ones count from the end.

        (N, ...) and M indices -> (M, ...)

        Raises ValueError if there are none, if one is not an integer or lies outside the data set.
        """
        index = check_indices(indices, len(self), "Dataset.subset")
        boxes = None if self.boxes is None else self.boxes[index]
        return Dataset(self.images[index], self.labels[index], self.classes, self.name, boxes)
