"""Dataset: images with their labels, checked once when they are put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .checks import check_array, check_labels


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images in memory.

    images: (N, C, H, W) uint8, or float32 in [0, 1]
    labels: (N,) int64, the index of each image's class
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
        where = f"Dataset {self.name}"
        is_bytes = isinstance(self.images, np.ndarray) and self.images.dtype == np.uint8
        dtype = "uint8" if is_bytes else "float32"
        check_array(self.images, dtype, "(N, C, H, W)", f"{where}: images")
        low, high = self.images.min(), self.images.max()
        if not is_bytes and not (low >= 0 and high <= 1):  # written so that NaN fails as well
            raise ValueError(
                f"{where}: images must lie in [0, 1], got values from {low} to {high}; "
                "divide bytes by 255"
            )
        check_array(self.labels, "int64", "(N,)", f"{where}: labels")
        self._check_count("labels", self.labels)
        check_labels(self.labels, self.classes, where)
        if self.boxes is not None:
            check_array(self.boxes, "int64", "(N, 4)", f"{where}: boxes")
            self._check_count("boxes", self.boxes)

    def _check_count(self, what: str, array: np.ndarray) -> None:
        if len(array) != len(self):
            raise ValueError(
                f"Dataset {self.name}: images and {what} must agree in number, got {len(self)} "
                f"images and {len(array)} {what}; cut both to the same samples"
            )

    def __len__(self) -> int:
        """N, the number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.images.shape[1:]))
        return f"Dataset({self.name}: {len(self)} images {shape}, {len(self.classes)} classes)"

    def subset(self, indices: Sequence[int] | np.ndarray) -> "Dataset":
        """Copy the samples at these positions, in this order; negative ones count from the end.

        (N, ...) and M indices -> (M, ...)

        Raises ValueError if there are none, if one is not an integer or lies outside the data set.
        """
        index = np.asarray(indices)
        if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu":
            raise ValueError(
                "Dataset.subset: indices must be a non-empty list of integers, got shape "
                f"{index.shape} of {index.dtype}; turn a mask into indices with np.flatnonzero"
            )
        outside = (index < -len(self)) | (index >= len(self))
        if outside.any():
            raise ValueError(
                f"Dataset.subset: indices must be below {len(self)}, the number of images, got "
                f"{index[outside][0]}; take fewer samples"
            )
        boxes = None if self.boxes is None else self.boxes[index]
        return Dataset(self.images[index], self.labels[index], self.classes, self.name, boxes)
