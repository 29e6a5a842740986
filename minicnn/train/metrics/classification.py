"""How often predictions are right: accuracy, precision, recall, F, Jaccard.

Labels and predictions are class indices (N,), or 0 and 1 for each of K labels (N, K). Without
``num_classes`` the classes that occur in either are counted, as in scikit-learn; with it, also
absent ones. ``average`` and ``zero_division`` are explained in averages.py. All raise ValueError
for no samples, shapes that differ, labels that are not whole numbers or out of range.
"""

import numpy as np

from .averages import Share, count
from .checks import Labels, as_pair, as_scored


def accuracy(labels: Labels, predictions: Labels) -> float:
    """Share of right predictions; of several labels per sample all must be right."""
    true, predicted = as_pair("accuracy", labels, predictions)
    right = true == predicted
    return float(right.mean() if right.ndim == 1 else right.all(axis=1).mean())


def top_k_accuracy(labels: Labels, scores: np.ndarray, k: int) -> float:
    """Share of samples (N,) whose class is among the k with the highest scores (N, K).

    Of equal scores the class with the higher index comes first, as in scikit-learn. 1.0 for k >= K.
    """
    if k < 1:
        raise ValueError(f"top_k_accuracy: k must be at least 1, got {k}")
    true, values = as_scored("top_k_accuracy", labels, scores)
    if true.ndim != 1 or values.ndim != 2:
        raise ValueError(
            "top_k_accuracy: it is for one of K classes, labels (N,) and scores (N, K), got "
            f"{true.shape} and {values.shape}"
        )
    return float(in_top_k(true, values, k).mean())


def in_top_k(true: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """Whether each class (N,) is among the k best of scores (N, K)."""
    own = np.take_along_axis(scores, true[:, None], axis=1)
    higher_index = np.arange(scores.shape[1]) > true[:, None]
    ahead = (scores > own) | ((scores == own) & higher_index)
    return ahead.sum(axis=1) < k


def precision(
    labels: Labels, predictions: Labels, *, average: str | None = "binary",
    num_classes: int | None = None, zero_division: float = 0.0,
) -> Share:  # fmt: skip
    """Of the samples given to a class, the share that belongs to it."""
    counts = count("precision", labels, predictions, average, num_classes, zero_division)
    return counts.fbeta(0, average, zero_division)


def recall(
    labels: Labels, predictions: Labels, *, average: str | None = "binary",
    num_classes: int | None = None, zero_division: float = 0.0,
) -> Share:  # fmt: skip
    """Of the samples that belong to a class, the share given to it."""
    counts = count("recall", labels, predictions, average, num_classes, zero_division)
    return counts.fbeta(np.inf, average, zero_division)


def f1(
    labels: Labels, predictions: Labels, *, average: str | None = "binary",
    num_classes: int | None = None, zero_division: float = 0.0,
) -> Share:  # fmt: skip
    """The harmonic mean of precision and recall: 2 hits / (actual + predicted)."""
    counts = count("f1", labels, predictions, average, num_classes, zero_division)
    return counts.fbeta(1, average, zero_division)


def fbeta(
    labels: Labels, predictions: Labels, *, beta: float, average: str | None = "binary",
    num_classes: int | None = None, zero_division: float = 0.0,
) -> Share:  # fmt: skip
    """F of van Rijsbergen (1979), in which recall counts ``beta`` times as much as precision."""
    if not beta >= 0:
        raise ValueError(f"fbeta: beta must be 0 or more, got {beta}")
    counts = count("fbeta", labels, predictions, average, num_classes, zero_division)
    return counts.fbeta(beta, average, zero_division)


def jaccard(
    labels: Labels, predictions: Labels, *, average: str | None = "binary",
    num_classes: int | None = None, zero_division: float = 0.0,
) -> Share:  # fmt: skip
    """Intersection over union: samples in a class and given to it, of those in either set."""
    counts = count("jaccard", labels, predictions, average, num_classes, zero_division)
    return counts.jaccard(average, zero_division)


def subset_accuracy(labels: Labels, predictions: Labels) -> float:
    """Share of samples with all of their labels right: (N, K) -> [0, 1]."""
    true, predicted = as_pair("subset_accuracy", labels, predictions)
    if true.ndim == 1:
        raise ValueError(f"subset_accuracy: labels must be (N, K), got {true.shape}; use accuracy")
    return float((true == predicted).all(axis=1).mean())


def hamming_loss(labels: Labels, predictions: Labels) -> float:
    """Share of wrong labels, of all N or N K of them."""
    true, predicted = as_pair("hamming_loss", labels, predictions)
    return float((true != predicted).mean())
