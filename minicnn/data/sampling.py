"""Samplers: which samples an epoch shows, and in which order. And weights for rare classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .checks import check_array, check_labels, check_whole


class Sampler(Protocol):
    """Decides the order of an epoch, as a function of the epoch alone."""

    def __len__(self) -> int:
        """The number of samples in an epoch."""

    def order(self, epoch: int) -> np.ndarray:
        """The index of every sample of this epoch: -> (len(self),) integers."""


@dataclass(frozen=True, eq=False)
class WeightedSampler:
    """Draws samples with probability weight / sum of weights.

    weights: (N,) one number >= 0 per sample of the data set
    num_samples: how many an epoch has; N if not said
    replacement: whether a sample may come several times in an epoch. Without it, each draw is from
        those that are left.

    Raises ValueError for weights that are negative, not finite or all 0, and where there are fewer
    positive ones than samples to draw without replacement.
    """

    weights: Sequence[float] | np.ndarray
    num_samples: int | None = None
    replacement: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, np.float64)
        where = "WeightedSampler"
        if weights.ndim != 1 or not np.isfinite(weights).all() or not (weights >= 0).all():
            raise ValueError(
                f"{where}: weights must be a list of finite numbers of at least 0, got shape "
                f"{weights.shape}{_first_bad(weights)}; give one per sample"
            )
        positive = np.count_nonzero(weights)
        if not positive:
            raise ValueError(
                f"{where}: at least one weight must be above 0, got none; "
                "give one per sample of the data set"
            )
        check_whole(self.seed, 0, f"{where}: seed")
        _check_number(self.num_samples, where)
        if not self.replacement and len(self) > positive:
            raise ValueError(
                f"{where}: without replacement, num_samples must be at most {positive}, the number "
                f"of weights above 0, got {len(self)}; draw fewer or with replacement"
            )

    def __len__(self) -> int:
        return len(self.weights) if self.num_samples is None else self.num_samples

    def order(self, epoch: int) -> np.ndarray:
        """The index of every sample of this epoch."""
        weights = np.asarray(self.weights, np.float64)
        p = weights / weights.max()  # so that the sum of large ones is finite
        rng = np.random.default_rng([self.seed, epoch])
        return rng.choice(len(p), len(self), self.replacement, p / p.sum())


def _check_number(num_samples: int | None, where: str) -> None:
    if num_samples is not None:
        check_whole(num_samples, 1, f"{where}: num_samples")


def _first_bad(weights: np.ndarray) -> str:
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    return f" with {weights.flat[bad[0]]} at index {bad[0]}" if bad.size else ""


@dataclass(frozen=True, eq=False)
class ClassBalancedSampler:
    """Shows every class equally often (numbers differ by at most 1), in random order.

    The images of a class come in turns: none a second time before all of them came once.

    labels: (N,) int64, one class per image
    num_samples: how many an epoch has; N if not said

    Raises TypeError or ValueError for other labels.
    """

    labels: np.ndarray
    num_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        where = "ClassBalancedSampler"
        if isinstance(self.labels, np.ndarray) and self.labels.ndim == 2:
            raise ValueError(
                f"{where}: labels must be one class per image, (N,), got {self.labels.shape}; "
                "for several classes per image use WeightedSampler"
            )
        check_array(self.labels, "int64", "(N,)", f"{where}: labels")
        check_whole(self.seed, 0, f"{where}: seed")
        _check_number(self.num_samples, where)

    def __len__(self) -> int:
        return len(self.labels) if self.num_samples is None else self.num_samples

    def order(self, epoch: int) -> np.ndarray:
        """The index of every sample of this epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        classes = rng.permutation(np.unique(self.labels))  # the first ones get the rest
        shares = len(self) // len(classes) + (np.arange(len(classes)) < len(self) % len(classes))
        turns = [
            _in_turns(np.flatnonzero(self.labels == label), share, rng)
            for label, share in zip(classes, shares, strict=True)
        ]
        return rng.permutation(np.concatenate(turns))


def _in_turns(indices: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n of these indices, each as often as the others, or once more."""
    rounds = -(-n // len(indices))
    return np.concatenate([rng.permutation(indices) for _ in range(rounds)] or [indices])[:n]


def class_weights(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """How much a loss should count each class, so that all count the same: (N,) -> (K,) float32.

    w[k] = N / (K n[k]), where n[k] images are of class k; "balanced" in scikit-learn

    Raises TypeError or ValueError for labels that are not one class per image, and for a class
    without images.
    """
    check_array(labels, "int64", "(N,)", "class_weights: labels")
    check_labels(labels, classes, "class_weights")
    counts = np.bincount(labels, minlength=len(classes))
    if not counts.all():
        raise ValueError(
            "class_weights: every class must have an image, got none of "
            f"{classes[int(counts.argmin())]!r}; leave the class out or weigh by hand"
        )
    return (len(labels) / (len(classes) * counts)).astype(np.float32)


def checked_order(sampler: Sampler, epoch: int, n: int) -> np.ndarray:
    """The order of a sampler for a data set of n samples.

    Raises ValueError where it is not `len(sampler)` whole numbers from 0 to n - 1.
    """
    order = np.asarray(sampler.order(epoch))
    if order.shape != (len(sampler),) or order.dtype.kind not in "iu":
        raise ValueError(
            f"{type(sampler).__name__}: order must be {len(sampler)} whole numbers, as many as the "
            f"sampler is long, got shape {order.shape} of {order.dtype}; correct the sampler"
        )
    outside = order[(order < 0) | (order >= n)]
    if outside.size:
        raise ValueError(
            f"{type(sampler).__name__}: order must be below {n}, the number of images, got "
            f"{outside[0]}; make the sampler from the labels or weights of this data set"
        )
    return order


def occurrences(order: np.ndarray) -> np.ndarray:
    """How often each value came before: [5, 3, 5, 5] -> [0, 0, 1, 2]"""
    places = np.argsort(order, kind="stable")
    ordered = order[places]
    runs = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    lengths = np.diff(np.append(runs, len(order)))
    counts = np.empty(len(order), np.int64)
    counts[places] = np.arange(len(order)) - np.repeat(runs, lengths)
    return counts
