"""What the losses share: mutants by their gradient, and tests for wrong gradients and outputs."""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant
from ..report import Sign
from .detect import equals, forward_equals, forward_is_right, proportional

ALIASES = {"y": "target", "t": "target", "labels": "target", "targets": "target",
           "y_true": "target"}  # fmt: skip
Wrong = dict[str, Callable[[Call], Array]]


def by_direction(wrong: Wrong) -> Callable[[Case], Iterator[Sign]]:
    """A test for gradients that are a multiple of a wrong one."""

    def test(case: Case) -> Iterator[Sign]:
        if "x" in case.wrong() and forward_is_right(case):
            with np.errstate(all="ignore"):
                found = {bug: rule(case.call) for bug, rule in wrong.items()}
            finite = {bug: value for bug, value in found.items() if np.isfinite(value).all()}
            yield from proportional(case, "x", finite)

    return test


def upstream_ignored(case: Case) -> Iterator[Sign]:
    """The loss is one number, so a lost gy looks like a factor: 1/gy."""
    for name in case.wrong() if forward_is_right(case) else ():
        yield from equals(case, name, {"ignores-upstream": case.right[name] / case.gy})


def of_outputs(wrong: Wrong) -> Callable[[Case], Iterator[Sign]]:
    """A test for losses that are computed by another formula."""

    def test(case: Case) -> Iterator[Sign]:
        with np.errstate(all="ignore"):
            yield from forward_equals(case, {bug: f(case.call) for bug, f in wrong.items()})

    return test


def rule(name: str, bug: str, gx: Callable[[Call], Array], also: tuple[str, ...] = ()) -> Mutant:
    """A mutant with another gradient: gx = gy gx(c)"""
    return Mutant(name, bug, gradients={"x": lambda gy, c: gy * gx(c)}, also=also)


def rules(wrong: Wrong, scale: Callable[[Call], float]) -> tuple[Mutant, ...]:
    """A mutant for each wrong gradient, with the right factor."""

    def scaled(gx: Callable[[Call], Array]) -> Callable[[Call], Array]:
        return lambda c: gx(c) * scale(c)

    return tuple(rule(bug.replace("-", "_"), bug, scaled(gx)) for bug, gx in wrong.items())


def capped(case: Case) -> Iterator[Sign]:
    """-ln(p + epsilon): right where the label is likely, far too small where it is not."""
    y, right = float(case.y), float(case.call.y)
    if right > 20 and 0 < y < 0.5 * right:
        evidence = f"the loss is {y:.5g}, right is {right:.5g}"
        yield case.sign("logarithm-of-zero", "forward", evidence, 2)
