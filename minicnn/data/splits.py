"""Splits into training and validation, in which every class has its share of both."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from .checks import check_array, check_whole
from .dataset import LabelledImages

Images = TypeVar("Images", bound=LabelledImages)


def train_val_split(dataset: Images, fraction: float = 0.1, seed: int = 0) -> tuple[Images, Images]:
    """Two parts of a data set; `fraction` of each class go into the second.

    Raises ValueError as `stratified_split`.
    """
    parts = stratified_split(dataset.labels, fraction, seed, dataset.classes)
    train, val = (dataset.subset(part) for part in parts)
    return train, val  # type: ignore[return-value]  # a subset is of the same type


def stratified_split(
    labels: np.ndarray, fraction: float, seed: int = 0, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the validation samples, both ascending.

    labels: (N,) int64, or (N, K) float32 of 0 and 1 for several classes per image
    fraction: of the samples that go into validation, between 0 and 1
    classes: their names, for messages

    One class per image: round(fraction N) samples are shared out to the classes by their size, the
    largest remainders first, then each class has at least one sample on either side. Several
    classes per image: iterative stratification.

    Raises ValueError for a fraction outside (0, 1), fewer than 2 samples, or a class of one image;
    TypeError for other labels.

    Paper: K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of Multi-Label Data",
    ECML PKDD 2011, algorithm 1.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            "stratified_split: fraction must lie between 0 and 1, both excluded, got "
            f"{fraction}; 0.1 puts a tenth into validation"
        )
    check_whole(seed, 0, "stratified_split: seed")
    several = isinstance(labels, np.ndarray) and labels.ndim == 2
    where = "stratified_split: labels"
    check_array(labels, *(("float32", "(N, K)") if several else ("int64", "(N,)")), where)
    if len(labels) < 2:
        raise ValueError("stratified_split: at least 2 samples are needed, got 1; add images")
    rng = np.random.default_rng(seed)
    if several:
        chosen = _iterative(labels != 0, fraction, rng)
    else:
        chosen = _by_class(labels, fraction, rng, classes)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _by_class(
    labels: np.ndarray, fraction: float, rng: np.random.Generator, classes: Sequence[str] | None
) -> np.ndarray:
    """Which samples are for validation, (N,) bool."""
    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        alone = present[counts.argmin()]
        name = alone if classes is None else repr(classes[alone])
        raise ValueError(
            f"stratified_split: every class must have at least 2 images, got 1 of class {name}; "
            "add images or leave the class out"
        )
    chosen = np.zeros(len(labels), bool)
    for label, n in zip(present, shares(counts, fraction, rng), strict=True):
        chosen[rng.choice(np.flatnonzero(labels == label), n, replace=False)] = True
    return chosen


def shares(counts: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """How many of each class are for validation: fraction of it, rounded down or up.

    Those with the largest remainders are rounded up, until round(fraction N) are given out; equal
    remainders in random order.
    """
    quotas = fraction * counts
    given = np.floor(quotas).astype(np.int64)
    rest = max(0, round(fraction * counts.sum()) - given.sum())
    tie = rng.permutation(len(counts))
    given[np.lexsort((tie, given - quotas))[:rest]] += 1
    return np.clip(given, 1, counts - 1)


def _iterative(labels: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Which samples are for validation, (N,) bool; the rarest class is shared out first.

    Each sample goes where its class is missed most, that is where most samples of it are still
    wanted; if that does not decide, where most samples of any class are.
    """
    n = len(labels)
    parts = np.array([1 - fraction, fraction])
    counts = labels.sum(axis=0)
    wanted = parts * n
    wanted_of = np.maximum(np.outer(parts, counts), counts > 1)  # at least one on either side
    chosen, left = np.zeros(n, bool), np.ones(n, bool)
    while left.any():
        counts = labels[left].sum(axis=0)
        rarest = int(np.where(counts > 0, counts, n + 1).argmin())
        todo = left & labels[:, rarest] if counts.any() else left.copy()
        for i in rng.permutation(np.flatnonzero(todo)):
            missed = wanted_of[:, rarest] if counts.any() else wanted
            part = _largest(missed, wanted, rng)
            chosen[i] = part
            wanted_of[part] -= labels[i]
            wanted[part] -= 1
        left &= ~todo
    if chosen.all() or not chosen.any():  # of very few samples
        chosen[rng.integers(n)] ^= True
    return chosen


def _largest(first: np.ndarray, then: np.ndarray, rng: np.random.Generator) -> int:
    """The place of the largest number; the second row decides among equals, and then chance."""
    key = list(zip(first.round(9), then.round(9), rng.random(len(first)), strict=True))
    return max(range(len(key)), key=key.__getitem__)
