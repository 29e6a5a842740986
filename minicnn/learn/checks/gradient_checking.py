"""Lesson 04: the error of a gradient; `slopes` and `checker_rules` have the other exercises."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from . import checker_rules, slopes
from .examination import Check, Examination, Functions
from .slopes import Named, compare, each

SIZE = "How large an error is too large"
BUGS = (
    *slopes.BUGS,
    Bug(
        "zero-by-zero", "0 divided by 0 where all entries are zero", 4, SIZE,
        ("How large is the error when both gradients are zero?",
         "Two equal arrays have no error.",
         "Look at the divisor before you divide."),
    ),
    Bug(
        "entry-by-entry", "each difference is divided by its own entry", 4, SIZE,
        ("How wrong is 1e-11 where 0 is right?",
         "The size of the gradient is that of its largest entry.",
         "Look at the order of dividing and taking the largest."),
    ),
    Bug(
        "absolute-error", "the error is not divided by the size of the gradient", 4, SIZE,
        ("Is an error of 1e-4 large or small?",
         "It depends on the gradient.",
         "Look for the division."),
    ),
    Bug(
        "one-sided-size", "only one of the two arrays gives the size", 4, SIZE,
        ("What if that array is all zeros, and the other is not?",
         "The larger of the two counts.",
         "Look at the divisor."),
    ),
    Bug(
        "signs-cancel", "differences of both signs are not seen alike", 4, SIZE,
        ("Is a difference of -5 smaller than one of 1?",
         "An error has no sign.",
         "Look for the absolute values."),
    ),
    Bug(
        "not-finite-passes", "NaN and infinity pass", 4, SIZE,
        ("Is NaN larger than 1e-6?",
         "Every comparison with NaN is false, so ask for it by name.",
         "Look at what is done before any arithmetic."),
    ),
    Bug(
        "shapes-not-compared", "arrays of different shapes are compared", 4, SIZE,
        ("What does NumPy do with the shapes (3, 2) and (2,)?",
         "Broadcasting makes arrays equal that are not.",
         "Look at the first thing that you ask of the two arrays."),
    ),
    *checker_rules.BUGS,
)  # fmt: skip


def relative_error(functions: Functions, seed: int) -> Diagnosis:
    exam, function = Examination("relative_error", "result"), functions["relative_error"]
    for name, a, g, right, named in _pairs(np.random.default_rng(seed)):
        with exam.probe(name), np.errstate(all="ignore"):
            mine = np.copy(a), np.copy(g)
            found = function(*mine)
            if isinstance(found, float) and np.isnan(found):
                bug = {0.0: "zero-by-zero", np.inf: "not-finite-passes"}.get(
                    right, "entry-by-entry"
                )
                exam.wrong(bug, "result", f"the error is NaN, right is {right:.3g}")
            else:
                compare(exam, "result", found, right, named, 1e-9, 0)
            exam.unchanged(np.nan_to_num(a), np.nan_to_num(mine[0]), "a")
            exam.unchanged(np.nan_to_num(g), np.nan_to_num(mine[1]), "g")
    return exam.diagnosis()


def _pairs(rng: Any) -> Iterator[tuple[str, Any, Any, float, list[Named]]]:
    for scale in (1.0, 1e-9, 1e9):
        for sign in (1, -1):
            a = scale * rng.uniform(0.5, 3.0, (3, 4)) * rng.choice([-1, 1], (3, 4))
            g = a.copy()
            g[1, 2] += 0.01 * sign * scale
            g[0, 0] -= 0.003 * sign * scale
            error = 0.01 * scale / _size(a, g)
            yield f"size {scale:g}, {sign}", a, g, error, list(_wrong_errors(a, g))
    yield from _odd_pairs(rng.uniform(1, 2, (2, 3)))


def _odd_pairs(x: Any) -> Iterator[tuple[str, Any, Any, float, list[Named]]]:
    zero = np.zeros((2, 3))
    noisy, clean = x.copy(), x.copy()
    noisy[1, 1], clean[1, 1] = 1e-12, 0
    named: list[Named] = [("entry-by-entry", 1.0), ("absolute-error", 1e-12)]
    yield "an entry that should be 0", noisy, clean, 1e-12 / _size(clean), named
    yield "all zero", zero, zero, 0.0, [("not-finite-passes", np.inf)]
    yield "yours is zero", zero, x, 1.0, list(_wrong_errors(zero, x))
    yield "the right one is zero", x, zero, 1.0, list(_wrong_errors(x, zero))
    yield "equal", x, x.copy(), 0.0, []
    for name, odd in (("NaN", np.nan), ("infinity", np.inf)):
        spoilt = x.copy()
        spoilt[0, 2] = odd
        passes: list[Named] = [("not-finite-passes", 0.0)]
        yield f"{name} in yours", spoilt, x, np.inf, passes
        yield f"{name} in both", spoilt, spoilt, np.inf, passes
        yield f"{name} in the right one", x, spoilt, np.inf, passes
    row = np.broadcast_to(x[0], (2, 3)).copy()
    for a, g in ((row, x[0]), (x[0], row), (x[:, :1] + 0 * x, x[:, :1])):
        yield f"shapes {a.shape} {g.shape}", a, g, np.inf, [("shapes-not-compared", 0.0)]
    yield "no entries", np.zeros((0, 3)), np.zeros((0, 3)), 0.0, []


def _size(*arrays: Any) -> float:
    return max(float(np.max(np.abs(a))) for a in arrays)


def _wrong_errors(a: Any, g: Any) -> Iterator[Named]:
    d = np.abs(a - g)
    with np.errstate(all="ignore"):
        yield "entry-by-entry", np.max(d / np.maximum(np.abs(a), np.abs(g)))
        yield "entry-by-entry", np.max(d / (np.abs(a) + np.abs(g)))
        yield "one-sided-size", d.max() / np.abs(g).max()
        yield "one-sided-size", d.max() / np.abs(a).max()
        yield "signs-cancel", (a - g).max() / _size(a, g)
        yield "signs-cancel", d.max() / max(a.max(), g.max())
        yield "signs-cancel", np.abs(a.sum() - g.sum()) / _size(a, g)
    yield "absolute-error", d.max()


def _errors(error: Any, finite: bool = True, shape: bool = True, zeros: bool = True) -> Any:
    """A relative error with one thing other than it should be."""

    def function(a: Any, g: Any) -> Any:
        if shape and np.shape(a) != np.shape(g):
            return np.inf
        if finite and not (np.isfinite(a).all() and np.isfinite(g).all()):
            return np.inf
        if not np.size(a) or (zeros and not np.any(a) and not np.any(g)):
            return 0.0
        return error(a, g)

    return function


def _right_error(a: Any, g: Any) -> Any:
    return np.abs(a - g).max() / _size(a, g)


CHECKS = {
    **slopes.CHECKS,
    "relative_error": Check(relative_error, each("relative_error", {
        "entry-by-entry": (_errors(lambda a, g: np.max(np.nan_to_num(
            np.abs(a - g) / np.maximum(np.abs(a), np.abs(g))))),),
        "absolute-error": (_errors(lambda a, g: np.abs(a - g).max()),),
        "one-sided-size": (_errors(lambda a, g: np.abs(a - g).max() / np.abs(g).max()),),
        "signs-cancel": (_errors(lambda a, g: (a - g).max() / _size(a, g)),),
        "not-finite-passes": (_errors(_right_error, finite=False),),
        "shapes-not-compared": (_errors(_right_error, shape=False),),
        "zero-by-zero": (_errors(_right_error, zeros=False),),
        "returns-none": (lambda a, g: None,),
    })),
    "check_gradient": Check(checker_rules.check_gradient, checker_rules.WRONG),
}  # fmt: skip
