"""Sums that grow batch by batch and give exactly what all samples at once would give.

Each has `update`, `compute`, `merge` with another of its kind (from another part of the data), and
`reset`.
"""

from typing import Self

import numpy as np

from .averages import Counts
from .calibration import BINS, ReliabilityBins, bin_sums, confidence_and_outcome, finish
from .checks import Labels, as_pair, as_scored
from .confusion import count_pairs
from .probabilities import checked


class ConfusionMatrix:
    """The confusion matrix of K classes, in K² numbers however many the samples."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, labels: Labels, predictions: Labels) -> None:
        """Add a batch of classes, (B,) and (B,). Raises ValueError as `accuracy`."""
        true, predicted = as_pair("ConfusionMatrix", labels, predictions, self.num_classes)
        if true.ndim == 2:
            raise ValueError(f"ConfusionMatrix: labels must be (B,), got {true.shape}")
        self._matrix += count_pairs(true, predicted, self.num_classes)

    def merge(self, other: Self) -> None:
        """Add the samples of another."""
        _check_same("ConfusionMatrix", self.num_classes, other.num_classes)
        self._matrix += other._matrix

    def compute(self) -> np.ndarray:
        """(K, K) int64, rows true."""
        return self._matrix.copy()


class LabelCounts:
    """Right and wrong answers for each of K labels that a sample may have."""

    def __init__(self, num_labels: int) -> None:
        self.num_labels = num_labels
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._counts = np.zeros((3, self.num_labels), np.int64)
        self._samples = self._all_right = 0

    def update(self, labels: Labels, predictions: Labels) -> None:
        """Add a batch of 0 and 1, (B, K) and (B, K). Raises ValueError as `accuracy`."""
        true, predicted = as_pair("LabelCounts", labels, predictions)
        if true.shape[1:] != (self.num_labels,):
            raise ValueError(
                f"LabelCounts: labels must be (B, {self.num_labels}), got {true.shape}"
            )
        parts = (true & predicted, predicted, true)
        self._counts += np.stack([np.count_nonzero(part, axis=0) for part in parts])
        self._samples += len(true)
        self._all_right += int((true == predicted).all(axis=1).sum())

    def merge(self, other: Self) -> None:
        """Add the samples of another."""
        _check_same("LabelCounts", self.num_labels, other.num_labels)
        self._counts += other._counts
        self._samples += other._samples
        self._all_right += other._all_right

    def compute(self) -> Counts:
        """Hits, predicted and actual for each label."""
        return Counts(*self._counts.copy())

    @property
    def subset_accuracy(self) -> float:
        """Share of samples with all labels right."""
        return self._all_right / self._samples

    @property
    def hamming_loss(self) -> float:
        """Share of wrong labels."""
        hits, predicted, actual = self._counts
        return float((predicted + actual - 2 * hits).sum() / (self._samples * self.num_labels))

    def matrices(self) -> np.ndarray:
        """(K, 2, 2): for each label the confusion matrix of "has it not" and "has it"."""
        hits, predicted, actual = self._counts
        false, missed = predicted - hits, actual - hits
        quiet = self._samples - hits - false - missed
        return np.stack([quiet, false, missed, hits], axis=1).reshape(-1, 2, 2)


class Calibration:
    """The bins of a reliability diagram."""

    def __init__(self, bins: int = BINS) -> None:
        self.bins = bins
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._sums = np.zeros((3, self.bins))

    def update(self, labels: Labels, probabilities: np.ndarray) -> None:
        """Add a batch, as `reliability_bins` takes it."""
        pairs = confidence_and_outcome(*checked("Calibration", labels, probabilities))
        self._sums += np.stack(bin_sums(*pairs, self.bins))

    def merge(self, other: Self) -> None:
        """Add the samples of another."""
        _check_same("Calibration", self.bins, other.bins)
        self._sums += other._sums

    def compute(self) -> ReliabilityBins:
        """Counts and means of each bin."""
        counts, confidence, outcome = self._sums
        return finish(counts.astype(np.int64), confidence, outcome)


class Mean:
    """The mean of numbers, such as the losses of samples."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all numbers."""
        self._sum, self._n = 0.0, 0

    def update(self, values: np.ndarray) -> None:
        """Add numbers (B,)."""
        self._sum += float(np.sum(values, dtype=np.float64))
        self._n += len(values)

    def merge(self, other: Self) -> None:
        """Add the numbers of another."""
        self._sum += other._sum
        self._n += other._n

    def compute(self) -> float:
        """Their mean; nan without any."""
        return self._sum / self._n if self._n else float("nan")


class ScoredSamples:
    """All labels and scores: curves and areas need them together, 8 N K bytes in float64."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._batches: list[tuple[np.ndarray, np.ndarray]] = []

    def update(self, labels: Labels, scores: np.ndarray) -> None:
        """Add a batch; it is copied."""
        true, values = as_scored("ScoredSamples", labels, scores)
        self._batches.append((true.copy(), values.copy()))

    def merge(self, other: Self) -> None:
        """Add the samples of another."""
        self._batches.extend(other._batches)

    def compute(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and scores of all samples, in the order in which they came."""
        labels, scores = zip(*self._batches, strict=True)
        return np.concatenate(labels), np.concatenate(scores)


def _check_same(where: str, ours: int, theirs: int) -> None:
    if ours != theirs:
        raise ValueError(f"{where}: merge needs the same size, got {ours} and {theirs}")
