"""The areas under ROC and precision-recall curves, of one class or averaged over many."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np

from .averages import Share
from .checks import Labels, as_scored, check_rows
from .curves import pr_curve, roc_curve

Area = Callable[[np.ndarray, np.ndarray], float]


def roc_auc(
    labels: Labels, scores: np.ndarray, *, average: str | None = "macro", multi_class: str = "ovr"
) -> Share:
    """The chance that a positive has a higher score than a negative; a tie counts half.

    binary       labels (N,) of 0 and 1, scores (N,)
    multiclass   labels (N,), probabilities (N, K): each class against the rest ("ovr"), or each
                 pair of classes that occur ("ovo", Hand and Till 2001)
    multilabel   labels (N, K) of 0 and 1, scores (N, K)

    ``average`` as in averages.py, and without "samples" for multiclass; for "ovo" it is "macro" or
    "weighted". With only positives or only negatives the area is not defined: nan, and so is a
    macro mean over it; ``average=None`` shows of which class, "weighted" leaves absent ones out.

    Raises ValueError for no samples, NaN, labels out of range, multiclass rows that do not add up
    to 1.
    """
    true, values = as_scored("roc_auc", labels, scores)
    if multi_class not in ("ovr", "ovo"):
        raise ValueError(f"roc_auc: multi_class must be 'ovr' or 'ovo', got {multi_class!r}")
    if true.ndim == 1 and values.ndim == 2:
        check_rows("roc_auc", values)
        if multi_class == "ovo":
            return _one_against_one(true, values, average)
    return _average_area("roc_auc", _roc_area, true, values, average)


def average_precision(
    labels: Labels, scores: np.ndarray, *, average: str | None = "macro"
) -> Share:
    """The mean of precision over recall, Σ (R_n - R_n-1) P_n, without interpolation.

    Shapes and ``average`` as in `roc_auc`. Without positives it is 0.

    Raises ValueError as `roc_auc`; multiclass scores need not add up to 1.
    """
    true, values = as_scored("average_precision", labels, scores)
    return _average_area("average_precision", _pr_area, true, values, average)


def _roc_area(positive: np.ndarray, scores: np.ndarray) -> float:
    false_rate, true_rate, _ = roc_curve(positive, scores)
    return float(np.trapezoid(true_rate, false_rate))


def _pr_area(positive: np.ndarray, scores: np.ndarray) -> float:
    precision, recall, _ = pr_curve(positive, scores)
    return max(0.0, float(-np.sum(np.diff(recall) * precision[:-1])))


def _average_area(
    where: str, area: Area, true: np.ndarray, scores: np.ndarray, average: str | None
) -> Share:
    allowed = ("macro", "micro", "weighted", None) + (("samples",) if true.ndim == 2 else ())
    if average not in allowed:
        raise ValueError(f"{where}: average must be one of {allowed}, got {average!r}")
    if scores.ndim == 1:
        return area(true, scores)
    positive = true if true.ndim == 2 else true[:, None] == np.arange(scores.shape[1])
    if average == "micro":
        return area(positive.ravel(), scores.ravel())
    if average == "samples":
        return float(np.mean([area(*row) for row in zip(positive, scores, strict=True)]))
    areas = np.array([area(*column) for column in zip(positive.T, scores.T, strict=True)])
    if average == "weighted":
        weights = positive.sum(axis=0)
        occurs = weights > 0
        return float(np.average(areas[occurs], weights=weights[occurs])) if occurs.any() else 0.0
    return areas if average is None else float(areas.mean())


def _one_against_one(true: np.ndarray, scores: np.ndarray, average: str | None) -> float:
    if average not in ("macro", "weighted"):
        raise ValueError(
            f"roc_auc: with 'ovo' average must be 'macro' or 'weighted', got {average!r}"
        )
    areas, weights = [], []
    for a, b in combinations(np.unique(true), 2):
        of_both = (true == a) | (true == b)
        is_a, pair = true[of_both] == a, scores[of_both]
        areas.append((_roc_area(is_a, pair[:, a]) + _roc_area(~is_a, pair[:, b])) / 2)
        weights.append(of_both.mean())
    if not areas:
        return math.nan
    return float(np.average(areas, weights=weights if average == "weighted" else None))
