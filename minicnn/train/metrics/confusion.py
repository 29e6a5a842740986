"""The confusion matrix, and what can be read off it."""

import math

import numpy as np

from .averages import encoded
from .checks import Labels, as_pair

NORMALIZE = {"true": 1, "pred": 0, "all": None}


def confusion_matrix(
    labels: Labels, predictions: Labels, *, num_classes: int | None = None,
    normalize: str | None = None,
) -> np.ndarray:  # fmt: skip
    """C[i, j]: how many samples of class i were taken for class j.

    (N,) and (N,) -> (K, K). K is ``num_classes``; without it only classes that occur have a row, in
    rising order. ``normalize`` divides by the sum of each row ("true"), column ("pred"), or of the
    whole ("all"); 0 of 0 is 0.

    Raises ValueError for several labels per sample, and as `accuracy`.
    """
    true, predicted = _single(confusion_matrix.__name__, labels, predictions, num_classes)
    matrix = count_pairs(*encoded(true, predicted, num_classes))
    return matrix if normalize is None else normalized(matrix, normalize)


def normalized(matrix: np.ndarray, normalize: str) -> np.ndarray:
    """Shares instead of counts; see `confusion_matrix`."""
    if normalize not in NORMALIZE:
        raise ValueError(
            f"confusion_matrix: normalize must be one of {(*NORMALIZE, None)}, got {normalize!r}"
        )
    sums = matrix.sum(axis=NORMALIZE[normalize], keepdims=True)
    return matrix / np.maximum(sums, 1)


def count_pairs(true: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """(N,) and (N,) in 0 ... k - 1 -> (k, k) int64."""
    return np.bincount(true * k + predicted, minlength=k * k).reshape(k, k)


def balanced_accuracy(labels: Labels, predictions: Labels) -> float:
    """The mean recall of the classes that have samples."""
    return balanced_accuracy_of(_occurring("balanced_accuracy", labels, predictions))


def matthews_correlation(labels: Labels, predictions: Labels) -> float:
    """Correlation of labels and predictions in [-1, 1]; 0 where either is always the same.

    (n Σ C_kk - Σ t_k p_k) / sqrt((n² - Σ p_k²) (n² - Σ t_k²)), with t = true, p = predicted counts

    Source: Gorodkin (2004), the R_K statistic.
    """
    return matthews_of(_occurring("matthews_correlation", labels, predictions))


def cohen_kappa(labels: Labels, predictions: Labels) -> float:
    """Agreement beyond chance, (p_o - p_e) / (1 - p_e); nan where chance explains all (p_e = 1).

    Source: Cohen (1960).
    """
    return kappa_of(_occurring("cohen_kappa", labels, predictions))


def balanced_accuracy_of(matrix: np.ndarray) -> float:
    """See `balanced_accuracy`."""
    actual = matrix.sum(axis=1)
    return float((matrix.diagonal()[actual > 0] / actual[actual > 0]).mean())


def matthews_of(matrix: np.ndarray) -> float:
    """See `matthews_correlation`."""
    true, predicted = matrix.sum(axis=1).astype(float), matrix.sum(axis=0).astype(float)
    n = true.sum()
    both = (n * n - predicted @ predicted) * (n * n - true @ true)
    return float((n * matrix.trace() - true @ predicted) / math.sqrt(both)) if both else 0.0


def kappa_of(matrix: np.ndarray) -> float:
    """See `cohen_kappa`."""
    true, predicted = matrix.sum(axis=1).astype(float), matrix.sum(axis=0).astype(float)
    n = true.sum()
    by_chance = n * n - true @ predicted
    return float(1 - n * (n - matrix.trace()) / by_chance) if by_chance else math.nan


def _occurring(where: str, labels: Labels, predictions: Labels) -> np.ndarray:
    return count_pairs(*encoded(*_single(where, labels, predictions, None), None))


def _single(
    where: str, labels: Labels, predictions: Labels, num_classes: int | None
) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = as_pair(where, labels, predictions, num_classes)
    if true.ndim == 2:
        raise ValueError(
            f"{where}: it is for one class per sample (N,), got {true.shape}; "
            "take one label at a time"
        )
    return true, predicted
