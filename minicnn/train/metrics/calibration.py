"""Calibration: of the predictions made with probability p, is a share p right?"""

from typing import NamedTuple

import numpy as np

from .checks import Labels
from .probabilities import checked

BINS = 15  # as Guo et al. (2017) take


class ReliabilityBins(NamedTuple):
    """M bins of equal width, the first [0, 1/M], the others (m/M, (m+1)/M].

    edges (M + 1,); counts (M,): the predictions in each; confidence and accuracy (M,): their mean
    probability, and the share that came true; nan in empty bins.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, Σ counts / n |accuracy - confidence|."""
        full = self.counts > 0
        gaps = np.abs(self.accuracy[full] - self.confidence[full])
        return float(np.average(gaps, weights=self.counts[full]))


def expected_calibration_error(
    labels: Labels, probabilities: np.ndarray, *, bins: int = BINS
) -> float:
    """The mean distance of confidence from accuracy, in ``bins`` bins of equal width.

    binary       probability of class 1 (N,) against the share of class 1 (Naeini et al. 2015)
    multiclass   the highest of K probabilities (N, K) against accuracy (Guo et al. 2017, eq. 3)
    multilabel   all N K probabilities as in binary

    Raises ValueError for no samples, NaN, numbers that are no probabilities, labels out of range.
    """
    return reliability_bins(labels, probabilities, bins=bins).error


def reliability_bins(
    labels: Labels, probabilities: np.ndarray, *, bins: int = BINS
) -> ReliabilityBins:
    """What a reliability diagram shows; see `expected_calibration_error`."""
    if bins < 1:
        raise ValueError(f"reliability_bins: bins must be at least 1, got {bins}")
    true, p = checked("reliability_bins", labels, probabilities)
    return finish(*bin_sums(*confidence_and_outcome(true, p), bins))


def confidence_and_outcome(true: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What was predicted with which probability, and whether it came true: (M,) and (M,)."""
    if true.ndim == 1 and p.ndim == 2:
        return p.max(axis=1), p.argmax(axis=1) == true
    return p.ravel(), true.ravel() == 1


def bin_sums(
    confidence: np.ndarray, outcome: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each bin how many predictions, and the sums of their confidences and outcomes."""
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    index = np.searchsorted(inner, confidence)
    return (
        np.bincount(index, minlength=bins),
        np.bincount(index, confidence, bins),
        np.bincount(index, outcome, bins),
    )


def finish(counts: np.ndarray, confidence: np.ndarray, outcome: np.ndarray) -> ReliabilityBins:
    """The sums of `bin_sums` as means."""
    n = np.where(counts > 0, counts, np.nan)
    return ReliabilityBins(np.linspace(0, 1, len(counts) + 1), counts, confidence / n, outcome / n)
