"""Metrics of predictions and scores against scikit-learn, on random and degenerate samples."""

import math
import warnings
from functools import partial

import numpy as np
import pytest

from minicnn.train import metrics as M

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")


def reference(function, *args, **options):
    """What scikit-learn says, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def same(ours, theirs) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def predictions(case: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels, predictions and number of classes."""
    rng = np.random.default_rng(3)
    random = rng.integers(0, 5, (2, 60))
    return {
        "random": (*random, 5),
        "absent in the middle": (random[0] * 2, random[1] * 2, 9),
        "never predicted": (random[0], np.minimum(random[1], 3), 5),
        "not in the labels": (np.minimum(random[0], 2), random[1], 5),
        "one class": (np.zeros(7, int), np.zeros(7, int), 1),
        "one class, all wrong": (np.ones(7, int), np.zeros(7, int), 2),
        "perfect": (random[0], random[0], 5),
        "nothing right": (random[0], (random[0] + 1) % 5, 5),
        "a sample": (np.array([2]), np.array([1]), 4),
        "many classes": (*rng.integers(0, 100, (2, 80)), 100),
        "binary": (*rng.integers(0, 2, (2, 40)), 2),
        "binary, no positive": (np.zeros(9, int), rng.integers(0, 2, 9), 2),
        "binary, none predicted": (rng.integers(0, 2, 9), np.zeros(9, int), 2),
    }[case]


CASES = (
    "random", "absent in the middle", "never predicted", "not in the labels", "one class",
    "one class, all wrong", "perfect", "nothing right", "a sample", "many classes", "binary",
    "binary, no positive", "binary, none predicted",
)  # fmt: skip
SHARES = {
    "precision": (M.precision, sk.precision_score),
    "recall": (M.recall, sk.recall_score),
    "f1": (M.f1, sk.f1_score),
    "f2": (partial(M.fbeta, beta=2), partial(sk.fbeta_score, beta=2)),
    "f0": (partial(M.fbeta, beta=0), partial(sk.fbeta_score, beta=0)),
    "finf": (partial(M.fbeta, beta=math.inf), partial(sk.fbeta_score, beta=math.inf)),
    "jaccard": (M.jaccard, sk.jaccard_score),
}


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("case", CASES)
def test_shares_of_classes(case, name):
    true, predicted, k = predictions(case)
    ours, theirs = SHARES[name]
    zero_divisions = (0.0, 1.0) if name == "jaccard" else (0.0, 1.0, math.nan)
    for average in ("macro", "micro", "weighted", None):
        for zero in zero_divisions:
            options = {"average": average, "zero_division": zero}
            same(ours(true, predicted, **options), reference(theirs, true, predicted, **options))
            same(ours(true, predicted, num_classes=k, **options),
                 reference(theirs, true, predicted, labels=range(k), **options))  # fmt: skip
    if k <= 2:
        for zero in zero_divisions:
            same(ours(true, predicted, zero_division=zero),
                 reference(theirs, true, predicted, zero_division=zero))  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_confusion_and_what_follows_from_it(case):
    true, predicted, k = predictions(case)
    for normalize in (None, "true", "pred", "all"):
        same(M.confusion_matrix(true, predicted, normalize=normalize),
             reference(sk.confusion_matrix, true, predicted, normalize=normalize))  # fmt: skip
        same(M.confusion_matrix(true, predicted, num_classes=k, normalize=normalize),
             reference(sk.confusion_matrix, true, predicted, labels=range(k), normalize=normalize)
             )  # fmt: skip
    same(M.accuracy(true, predicted), sk.accuracy_score(true, predicted))
    same(M.hamming_loss(true, predicted), sk.hamming_loss(true, predicted))
    for ours, theirs in (
        (M.balanced_accuracy, sk.balanced_accuracy_score),
        (M.matthews_correlation, sk.matthews_corrcoef),
        (M.cohen_kappa, sk.cohen_kappa_score),
    ):
        same(ours(true, predicted), reference(theirs, true, predicted))


def labels(case: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    random = rng.random((2, 40, 4)) < 0.4
    bare = random.copy()
    bare[:, ::3] = False
    return {
        "random": tuple(random), "perfect": (random[0], random[0]), "samples without labels": bare,
        "absent label": (random[0] * [1, 0, 1, 1], random[1]),
        "label in neither": tuple(random * [1, 0, 1, 1]),
        "nothing": tuple(np.zeros_like(random)), "everything": tuple(np.ones_like(random)),
        "a sample": tuple(random[:, :1]), "float32": tuple(random.astype(np.float32)),
    }[case]  # fmt: skip


LABEL_CASES = ("random", "perfect", "samples without labels", "absent label", "label in neither",
               "nothing", "everything", "a sample", "float32")  # fmt: skip


@pytest.mark.parametrize("case", LABEL_CASES)
def test_several_labels_per_sample(case):
    true, predicted = labels(case)
    t, p = np.asarray(true, int), np.asarray(predicted, int)
    for name, (ours, theirs) in SHARES.items():
        for average in ("macro", "micro", "weighted", "samples", None):
            for zero in (0.0, 1.0) if name == "jaccard" else (0.0, 1.0, math.nan):
                options = {"average": average, "zero_division": zero}
                same(ours(true, predicted, **options), reference(theirs, t, p, **options))
    same(M.subset_accuracy(true, predicted), sk.accuracy_score(t, p))
    same(M.accuracy(true, predicted), sk.accuracy_score(t, p))
    same(M.hamming_loss(true, predicted), sk.hamming_loss(t, p))


@pytest.mark.parametrize("ties", [False, True, "constant"])
def test_top_k(ties):
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 3, (50, 6)) / 2 if ties else rng.random((50, 6))
    scores = np.ones((50, 6)) if ties == "constant" else scores
    true = rng.integers(0, 6, 50)
    for k in range(1, 9):
        expected = reference(sk.top_k_accuracy_score, true, scores, k=k, labels=range(6))
        same(M.top_k_accuracy(true, scores, k), expected)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: M.accuracy([], []), "at least one sample"),
        (lambda: M.accuracy([0, 1], [0]), r"one shape, got \(2,\) and \(1,\)"),
        (lambda: M.accuracy([0, 1], [[0, 1], [1, 0]]), "one shape"),
        (lambda: M.accuracy([0, -1], [0, 1]), "0 or more, got -1"),
        (lambda: M.accuracy([0, 0.5], [0, 1]), "whole numbers, got 0.5"),
        (lambda: M.accuracy([0, math.nan], [0, 1]), "whole numbers, got nan"),
        (lambda: M.accuracy([0, math.inf], [0, 1]), "0 or more, got inf"),
        (lambda: M.accuracy(["a"], ["a"]), "whole numbers, got <U1"),
        (lambda: M.accuracy([[0, 2]], [[0, 1]]), "0 or 1 for each label, got 2"),
        (lambda: M.accuracy(np.zeros((2, 2, 2)), np.zeros((2, 2, 2))), r"got shape \(2, 2, 2\)"),
        (lambda: M.confusion_matrix([0, 3], [0, 1], num_classes=3), "0 to 2, got 3"),
        (lambda: M.confusion_matrix([0, 1], [0, 3], num_classes=3), "predictions .* 0 to 2, got 3"),
        (lambda: M.confusion_matrix([0], [0], normalize="rows"), "normalize must be"),
        (lambda: M.confusion_matrix([[0, 1]], [[0, 1]]), "one class per sample"),
        (lambda: M.f1([0, 2], [0, 1]), "classes 0 and 1, got class 2"),
        (lambda: M.f1([[0, 1]], [[0, 1]]), "classes 0 and 1, got labels"),
        (lambda: M.f1([0, 2], [0, 1], average="mean"), "average must be one of"),
        (lambda: M.f1([0, 2], [0, 1], average="samples"), "several labels per sample"),
        (lambda: M.f1([0, 1], [0, 1], zero_division=2), "zero_division must be 0, 1 or nan"),
        (lambda: M.fbeta([0, 1], [0, 1], beta=-1), "beta must be 0 or more"),
        (lambda: M.fbeta([0, 1], [0, 1], beta=math.nan), "beta must be 0 or more"),
        (lambda: M.top_k_accuracy([0], [[0.1, 0.9]], 0), "k must be at least 1"),
        (lambda: M.top_k_accuracy([2], [[0.1, 0.9]], 1), "0 to 1, got 2"),
        (lambda: M.top_k_accuracy([0], [[0.1, math.nan]], 1), r"finite, got nan at \[0, 1\]"),
        (lambda: M.top_k_accuracy([0], [0.5], 1), "one of K classes"),
        (lambda: M.subset_accuracy([0], [0]), "use accuracy"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
