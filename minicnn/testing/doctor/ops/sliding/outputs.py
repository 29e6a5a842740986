"""A forward pass that is wrong: which mistake gives just these outputs?"""

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from ...case import Case
from ...op import Call
from ...report import Sign
from .axis import Axis
from .evidence import difference
from .mistakes import changed, misplaced
from .values import Expected, Variants, matching, near, reordered

Array = np.ndarray


def output_signs(
    output: Callable[[Call], Array], variants: Variants
) -> Callable[[Case], Iterator[Sign]]:
    """The detector of an op that gives ``output(call)``, and wrong calls of its own."""

    def detect(case: Case) -> Iterator[Sign]:
        if case.y.shape != case.call.y.shape or case.close(case.y, case.call.y):
            return
        calls = chain(variants(case.call), _elsewhere(case.call))
        expected: Expected = ((bug, output(call), why) for bug, call, why in calls)
        for sign in matching(
            case, "y", case.y, case.call.y, chain(expected, reordered(case.call.y))
        ):
            yield case.sign(sign.bug, "forward", sign.evidence, sign.tier)
        yield from _padding_value(case)

    return detect


def _elsewhere(c: Call) -> Iterator[tuple[str, Call, str]]:
    """The same windows laid along the image in other ways."""
    for bug, rows, cols in misplaced(c.rows, c.cols):
        why = "that is the output of windows at other places"
        yield bug, changed(c, rows=rows, cols=cols), why


def _padding_value(case: Case) -> Iterator[Sign]:
    """Wrong where windows lie partly in the padding, right wherever they do not."""
    if case.y.shape[2:] != (case.call.rows.windows, case.call.cols.windows):
        return
    partly = _over_edge(case.call.rows)[:, None] | _over_edge(case.call.cols)
    wrong = (~near(case, case.y, case.call.y)).any((0, 1))
    if partly.any() and not partly.all() and not (wrong & ~partly).any():
        why = "wrong only where the window lies partly in the padding"
        line = f"{difference('y', case.y, case.call.y)}: {why}"
        yield case.sign("padding-value", "forward", line, 2)


def _over_edge(axis: Axis) -> Array:
    """Which windows have entries outside the image."""
    return axis.table().sum((1, 2)) < axis.kernel
