"""Lesson 10: where the windows of a convolution lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

FIT = "How many windows fit"
BUGS = (
    Bug(
        "too-many-windows", "a window is counted that does not fit", 10, FIT,
        ("In which row of the padded image does your last window end?",
         "A window that would leave the padded image is left out, however little it sticks out.",
         "Look at where the list of first rows ends, and at what a division leaves."),
    ),
    Bug(
        "padding-one-side", "the padding is counted at one side only", 10, FIT,
        ("How many rows does the padded image have?",
         "Padding stands above the image and below it.",
         "Look at how the padding enters the number of windows."),
    ),
    Bug(
        "not-slices", "the windows are not a list of slices", 10, "Where a window begins",
        ("What would you write in square brackets behind the image to take the window out?",
         "A slice has a start, a stop and a step: slice(start, stop, step).",
         "Look at what the function returns: one slice for each window."),
    ),
)  # fmt: skip
# size, kernel, stride, padding, dilation
CASES = {
    "plain": (7, 3, 1, 0, 1), "stride 2": (7, 3, 2, 0, 1), "stride 3, a rest": (9, 2, 3, 0, 1),
    "padding 2": (5, 3, 1, 2, 1), "dilation 3": (11, 3, 1, 0, 3),
    "padding 1, stride 2": (8, 3, 2, 1, 1), "all": (13, 4, 3, 2, 2), "1x1 kernel": (4, 1, 1, 0, 1),
    "one window": (5, 5, 2, 0, 1), "kernel 1, stride 2": (6, 1, 2, 0, 3),
}  # fmt: skip
Place = tuple[int, ...]


def rows_of(size: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """(H', kernel): the rows of the padded image under each window, by counting."""
    tall, found = size + 2 * padding, []
    for first in range(0, tall, stride):
        rows = [first + dilation * u for u in range(kernel)]
        if rows[-1] < tall:
            found.append(rows)
    return np.array(found).reshape(-1, kernel)


def windows(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("windows", "result")
    rng = np.random.default_rng(seed)
    drawn = [int(n) for n in rng.integers((12, 1, 1, 0, 1), (30, 5, 4, 3, 4))]
    for name, place in {**CASES, f"drawn {tuple(drawn)}": tuple(drawn)}.items():
        size, _, _, padding, _ = place
        with exam.probe(name):
            found = functions["windows"](*place)
            if found is None:
                exam.wrong("returns-none", "result", "windows is None; nothing was returned", 0)
            elif _are_slices(exam, found):
                rows = [list(range(size + 2 * padding)[window]) for window in found]
                _compare(exam, rows, place)
    return exam.diagnosis()


def _are_slices(exam: Examination, found: Any) -> bool:
    good = isinstance(found, Sequence) and all(isinstance(w, slice) for w in found)
    return exam.require(good, "not-slices", "result", f"windows returned {found!r:.60}")


def _compare(exam: Examination, rows: list[list[int]], place: Place) -> None:
    right = rows_of(*place).tolist()
    if rows == right:
        return
    evidence = f"windows{place} are rows {rows}, right is {right}"
    names = [bug for bug, other in _mistakes(*place) if rows == other]
    for bug in names or ["result-wrong"]:
        exam.wrong(bug, "result", evidence)


def _mistakes(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Any:
    """What a typical mistake gives; rows outside the padded image are not there."""
    tall = size + 2 * padding

    def kept(windows: np.ndarray) -> list[list[int]]:
        return [[r for r in rows if r < tall] for rows in windows.tolist()]

    right = rows_of(size, kernel, stride, padding, dilation)
    yield "stride-ignored", kept(rows_of(size, kernel, 1, padding, dilation))
    every = np.arange(len(right))[:, None] + dilation * np.arange(kernel)
    yield "stride-ignored", kept(every)
    yield "dilation-ignored", kept(rows_of(size, kernel, stride, padding, 1))
    yield "dilation-ignored", kept(right[:, :1] + np.arange(kernel))
    yield "padding-ignored", kept(rows_of(size, kernel, stride, 0, dilation))
    short = rows_of(size + padding, kernel, stride, 0, dilation)
    yield "padding-one-side", kept(short)
    yield "last-windows-dropped", kept(right[:-1])
    further = right[-1:] + stride
    yield "too-many-windows", kept(np.concatenate([right, further]))
    more = np.arange(0, tall, stride)[:, None] + dilation * np.arange(kernel)
    yield "too-many-windows", kept(more)


def _wrong(span: Any, count: Any, step: Any = lambda d: d, move: Any = lambda s: s) -> Any:
    """A version with other parts: the rows that a window spans, how many fit, its step."""

    def windows(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[slice]:
        rows = span(kernel, dilation)
        number = count(size, padding, rows, stride)
        firsts = [i * move(stride) for i in range(number)]
        return [slice(f, f + rows, step(dilation)) for f in firsts]

    return {"windows": windows}


def _span(k: int, d: int) -> int:
    return d * (k - 1) + 1


def _count(size: int, p: int, rows: int, s: int) -> int:
    return (size + 2 * p - rows) // s + 1


CHECKS = {
    "windows": Check(
        windows,
        wrong=(
            Wrong("stride-ignored", _wrong(_span, lambda n, p, r, s: n + 2 * p - r + 1,
                                           move=lambda s: 1)),
            Wrong("stride-ignored", _wrong(_span, _count, move=lambda s: 1)),
            Wrong("dilation-ignored", _wrong(lambda k, d: k, _count, lambda d: 1)),
            Wrong("padding-ignored", _wrong(_span, lambda n, p, r, s: (n - r) // s + 1)),
            Wrong("padding-one-side", _wrong(_span, lambda n, p, r, s: (n + p - r) // s + 1)),
            Wrong("last-windows-dropped",
                  _wrong(_span, lambda n, p, r, s: (n + 2 * p - r) // s)),
            Wrong("too-many-windows", _wrong(_span, lambda n, p, r, s: -(-(n + 2 * p) // s))),
            Wrong("not-slices", {"windows": lambda *place: rows_of(*place).tolist()}),
            Wrong("returns-none", {"windows": lambda *place: None}),
            Wrong("raises", {"windows": lambda *place: [slice(n) for n in place[0]]}),
        ),
    )
}  # fmt: skip
