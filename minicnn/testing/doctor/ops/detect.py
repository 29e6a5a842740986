"""What the op's own tests share: comparing a learner's gradient with named wrong ones."""

from collections.abc import Iterator, Mapping

import numpy as np

from ..case import Case
from ..report import Sign

Array = np.ndarray
STRUCTURE = 2  # the tier


def forward_is_right(case: Case) -> bool:
    return case.close(case.y, np.asarray(case.call.y))


def worst(case: Case, name: str) -> str:
    """The entry that is furthest off, as text: "gx[0, 2] is 0.31, right is -0.12"."""
    given, right = case.given[name], case.right[name]
    where = np.unravel_index(np.argmax(np.abs(given - right)), given.shape)
    place = f"[{', '.join(map(str, where))}]" if where else ""
    return f"g{name}{place} is {given[where]:.4g}, right is {right[where]:.4g}"


def equals(case: Case, name: str, wrong: Mapping[str, Array]) -> Iterator[Sign]:
    """A sign for each bug whose gradient is exactly the learner's."""
    for bug, candidate in wrong.items():
        if case.close(case.given[name], np.asarray(candidate)):
            yield case.sign(bug, f"g{name}", worst(case, name), STRUCTURE)


def proportional(case: Case, name: str, wrong: Mapping[str, Array]) -> Iterator[Sign]:
    """A sign for each bug whose gradient is a multiple of the learner's.

    So the bug keeps its name where a wrong factor (1/N, a sign) comes on top.
    """
    for bug, candidate in wrong.items():
        given, candidate = case.given[name], np.asarray(candidate)
        size = float((candidate * candidate).sum())
        scale = float((candidate * given).sum()) / size if size else 0.0
        if scale and case.close(given, scale * candidate):
            more = "" if abs(scale - 1) < 1e-6 else f"; {scale:.4g} times the gradient of this bug"
            yield case.sign(bug, f"g{name}", worst(case, name) + more, STRUCTURE)


def forward_equals(case: Case, wrong: Mapping[str, Array]) -> Iterator[Sign]:
    """A sign for each bug whose output is exactly the learner's."""
    right, y = np.asarray(case.call.y), np.asarray(case.y)
    for bug, candidate in wrong.items():
        candidate = np.asarray(candidate)
        if case.close(y, candidate) and not np.allclose(candidate, right, 1e-9, 1e-12):
            where = np.unravel_index(np.argmax(np.abs(y - right)), y.shape)
            evidence = f"an output is {y[where]:.6g}, right is {right[where]:.6g}"
            yield case.sign(bug, "forward", evidence, STRUCTURE)
