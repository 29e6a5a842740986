"""What every threshold on a score would give: ROC and precision-recall curves of one class."""

import numpy as np

from .checks import Labels, as_scored


def roc_curve(
    labels: Labels, scores: np.ndarray, *, drop_intermediate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true positive rates of ``score >= threshold``, for falling thresholds.

    labels (N,) 0 and 1, scores (N,) any finite numbers -> rates (T,) (T,), thresholds (T,), the
    first infinite. Equal scores make one point. Points on a straight line are left out with
    ``drop_intermediate``. The rate of a class without samples is nan throughout.

    Raises ValueError for no samples, NaN, other labels or shapes.
    """
    false, true, thresholds = _counts_above("roc_curve", labels, scores)
    if drop_intermediate and len(true) > 2:
        bends = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        keep = np.concatenate([[True], bends, [True]])
        false, true, thresholds = false[keep], true[keep], thresholds[keep]
    rates = [np.concatenate([[0], n]) / (n[-1] or np.nan) for n in (false, true)]
    return rates[0], rates[1], np.concatenate([[np.inf], thresholds])


def pr_curve(labels: Labels, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of ``score >= threshold``, for rising thresholds.

    labels (N,) 0 and 1, scores (N,) -> precision (T + 1,), recall (T + 1,), thresholds (T,). The
    last point, precision 1 and recall 0, belongs to no threshold. Without positives recall is 1.

    Raises ValueError as `roc_curve`.
    """
    false, true, thresholds = _counts_above("pr_curve", labels, scores)
    precision = true / (true + false)
    recall = true / true[-1] if true[-1] else np.ones(len(true))
    return (
        np.concatenate([precision[::-1], [1.0]]),
        np.concatenate([recall[::-1], [0.0]]),
        thresholds[::-1],
    )


def _counts_above(
    where: str, labels: Labels, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each different score, the highest first: negatives and positives at or above it."""
    true, values = as_scored(where, labels, scores)
    if values.ndim != 1:
        raise ValueError(
            f"{where}: scores must be (N,), those of one class, got {values.shape}; "
            "take one column at a time"
        )
    order = np.argsort(values)[::-1]
    values, positive = values[order], true[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # of equal scores
    above = np.cumsum(positive)[last]
    return last + 1 - above, above, values[last]
