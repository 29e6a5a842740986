"""A gradient whose places are right and whose numbers are not: which numbers are they?"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...case import Case
from ...op import Call
from ...report import Sign
from .evidence import difference, place

Array = np.ndarray
Expected = Iterator[tuple[str, Array, str]]
Rule = Callable[[Array, Call], Array]
Variants = Callable[[Call], Iterator[tuple[str, Call, str]]]


def matching(
    case: Case, where: str, given: Array, right: Array, expected: Expected
) -> Iterator[Sign]:
    """A sign for each wrong result that is just what was given."""
    said: set[str] = set()
    for bug, numbers, why in expected:
        if bug not in said and case.close(given, numbers):
            said.add(bug)
            name = where.removeprefix("g")
            yield case.sign(bug, where, f"{difference(name, given, right)}: {why}", 2)


def input_value_signs(rule: Rule, variants: Variants) -> Callable[[Case], Iterator[Sign]]:
    """The detector of an op with the rule ``rule`` for x, and wrong calls of its own."""

    def detect(case: Case) -> Iterator[Sign]:
        if "x" not in case.wrong():
            return
        given, right = case.given["x"], case.right["x"]
        calls = ((bug, rule(case.gy, call), why) for bug, call, why in variants(case.call))
        spoilt = _spoilt(right, getattr(case.call, "groups", 1))
        upstream = _reordered_upstream(case, rule)
        expected = itertools.chain(calls, spoilt, upstream)
        yield from matching(case, "gx", given, right, expected)
        yield from _border(case, given, right)
        yield from _collapsed(case, given, right)
        yield from _assigned(case, given, right, rule)

    return detect


def _spoilt(right: Array, groups: int) -> Expected:
    """The right numbers in wrong order: axes confused, channels turned round."""
    yield from reordered(right)
    why, width = "that is another channel's number", right.shape[1] // groups
    for shift in range(1, right.shape[1]):
        bug = "wrong-group" if groups > 1 and shift % width == 0 else "mixes-channels"
        yield bug, np.roll(right, shift, 1), why
    yield "mixes-channels", right[:, ::-1], why


def reordered(right: Array) -> Expected:
    """The numbers written with axes in another order and read as if in the right one."""
    long = [axis for axis in range(right.ndim) if right.shape[axis] > 1]
    for order in itertools.permutations(long):
        spoken = order[:-2] == tuple(long[:-2]) and right.shape[-1] == right.shape[-2]
        if list(order) != long and not spoken:  # the latter is height for width
            numbers = right.squeeze().transpose([long.index(axis) for axis in order])
            why = f"the right numbers, laid out with axes in the order {order}"
            yield "reshape-for-transpose", numbers.reshape(right.shape), why


def _reordered_upstream(case: Case, rule: Rule) -> Expected:
    for bug, gy, _ in reordered(case.gy):
        yield bug, rule(gy, case.call), "that comes from gy with its axes in another order"


def _border(case: Case, given: Array, right: Array) -> Iterator[Sign]:
    kept = without_border(right)
    if kept.any() and case.close(given, kept):
        why = "all of the outermost pixels are zero, all others right"
        yield case.sign("border-dropped", "gx", f"{difference('x', given, right)}: {why}", 2)


def without_border(images: Array) -> Array:
    """The outermost pixels zero."""
    kept = np.zeros_like(images)
    kept[:, :, 1:-1, 1:-1] = images[:, :, 1:-1, 1:-1]
    return kept


def _collapsed(case: Case, given: Array, right: Array) -> Iterator[Sign]:
    """One image of gradients for all channels."""
    first = given[:, :1]
    if given.any() and given.shape[1] > 1 and case.close(given, first + 0 * given):
        a, b = given[0, 0, 0, 0], right[0, :2, 0, 0]
        line = f"gx[0, :, 0, 0] is {a:.4g} in every channel; right is {b[0]:.4g}, {b[1]:.4g}, ..."
        yield case.sign("channels-collapsed", "gx", line, 2)


def _assigned(case: Case, given: Array, right: Array, rule: Rule) -> Iterator[Sign]:
    for axis in (2, 1):
        signs = list(kept_one(case, "x", "gx", given, right, contributions(case, axis, rule)))
        yield from signs
        if signs:
            return


def kept_one(
    case: Case, name: str, where: str, given: Array, right: Array, parts: Array
) -> Iterator[Sign]:
    """Every pixel keeps one of the parts that should be added up there."""
    several = (parts != 0).sum(0) > 1
    kept = ((parts != 0) & near(case, parts, given)).any(0)
    whole = near(case, given, right)
    if np.any(several & ~whole) and np.all(np.where(several, kept, whole)):
        index = tuple(int(i) for i in np.argwhere(several & ~whole)[0])
        amounts = [part[index] for part in parts if part[index]]
        listed = " + ".join(f"{p:.3g}" for p in amounts[:4]) + (
            " + ..." if len(amounts) > 4 else ""
        )
        line = (
            f"{len(amounts)} windows add to {place(name, index)}: {listed} = {right[index]:.4g}; "
            f"it is {given[index]:.4g}, one of them alone"
        )
        yield case.sign("col2im-assigns", where, line, 2)


def contributions(case: Case, axis: int, rule: Rule) -> Array:
    """gx through each window alone; from axis 1 on, through each entry of a sample's y."""
    parts = []
    for index in np.ndindex(*case.gy.shape[axis:]):
        gy = np.zeros_like(case.gy)
        here: Any = (slice(None),) * axis + index
        gy[here] = case.gy[here]
        parts.append(rule(gy, case.call))
    return np.stack(parts)


def near(case: Case, a: Array, b: Array) -> Array:
    """Where they are equal but for rounding."""
    size = max(1e-300, float(np.abs(b).max(initial=0.0)))
    return np.abs(a - b) <= case.atol * size + case.rtol * np.abs(b)
