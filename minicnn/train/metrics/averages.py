"""From counts per class to one number: shares, and the ways of averaging them.

average   "binary"    class 1 alone
          None        all classes, (K,)
          "macro"     their mean, every class counting the same
          "weighted"  their mean, a class counting by its samples
          "micro"     of the counts of all classes together
          "samples"   the mean over samples; multilabel only

Where a share is 0 of 0 it is ``zero_division``: 0, 1 or nan. A nan is left out of means.
The names and rules are those of scikit-learn, but nothing warns.
"""

import math
from typing import NamedTuple

import numpy as np

from .checks import Labels, as_pair

AVERAGES = ("binary", "macro", "micro", "weighted", "samples", None)
Share = float | np.ndarray


class Counts(NamedTuple):
    """For each class (K,): samples rightly given to it, given to it, and belonging to it."""

    hits: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray

    def fbeta(self, beta: float, average: str | None, zero_division: float) -> Share:
        """(1 + b²) hits / (b² actual + predicted); precision for b = 0, recall for b = inf."""
        hits, predicted, actual = self._pooled(average)
        if math.isinf(beta):
            return averaged(share(hits, actual, zero_division), average, actual)
        b2 = beta * beta
        values = share((1 + b2) * hits, b2 * actual + predicted, zero_division)
        return averaged(values, average, actual)

    def jaccard(self, average: str | None, zero_division: float) -> Share:
        """hits / (actual + predicted - hits)."""
        hits, predicted, actual = self._pooled(average)
        values = share(hits, actual + predicted - hits, zero_division)
        return averaged(values, average, actual)

    def _pooled(self, average: str | None) -> "Counts":
        """With "micro" the sums over all classes, as if they were one."""
        return Counts(*(n.sum(keepdims=True) for n in self)) if average == "micro" else self


def counts_of_matrix(matrix: np.ndarray) -> Counts:
    """From a confusion matrix (K, K), rows true."""
    return Counts(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))


def count(
    where: str, labels: Labels, predictions: Labels, average: str | None,
    num_classes: int | None, zero_division: float,
) -> Counts:  # fmt: skip
    """Counts of labels and predictions as ``average`` needs them. Raises ValueError."""
    true, predicted = as_pair(where, labels, predictions, num_classes)
    _check_options(where, true, predicted, average, zero_division)
    if true.ndim == 2:
        axis = 1 if average == "samples" else 0
        return Counts(*(m.sum(axis=axis) for m in (true & predicted, predicted, true)))
    if average == "binary":
        return Counts(*(
            np.array([np.count_nonzero(m)]) for m in (true & predicted, predicted, true)
        ))  # fmt: skip
    true, predicted, k = encoded(true, predicted, num_classes)
    hits = np.bincount(true[true == predicted], minlength=k)
    return Counts(hits, np.bincount(predicted, minlength=k), np.bincount(true, minlength=k))


def encoded(
    true: np.ndarray, predicted: np.ndarray, num_classes: int | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Both as positions among K classes: 0 ... num_classes - 1, or those that occur if None."""
    if num_classes is not None:
        return true, predicted, num_classes
    classes, positions = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    return positions[: len(true)], positions[len(true) :], len(classes)


def share(numerator: np.ndarray, denominator: np.ndarray, zero_division: float) -> np.ndarray:
    """numerator / denominator, and ``zero_division`` where the denominator is 0."""
    result = np.full(len(denominator), float(zero_division))
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def averaged(values: np.ndarray, average: str | None, actual: np.ndarray) -> Share:
    """The mean that ``average`` asks for, of the values that are not nan; nan if all are."""
    if average is None:
        return values
    defined = ~np.isnan(values)
    if not defined.any():
        return math.nan
    weights = actual[defined] if average == "weighted" else None
    if weights is not None and not weights.any():
        weights = None
    return float(np.average(values[defined], weights=weights))


def _check_options(
    where: str, true: np.ndarray, predicted: np.ndarray, average: str | None, zero_division: float
) -> None:
    if average not in AVERAGES:
        raise ValueError(f"{where}: average must be one of {AVERAGES}, got {average!r}")
    if zero_division not in (0, 1) and not (
        isinstance(zero_division, float) and math.isnan(zero_division)
    ):
        raise ValueError(f"{where}: zero_division must be 0, 1 or nan, got {zero_division!r}")
    if average == "binary" and (true.ndim == 2 or max(true.max(), predicted.max()) > 1):
        got = (
            f"labels {true.shape}"
            if true.ndim == 2
            else f"class {max(true.max(), predicted.max())}"
        )
        raise ValueError(
            f"{where}: average='binary' is for classes 0 and 1, got {got}; "
            "choose 'macro', 'micro', 'weighted' or None"
        )
    if average == "samples" and true.ndim == 1:
        raise ValueError(
            f"{where}: average='samples' is for several labels per sample (N, K), got labels "
            f"{true.shape}; choose 'macro', 'micro', 'weighted' or None"
        )
