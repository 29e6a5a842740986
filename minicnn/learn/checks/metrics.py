"""Lesson 23: precision, recall and F1; a weighted focal loss and its gradient; calibration."""

from typing import Any

import numpy as np

from ... import ops
from ...tensor import Tensor
from ...testing.doctor import Diagnosis
from .examination import Check, Examination, Functions
from .metrics_bugs import BUGS
from .metrics_wrong import BACKWARD, CALIBRATION, FORWARD, SCORES

__all__ = ["BUGS", "CHECKS"]


def precision_recall(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("precision_recall", "precision", "recall", "macro F1")
    rng = np.random.default_rng(seed)
    matrices = {
        "98 of 100 right, 3 classes": np.array([[90, 1, 0], [0, 6, 0], [1, 0, 2]]),
        "5 classes": rng.integers(1, 30, (5, 5)) + np.diag([200, 5, 40, 1, 9]),
        "a class that is never predicted": np.array([[7, 0, 1], [2, 0, 3], [0, 0, 4]]),
        "a class without samples": np.array([[5, 2, 1], [0, 0, 0], [1, 1, 6]]),
        "a class that occurs nowhere": np.array([[1, 0, 0], [0, 0, 0], [0, 0, 3]]),
        "nothing right": np.array([[0, 3], [4, 0]]),
    }
    for name, matrix in matrices.items():
        with exam.probe(name), np.errstate(all="ignore"):
            mine = matrix.copy()
            found = functions["precision_recall"](mine)
            exam.unchanged(matrix, mine, "matrix")
            if _several(exam, found, 3, "precision"):
                known = {bug: wrong["precision_recall"](matrix) for bug, wrong in SCORES.items()}
                for place, given, right, i in zip(
                    ("precision", "recall", "macro F1"), found, _scores(matrix), range(3),
                    strict=True,
                ):  # fmt: skip
                    if _finite(exam, place, given, right, "zero-by-zero"):
                        exam.equal(place, given, right, _named(known, i, right))
    return exam.diagnosis()


def _finite(exam: Examination, place: str, found: Any, right: Any, bug: str) -> bool:
    """False, and a finding, where numbers of the right shape are NaN or infinite."""
    if found is None or np.shape(found) != np.shape(right):
        return True
    numbers = np.asarray(found)
    return numbers.dtype.kind != "f" or exam.require(
        bool(np.isfinite(numbers).all()), bug, place,
        f"the {place} is not finite, right is {np.ravel(right)[0]:.6g}",
    )  # fmt: skip


def _several(exam: Examination, found: Any, count: int, place: str) -> bool:
    if found is None:
        exam.wrong("returns-none", place, "the result is None", 0)
    elif not isinstance(found, tuple | list) or len(found) != count:
        evidence = f"the result is {type(found).__name__}, right are {count} values"
        exam.wrong("wrong-shape", place, evidence, 0)
    else:
        return True
    return False


def _named(known: dict[str, Any], i: int, right: Any) -> dict[str, Any]:
    """What each mistake makes of the i-th result, where it is not right after all."""
    values = {bug: result[i] for bug, result in known.items()}
    return {bug: v for bug, v in values.items()
            if np.shape(v) != np.shape(right) or not np.allclose(v, right)}  # fmt: skip


def _scores(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """By the definition, one class at a time."""
    precision, recall, f1 = [], [], []
    for k in range(len(matrix)):
        hits, said, there = matrix[k, k], matrix[:, k].sum(), matrix[k].sum()
        precision.append(hits / said if said else 0.0)
        recall.append(hits / there if there else 0.0)
        f1.append(2 * hits / (said + there) if said + there else 0.0)
    return np.array(precision), np.array(recall), float(np.mean(f1))


def _losses(seed: int) -> Any:
    """name, x, labels, weight, gamma; the last ones of scores that a float cannot exponentiate."""
    rng = np.random.default_rng(seed)
    for name, n, c, gamma in (
        ("gamma 0", 5, 3, 0.0), ("gamma 1", 7, 3, 1.0), ("gamma 2", 4, 5, 2.0),
        ("gamma 3.5", 6, 2, 3.5),
    ):  # fmt: skip
        x, labels = 2 * rng.standard_normal((n, c)), rng.permutation(np.arange(n) % c)
        yield name, x, labels, rng.uniform(0.3, 3.0, c), gamma
    x = np.array([[1000.0, 0.0, -5.0], [-1000.0, 3.0, 2.0], [0.5, 0.25, 0.0]])
    for gamma in (0.0, 2.0):
        yield f"large scores, gamma {gamma:g}", x, np.array([0, 0, 2]), np.array([1, 2, 0.5]), gamma


def focal_forward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("focal_forward", "loss")
    for name, x, labels, weight, gamma in _losses(seed):
        with exam.probe(name), np.errstate(all="ignore"):
            given = [a.copy() for a in (x, labels, weight)]
            found = functions["focal_forward"](*given, gamma)
            for before, after, what in zip((x, labels, weight), given, ("x", "target", "weight"),
                                           strict=True):  # fmt: skip
                exam.unchanged(before, after, what)
            right = ops.focal_loss(x, labels, gamma, weight).numpy()
            _judge(exam, "loss", found, right, FORWARD, "focal_forward", (x, labels, weight, gamma))
    return exam.diagnosis()


def focal_backward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("focal_backward", "gx")
    for name, x, labels, weight, gamma in _losses(seed):
        for gy in (1.0, -0.7):
            with exam.probe(f"{name}, gy {gy:g}"), np.errstate(all="ignore"):
                given = [a.copy() for a in (x, labels, weight)]
                found = functions["focal_backward"](gy, *given, gamma)
                for before, after, what in zip((x, labels, weight), given,
                                               ("x", "target", "weight"), strict=True):  # fmt: skip
                    exam.unchanged(before, after, what)
                tensor = Tensor(x, requires_grad=True)
                (gy * ops.focal_loss(tensor, labels, gamma, weight)).backward()
                right = tensor.grad.numpy()  # type: ignore[union-attr]
                arguments = (gy, x, labels, weight, gamma)
                _judge(exam, "gx", found, right, BACKWARD, "focal_backward", arguments)
    return exam.diagnosis()


def _judge(
    exam: Examination, place: str, found: Any, right: Any, wrong: Any, name: str, arguments: Any
) -> None:
    known = {bug: functions[name](*arguments) for bug, functions in wrong.items()}
    known = {bug: v for bug, v in known.items()
             if np.shape(v) == np.shape(right) and not np.allclose(v, right)}  # fmt: skip
    bug = "sure-answer-nan" if place == "gx" else "loss-overflows"
    if _finite(exam, place, found, right, bug):
        exam.equal(place, found, right, known, rtol=1e-7, atol=1e-10)


def calibration_error(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("calibration_error", "error")
    rng = np.random.default_rng(seed)
    for n, k, bins in ((200, 3, 10), (60, 5, 15), (7, 2, 4), (40, 4, 2)):
        x = 2 * rng.standard_normal((n, k))
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        p[0] = np.arange(k) == 1  # one answer of probability 1
        labels = np.where(rng.random(n) < 0.6, p.argmax(1), rng.integers(0, k, n))
        with exam.probe(f"{n} predictions, {k} classes, {bins} bins"), np.errstate(all="ignore"):
            given = p.copy(), labels.copy()
            found = functions["calibration_error"](*given, bins)
            exam.unchanged(p, given[0], "p")
            exam.unchanged(labels, given[1], "labels")
            known = {bug: wrong["calibration_error"](p, labels, bins)
                     for bug, wrong in CALIBRATION.items()}  # fmt: skip
            exam.equal("error", found, _calibration_error(p, labels, bins), known)
    return exam.diagnosis()


def _calibration_error(p: np.ndarray, labels: np.ndarray, bins: int) -> float:
    """By the definition: one bin after the other."""
    error = 0.0
    for m in range(bins):
        inside = [i for i in range(len(p)) if m / bins < p[i].max() <= (m + 1) / bins]
        if inside:
            sure = sum(p[i].max() for i in inside) / len(inside)
            right = sum(int(p[i].argmax() == labels[i]) for i in inside) / len(inside)
            error += len(inside) / len(p) * abs(right - sure)
    return error


CHECKS = {
    "precision_recall": Check(precision_recall, SCORES.as_wrong()),
    "focal_forward": Check(focal_forward, FORWARD.as_wrong()),
    "focal_backward": Check(focal_backward, BACKWARD.as_wrong()),
    "calibration_error": Check(calibration_error, CALIBRATION.as_wrong()),
}
