"""What the arguments of a metric must be: labels, predictions, scores, probabilities."""

from typing import Any

import numpy as np

Labels = Any  # whatever `np.asarray` takes: a list, an array of integers, booleans, whole floats


def as_labels(where: str, labels: Labels, num_classes: int | None = None) -> np.ndarray:
    """Class indices (N,) as int64, or the 0 and 1 of several labels per sample (N, K) as bool.

    Raises ValueError for an empty array, another shape, numbers that are not whole or out of range.
    """
    array = np.asarray(labels)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"{where}: labels must be class indices (N,) or 0 and 1 (N, K) of at least one sample, "
            f"got shape {array.shape}; pass the labels of whole batches"
        )
    if array.dtype.kind not in "biuf" or not np.array_equal(array, np.trunc(array)):
        got = array.dtype if array.dtype.kind not in "biuf" else array[array != np.trunc(array)][0]
        raise ValueError(f"{where}: labels must be whole numbers, got {got}; pass class indices")
    low, high = array.min(), array.max()
    limit = 2 if array.ndim == 2 else np.inf if num_classes is None else num_classes
    if low < 0 or high >= limit:
        what = "0 or 1 for each label" if array.ndim == 2 else f"0 to {limit - 1}"
        what = "0 or more" if limit == np.inf else what
        raise ValueError(
            f"{where}: labels must be {what}, got {low if low < 0 else high}; "
            "number the classes from 0"
        )
    return array.astype(bool if array.ndim == 2 else np.int64)


def as_pair(
    where: str, labels: Labels, predictions: Labels, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions, both (N,) or both (N, K). Raises ValueError as `as_labels`."""
    true = as_labels(where, labels, num_classes)
    predicted = as_labels(f"{where}: predictions as", predictions, num_classes)
    if true.shape != predicted.shape:
        raise ValueError(
            f"{where}: labels and predictions must have one shape, got {true.shape} and "
            f"{predicted.shape}; of scores (N, K) pass scores.argmax(1)"
        )
    return true, predicted


def as_scores(where: str, scores: Any) -> np.ndarray:
    """Real numbers (N,) or (N, K) as they are, or float64 if they are integers.

    Raises ValueError for another shape and for NaN and infinity.
    """
    array = np.asarray(scores)
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: scores must be numbers (N,) or (N, K) of at least one sample, got shape "
            f"{array.shape} of {array.dtype}; pass the outputs of the network"
        )
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"{where}: scores must be finite, got {array[tuple(first)]} at {first}; has the "
            "training gone astray? look at the loss"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def as_scored(where: str, labels: Labels, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels with their scores: binary (N,) (N,), multiclass (N,) (N, K), multilabel (N, K) (N, K).

    Raises ValueError where the shapes fit none of these, and as `as_labels` and `as_scores`.
    """
    values = as_scores(where, scores)
    k = 2 if values.ndim == 1 else values.shape[1]
    true = as_labels(where, labels, k)
    if len(true) != len(values) or (true.ndim == 2 and true.shape != values.shape):
        raise ValueError(
            f"{where}: labels (N,) need scores (N,) or (N, K), labels (N, K) need scores (N, K), "
            f"got {true.shape} and {values.shape}; cut both to the same samples"
        )
    return true, values


def check_probabilities(where: str, true: np.ndarray, p: np.ndarray) -> None:
    """Raise ValueError unless all lie in [0, 1] and, for one of K classes, add up to 1."""
    if p.min() < 0 or p.max() > 1:
        value = p.min() if p.min() < 0 else p.max()
        raise ValueError(
            f"{where}: probabilities must lie in [0, 1], got {value}; "
            "apply softmax or sigmoid to logits first"
        )
    if true.ndim == 1 and p.ndim == 2:
        check_rows(where, p)


def check_rows(where: str, p: np.ndarray) -> None:
    """Raise ValueError unless every row of (N, K) adds up to 1."""
    sums = p.sum(axis=1, dtype=np.float64)
    off = int(np.abs(sums - 1).argmax())
    if abs(sums[off] - 1) > (1e-5 if p.dtype != np.float16 else 1e-2):
        raise ValueError(
            f"{where}: the probabilities of a sample must add up to 1, got {sums[off]:.6g} for "
            f"sample {off}; apply softmax to logits first"
        )
