"""How good probabilities are: log loss and Brier score, lowest for the true probabilities.

binary labels (N,) with the probability of class 1 (N,), multiclass (N,) with (N, K), multilabel
(N, K) with (N, K). All raise ValueError for no samples, NaN, numbers that are no probabilities,
labels out of range.
"""

import numpy as np

from .checks import Labels, as_scored, check_probabilities


def log_loss(labels: Labels, probabilities: np.ndarray) -> float:
    """The mean of -ln p(true class); of several labels per sample, the mean over labels too.

    Probabilities are cut to [eps, 1 - eps] of their dtype, so a sure mistake costs 36 in float64.
    """
    return float(sample_log_losses(*checked("log_loss", labels, probabilities)).mean())


def brier_score(labels: Labels, probabilities: np.ndarray) -> float:
    """The mean squared error of probabilities.

    binary (p - y)² in [0, 1], multiclass Σ_k (p_k - y_k)² in [0, 2] as Brier (1950) has it, with
    two columns half of that, multilabel the mean of (p_k - y_k)². As scikit-learn scales them.
    """
    return float(sample_brier_scores(*checked("brier_score", labels, probabilities)).mean())


def checked(where: str, labels: Labels, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities that go together."""
    true, p = as_scored(where, labels, probabilities)
    check_probabilities(where, true, p)
    return true, p


def sample_log_losses(true: np.ndarray, p: np.ndarray) -> np.ndarray:
    """-ln p(true class) for each sample: (N,)."""
    eps = float(np.finfo(p.dtype).eps)
    p = p.astype(np.float64)
    if true.ndim == 1 and p.ndim == 2:
        own = np.take_along_axis(p, true[:, None], axis=1)[:, 0]
        return -np.log(np.clip(own, eps, 1 - eps))
    own = np.clip(np.where(true, p, 1 - p), eps, 1 - eps)
    return -np.log(own) if own.ndim == 1 else -np.log(own).mean(axis=1)


def sample_brier_scores(true: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The squared error of each sample: (N,)."""
    p = p.astype(np.float64)
    if p.ndim == 1:
        return (p - true) ** 2
    if true.ndim == 2:
        return ((p - true) ** 2).mean(axis=1)
    target = true[:, None] == np.arange(p.shape[1])
    return ((p - target) ** 2).sum(axis=1) * (0.5 if p.shape[1] == 2 else 1)
