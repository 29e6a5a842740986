"""Checks of what data sets are given, shared by the files of this folder."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_array(array: np.ndarray, dtype: str, shape: str, where: str) -> None:
    """Require an array of this dtype with the named axes, none of them empty.

    ``shape`` reads like "(N, C, H, W)"; an axis given as a number must have that size.

    Raises TypeError for a wrong type or dtype, ValueError for a wrong shape.
    """
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(
            f"{where} must be a NumPy array of {dtype}, got {found}; "
            f"convert with np.asarray(..., dtype=np.{dtype})"
        )
    axes = [axis.strip() for axis in shape.strip("(,)").split(",")]
    fits = len(axes) == array.ndim and all(
        size == int(axis) if axis.isdigit() else size > 0
        for axis, size in zip(axes, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{where} must have shape {shape} with no empty axis, got {array.shape}; "
            "reshape the array"
        )


def check_labels(labels: np.ndarray, classes: Sequence[str], where: str) -> None:
    """Require 0 <= label < number of classes; `where` opens the message.

    Raises ValueError with the first bad label, its index and the classes.
    """
    bad = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if bad.size:
        names = list(classes) if len(classes) <= 12 else [*classes[:11], "..."]
        raise ValueError(
            f"{where}: labels must be 0..{len(classes) - 1} for the {len(classes)} classes "
            f"{', '.join(names)}, got {labels[bad[0]]} at index {bad[0]} ({bad.size} of "
            f"{len(labels)} labels are out of range); correct the label or name its class"
        )


def check_label_rows(labels: np.ndarray, classes: Sequence[str], where: str) -> None:
    """Require (N, K) float32 of 0 and 1, one column per class.

    Raises TypeError for a wrong type or dtype, ValueError for a wrong shape or another number.
    """
    check_array(labels, "float32", f"(N, {len(classes)})", f"{where}: labels")
    other = labels[(labels != 0) & (labels != 1)]
    if other.size:
        raise ValueError(
            f"{where}: labels of several classes must be 0 or 1, got {other[0]}; "
            "write 1 for each class that is in the image"
        )


def check_indices(indices: Any, n: int, where: str) -> np.ndarray:
    """Positions among n samples as an array; negative ones count from the end.

    Raises ValueError if there are none, if one is not an integer or lies outside.
    """
    index = np.asarray(indices)
    if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu":
        raise ValueError(
            f"{where}: indices must be a non-empty list of integers, got shape {index.shape} of "
            f"{index.dtype}; turn a mask into indices with np.flatnonzero"
        )
    outside = (index < -n) | (index >= n)
    if outside.any():
        raise ValueError(
            f"{where}: indices must be below {n}, the number of images, got {index[outside][0]}; "
            "take fewer samples"
        )
    return index


def check_split(split: str, where: str) -> None:
    """Require "train" or "test". Raises ValueError otherwise."""
    if split not in ("train", "test"):
        raise ValueError(
            f'{where}: split must be "train" or "test", got {split!r}; choose one of the two'
        )


def check_whole(value: int, least: int, where: str) -> None:
    """Require a whole number of at least `least`.

    Raises TypeError for anything but a whole number, ValueError for one that is too small.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{where} must be a whole number, got {value!r}; convert it with int()")
    if value < least:
        raise ValueError(f"{where} must be at least {least}, got {value}; choose a larger one")
