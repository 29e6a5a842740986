"""What an output of a network means in each task, and the numbers to judge it by.

task         labels           outputs            prediction
multiclass   (B,) classes     (B, K) logits      the highest; softmax gives probabilities
binary       (B,) 0 and 1     (B,) or (B, 1)     1 where the sigmoid is above 0.5
multilabel   (B, K) 0 and 1   (B, K) logits      each label whose sigmoid is above 0.5
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .averages import Counts, counts_of_matrix
from .checks import Labels, as_scored
from .confusion import balanced_accuracy_of, kappa_of, matthews_of
from .streaming import ConfusionMatrix, LabelCounts

Numbers = dict[str, float]


class Task(Protocol):
    """One of the three."""

    def counter(self, classes: int) -> Any:
        """What to count predictions with: a ConfusionMatrix or LabelCounts."""

    def check(self, labels: Labels, scores: np.ndarray, classes: int) -> "Pair":
        """Labels and scores in the shapes of the task."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Of the outputs of a network."""

    def predictions(self, p: np.ndarray) -> np.ndarray:
        """Of probabilities."""

    def numbers(self, counter: Any) -> Numbers:
        """What follows from right and wrong predictions."""


Pair = tuple[np.ndarray, np.ndarray]


class Multiclass:
    """One of K classes."""

    def counter(self, classes: int) -> ConfusionMatrix:
        return ConfusionMatrix(classes)

    def check(self, labels: Labels, scores: np.ndarray, classes: int) -> Pair:
        true, values = as_scored("Metrics (multiclass)", labels, scores)
        _check_shape("multiclass", true.ndim == 1 and values.shape[1:] == (classes,),
                     f"labels (B,) and scores (B, {classes})", true, values)  # fmt: skip
        return true, values

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def predictions(self, p: np.ndarray) -> np.ndarray:
        return p.argmax(axis=1)

    def numbers(self, counter: ConfusionMatrix) -> Numbers:
        matrix = counter.compute()
        counts = counts_of_matrix(matrix)
        occurs = counts.predicted + counts.actual > 0
        return {
            "accuracy": float(matrix.trace() / matrix.sum()),
            "balanced_accuracy": balanced_accuracy_of(matrix),
            **_means(Counts(*(n[occurs] for n in counts)), ("macro", "weighted")),
            "matthews_correlation": matthews_of(matrix),
            "cohen_kappa": kappa_of(matrix),
        }


class Binary:
    """Yes or no, in one output."""

    def counter(self, classes: int) -> ConfusionMatrix:
        return ConfusionMatrix(2)

    def check(self, labels: Labels, scores: np.ndarray, classes: int) -> Pair:
        labels, scores = (_without_last_axis(a) for a in (labels, scores))
        true, values = as_scored("Metrics (binary)", labels, scores)
        _check_shape("binary", true.ndim == values.ndim == 1,
                     "labels (B,) and scores (B,) or (B, 1)", true, values)  # fmt: skip
        return true, values

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return _sigmoid(logits)

    def predictions(self, p: np.ndarray) -> np.ndarray:
        return (p > 0.5).astype(np.int64)

    def numbers(self, counter: ConfusionMatrix) -> Numbers:
        matrix = counter.compute()
        of_one = Counts(*(n[1:] for n in counts_of_matrix(matrix)))
        return {
            "accuracy": float(matrix.trace() / matrix.sum()),
            "balanced_accuracy": balanced_accuracy_of(matrix),
            "precision": float(of_one.fbeta(0, "binary", 0.0)),
            "recall": float(of_one.fbeta(np.inf, "binary", 0.0)),
            "f1": float(of_one.fbeta(1, "binary", 0.0)),
            "matthews_correlation": matthews_of(matrix),
        }


class Multilabel:
    """Any of K labels."""

    def counter(self, classes: int) -> LabelCounts:
        return LabelCounts(classes)

    def check(self, labels: Labels, scores: np.ndarray, classes: int) -> Pair:
        true, values = as_scored("Metrics (multilabel)", labels, scores)
        _check_shape("multilabel", true.ndim == 2 and true.shape[1] == classes,
                     f"labels and scores (B, {classes})", true, values)  # fmt: skip
        return true, values

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return _sigmoid(logits)

    def predictions(self, p: np.ndarray) -> np.ndarray:
        return p > 0.5

    def numbers(self, counter: LabelCounts) -> Numbers:
        counts = counter.compute()
        return {
            "accuracy": counter.subset_accuracy,
            "hamming_loss": counter.hamming_loss,
            **_means(counts, ("macro", "micro")),
            "jaccard_macro": float(counts.jaccard("macro", 0.0)),
        }


TASKS: dict[str, Task] = {
    "multiclass": Multiclass(), "binary": Binary(), "multilabel": Multilabel()
}  # fmt: skip


def _means(counts: Counts, averages: Sequence[str]) -> Numbers:
    """Precision, recall and F1, by these averages."""
    kinds = {"precision": 0.0, "recall": np.inf, "f1": 1.0}
    return {
        f"{kind}_{average}": float(counts.fbeta(beta, average, 0.0))
        for average in averages
        for kind, beta in kinds.items()
    }


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z), by e^-|z| so that nothing overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _without_last_axis(array: Labels) -> np.ndarray:
    """(B, 1) -> (B,)"""
    array = np.asarray(array)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _check_shape(task: str, fits: bool, rule: str, true: np.ndarray, values: np.ndarray) -> None:
    if not fits:
        raise ValueError(
            f"Metrics ({task}): they must be {rule}, got {true.shape} and {values.shape}; "
            "choose the task that fits the network"
        )
