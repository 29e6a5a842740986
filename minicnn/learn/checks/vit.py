"""Lesson 21: an image as a sequence of patches, in the order of a convolution's kernel."""

from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

PATCHES = "Patches: windows that do not overlap"
BUGS = (
    Bug(
        "patches-not-cut", "the image was reshaped, not cut into patches", 21, PATCHES,
        ("Which pixels does a reshape alone put side by side?",
         "The pixels of a patch lie in p different rows of the image.",
         "Give each of the two image axes two parts first, then change the order of the axes."),
        ("C40",),
    ),
    Bug(
        "patches-by-column", "the patches are read column by column", 21, PATCHES,
        ("Which patch comes second: the one to the right, or the one below?",
         "Patches are read as text is: along a row first.",
         "The order of the two axes that count patches."),
        ("C42",),
    ),
    Bug(
        "patch-transposed", "rows and columns inside a patch are exchanged", 21, PATCHES,
        ("Which pixel of a patch comes second?",
         "A kernel's last axis is its columns; so must a patch's be.",
         "The order of the two axes that count pixels inside a patch."),
        ("C42",),
    ),
    Bug(
        "patch-channels-last", "the channel stands last inside a patch, not first", 21, PATCHES,
        ("In which order does a kernel (C, p, p) hold its numbers?",
         "All pixels of the first channel come before those of the second.",
         "The place of the channels' axis before the last reshape."),
        ("C40",),
    ),
    Bug(
        "patch-axes-joined", "the numbers are there, in shares that are no patches", 21, PATCHES,
        ("Which axes does your last reshape join, and are they neighbours then?",
         "The axes of the patches stand together, and behind them those of one patch.",
         "The order of the axes before the last reshape."),
        ("C40",),
    ),
    Bug(
        "patches-apart", "the patches are right, but not one axis", 21, PATCHES,
        ("How many axes has your result?",
         "A sequence has one axis of places: rows and columns of patches become one.",
         "The shape of the last reshape."),
    ),
    Bug(
        "patches-overlap", "the windows overlap", 21, PATCHES,
        ("How far is it from one patch to the next?",
         "The stride is p: each pixel is in one patch only.",
         "The step with which your windows begin."),
    ),
)  # fmt: skip
SHAPES = (((2, 3, 4, 6), 2), ((1, 2, 6, 3), 3), ((3, 1, 4, 8), 4), ((2, 5, 2, 3), 1))


def axes(x: np.ndarray, p: int) -> np.ndarray:
    """(N, C, rows of patches, row in a patch, columns of patches, column in a patch)"""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // p, p, w // p, p)


def right_patches(x: np.ndarray, p: int) -> np.ndarray:
    """Patch by patch."""
    rows, columns = range(0, x.shape[2], p), range(0, x.shape[3], p)
    cut = [x[:, :, i : i + p, j : j + p].reshape(len(x), -1) for i in rows for j in columns]
    return np.stack(cut, 1)


def ordered(*order: int) -> Any:
    """The six axes in another order, reshaped as if it were the right one."""

    def cut(x: np.ndarray, p: int) -> np.ndarray:
        n, c, h, w = x.shape
        shape = (n, (h // p) * (w // p), c * p * p)
        return axes(x, p).transpose(order).reshape(shape)

    return cut


def overlapping(x: np.ndarray, p: int) -> np.ndarray:
    rows, columns = range(x.shape[2] - p + 1), range(x.shape[3] - p + 1)
    cut = [x[:, :, i : i + p, j : j + p].reshape(len(x), -1) for i in rows for j in columns]
    return np.stack(cut, 1)


def in_a_grid(x: np.ndarray, p: int) -> np.ndarray:
    found = right_patches(x, p)
    return found.reshape(len(x), x.shape[2] // p, x.shape[3] // p, -1)


MISTAKES = {
    "patches-not-cut": (ordered(0, 1, 2, 3, 4, 5),),
    "patches-by-column": (ordered(0, 4, 2, 1, 3, 5),),
    "patch-transposed": (ordered(0, 2, 4, 1, 5, 3),),
    "patch-channels-last": (ordered(0, 2, 4, 3, 5, 1),),
    "patch-axes-joined": (
        ordered(0, 2, 3, 4, 1, 5), ordered(0, 2, 3, 4, 5, 1), ordered(0, 1, 2, 4, 3, 5),
        ordered(0, 2, 1, 3, 4, 5), ordered(0, 3, 5, 1, 2, 4),
    ),
    "patches-apart": (in_a_grid,),
    "patches-overlap": (overlapping,),
}  # fmt: skip


def patches(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("patches", "patches")
    rng = np.random.default_rng(seed)
    for shape, p in SHAPES:
        x = rng.standard_normal(shape)
        known = {bug: cut(x, p) for bug, cuts in MISTAKES.items() for cut in cuts[:1]}
        with exam.probe(f"x {shape}, p {p}"):
            for dtype in (x.dtype, np.float32):
                mine = x.astype(dtype)
                found = functions["patches"](mine, p)
                exam.unchanged(x.astype(dtype), mine, "x")
                _judge(exam, found, mine, p, known if dtype == x.dtype else {})
    return exam.diagnosis()


def _judge(exam: Examination, found: Any, x: np.ndarray, p: int, known: dict[str, Any]) -> None:
    right = right_patches(x, p)
    if found is not None and np.shape(found) == right.shape and not np.array_equal(found, right):
        known = known | _joined(np.asarray(found), right, known)
    if exam.equal("patches", found, right, known, rtol=0, atol=0):
        exam.require(np.asarray(found).dtype == x.dtype, "wrong-dtype", "patches",
                     f"the patches are {np.asarray(found).dtype}, x is {x.dtype}")  # fmt: skip


def _joined(found: np.ndarray, right: np.ndarray, known: dict[str, Any]) -> dict[str, Any]:
    """The name for numbers that are all there, in an order that no other name fits."""
    if any(np.array_equal(found, value) for value in known.values()):
        return {}
    same = np.array_equal(np.sort(found, None), np.sort(right, None))
    return {"patch-axes-joined": found} if same else {}


CHECKS = {
    "patches": Check(
        patches,
        wrong=(
            *(Wrong(bug, {"patches": cut}) for bug, cuts in MISTAKES.items() for cut in cuts),
            Wrong("wrong-dtype", {"patches": lambda x, p: right_patches(x, p).astype(float)}),
            Wrong("returns-none", {"patches": lambda x, p: None}),
        ),
    )
}
