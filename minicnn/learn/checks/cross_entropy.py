"""Lesson 07: targets with some doubt."""

import numpy as np

from ...ops import cross_entropy
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Function, Functions, Wrong

SECTION = "A target that leaves some doubt"
BUGS = (
    Bug(
        "smoothing-of-others-only", "the smoothed share goes to the other classes only", 7, SECTION,
        ("How large is the label's entry for two classes and a smoothing of 0.2?",
         "The share is spread over all C classes, and the true one is among them.",
         "Look at the number that you divide the share by, and at the label's entry."),
    ),
    Bug(
        "label-not-lowered", "the label keeps its whole 1", 7, SECTION,
        ("What does each row of your answer sum to?",
         "What the others get, the label has to give.",
         "Look at what stands at the label before its part of the share is added."),
    ),
    Bug(
        "share-lost-at-label", "the label's entry lacks its part of the share", 7, SECTION,
        ("What does each row of your answer sum to?",
         "The true class is one of the C classes that get a part.",
         "Look at whether the label's entry is set or added to."),
    ),
    Bug(
        "share-given-to-nobody", "what the label loses is given to nobody", 7, SECTION,
        ("What does each row of your answer sum to?",
         "All C classes get a part of what the label gives.",
         "Look at the entries that are not the label's: they cannot be 0."),
    ),
    Bug(
        "smoothing-not-shared", "each class gets the whole share instead of its part", 7, SECTION,
        ("What does each row of your answer sum to?",
         "The share is one number for all classes together.",
         "Look for the division by the number of classes."),
    ),
    Bug(
        "smoothing-missing", "the labels are not smoothed", 7, SECTION,
        ("Does your answer depend on the smoothing?",
         "Without smoothing the row has a single 1.",
         "Look for where the smoothing is used; numbers kept as integers lose it."),
    ),
    Bug(
        "smoothing-complement", "the smoothing and what is left of 1 are exchanged", 7, SECTION,
        ("What must be left when the smoothing is 0?",
         "A small smoothing changes the one-hot label a little.",
         "Look at which of the two factors stands at the one-hot label."),
    ),
    Bug(
        "classes-first", "samples and classes have changed places", 7, SECTION,
        ("Which axis of the scores holds the classes?",
         "A row belongs to a sample, as in the scores.",
         "Look at the order of the two lengths."),
    ),
)  # fmt: skip
# labels, C, smoothing; the first has more samples than classes, the second fewer
CASES = {
    "N 5, C 3, smoothing 0.1": (5, 3, 0.1),
    "N 3, C 7, smoothing 0.3": (3, 7, 0.3),
    "square, smoothing 0.2": (4, 4, 0.2),
    "no smoothing": (4, 3, 0.0),
}


def _one_hot(target: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[target]


def _others(target: np.ndarray, classes: int, s: float) -> np.ndarray:
    hot = _one_hot(target, classes)
    return hot * (1 - s) + (1 - hot) * s / (classes - 1)


def _columns(target: np.ndarray, classes: int, s: float) -> np.ndarray:
    q = np.full((len(target), classes), s / classes)
    q[:, target] += 1 - s
    return q


# What goes wrong, as functions of labels, C and smoothing.
KNOWN: dict[str, Function] = {
    "smoothing-of-others-only": _others,
    "label-not-lowered": lambda t, n, s: _one_hot(t, n) + s / n,
    "share-lost-at-label": lambda t, n, s: np.where(_one_hot(t, n) > 0, 1 - s, s / n),
    "share-given-to-nobody": lambda t, n, s: (1 - s) * _one_hot(t, n),
    "smoothing-not-shared": lambda t, n, s: (1 - s) * _one_hot(t, n) + s,
    "smoothing-missing": lambda t, n, s: _one_hot(t, n),
    "smoothing-complement": lambda t, n, s: s * _one_hot(t, n) + (1 - s) / n,
    "one-hot-in-every-row": _columns,
    "labels-off-by-one": lambda t, n, s: (1 - s) * np.roll(_one_hot(t, n), 1, axis=1) + s / n,
    "classes-first": lambda t, n, s: ((1 - s) * _one_hot(t, n) + s / n).T,
    "divided-by-batch-twice": lambda t, n, s: ((1 - s) * _one_hot(t, n) + s / n) / len(t),
}


def smooth_labels(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("smooth_labels", "result")
    rng = np.random.default_rng(seed)
    for name, (n, classes, s) in CASES.items():
        target = rng.permutation(np.arange(n) % (classes - 1))  # the last class is nobody's
        target[0] = target[1]
        logits = rng.standard_normal((n, classes))
        with exam.probe(name):
            mine = target.copy()
            found = functions["smooth_labels"](mine, classes, s)
            right = _by_library(logits, target, classes, s)
            known = {bug: wrong(target, classes, s) for bug, wrong in KNOWN.items()}
            exam.equal("result", found, right, known)
            exam.unchanged(target, mine, "target")
    return exam.diagnosis()


def _by_library(logits: np.ndarray, target: np.ndarray, classes: int, s: float) -> np.ndarray:
    """The gradient of the library's loss is (softmax - q) / N, whatever the logits are."""
    x = Tensor(logits, requires_grad=True)
    cross_entropy(x, target, label_smoothing=s).backward()
    assert x.grad is not None
    e = np.exp(logits)
    return np.asarray(e / e.sum(axis=1, keepdims=True) - x.grad.numpy() * len(target))


def _in_place(target: np.ndarray, classes: int, s: float) -> np.ndarray:
    q = (1 - s) * _one_hot(target, classes) + s / classes
    target += 1
    return q


def _as_integers(target: np.ndarray, classes: int, s: float) -> np.ndarray:
    q = np.zeros((len(target), classes), int)
    q[:] = s / classes
    q[np.arange(len(target)), target] += round(1 - s)
    return q


CHECKS = {
    "smooth_labels": Check(
        smooth_labels,
        wrong=(
            *(Wrong(bug, {"smooth_labels": wrong}) for bug, wrong in KNOWN.items()),
            Wrong("changes-input", {"smooth_labels": _in_place}),
            Wrong("returns-none", {"smooth_labels": lambda t, n, s: None}),
            Wrong("smoothing-missing", {"smooth_labels": _as_integers}),
        ),
    )
}  # fmt: skip
