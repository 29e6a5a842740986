"""Explains wrong numbers by the steps of a computation that were replaced by typical wrong ones.

A step is a table of its forms: the right one first, under the name "", then wrong ones under the
names of the bugs. The same tables make the typical bugs of an op and find them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from ..case import Case
from ..report import Sign

Array = np.ndarray
Step = Sequence[tuple[str, Any]]


def right(steps: Sequence[Step]) -> list[Any]:
    """The right form of every step."""
    return [step[0][1] for step in steps]


def replaced_once(steps: Sequence[Step]) -> Iterator[tuple[str, str, list[Any]]]:
    """Each wrong form of each step: its number and name, the name, and all forms with that one."""
    number = 0
    for i, step in enumerate(steps):
        for key, form in step[1:]:
            number += 1
            yield f"{number} {key}", key, [*right(steps[:i]), form, *right(steps[i + 1 :])]


def replaced(
    steps: Sequence[Step], build: Callable[..., Any], fits: Callable[[Any], bool], most: int = 2
) -> list[str]:
    """The names of the wrong forms that give the numbers: of as few steps at once as will do.

    ``build(*forms)`` computes the numbers from one form of each step; ``fits`` compares.
    """
    for count in range(1, most + 1):
        found: dict[str, None] = {}
        for places in combinations(range(len(steps)), count):
            for wrong in product(*(steps[i][1:] for i in places)):
                forms = right(steps)
                for i, (_, form) in zip(places, wrong, strict=True):
                    forms[i] = form
                if fits(build(*forms)):
                    found |= dict.fromkeys(key for key, _ in wrong)
        if found:
            return list(found)
    return []


def explained(
    case: Case, name: str, steps: Sequence[Step], build: Callable[..., Any]
) -> Iterator[Sign]:
    """A sign for each wrong step that explains a wrong gradient, or the output ("forward").

    Numbers that all the right steps give need no explanation: then the forward pass is at fault.
    """
    if is_right(case, name):
        return
    given, wanted = numbers(case, name)
    if agree(case, name, build(*right(steps))):
        return
    where = name if name == "forward" else f"g{name}"
    for key in replaced(steps, build, lambda guess: agree(case, name, guess)):
        evidence = f"all {given.size} numbers are those of this bug; {worst(given, wanted)}"
        yield case.sign(key, where, evidence, 2)


def is_right(case: Case, name: str) -> bool:
    """Whether there is nothing to explain: the numbers are right, or there are none."""
    if name != "forward" and name not in case.given:
        return True
    given, wanted = numbers(case, name)
    return given.shape != wanted.shape or agree(case, name, wanted)


def agree(case: Case, name: str, guess: Array) -> bool:
    """Whether a guess gives the learner's numbers.

    Beside a wrong forward pass the case allows gradients the errors of differences; an output of
    double precision has none.
    """
    given, _ = numbers(case, name)
    if name == "forward" and case.rtol < 1e-4:
        size = float(np.abs(guess).max(initial=1e-300))
        return bool(np.all(np.abs(given - guess) <= 1e-9 * size + 1e-7 * np.abs(guess)))
    return case.close(given, np.asarray(guess))


def numbers(case: Case, name: str) -> tuple[Array, Array]:
    """What was given and what is right: a gradient by its input's name, or "forward"."""
    if name == "forward":
        return np.asarray(case.y), np.asarray(case.call.y)
    return case.given[name], case.right[name]


def worst(given: Array, wanted: Array) -> str:
    """Where they differ most, and by what."""
    at = np.unravel_index(int(np.argmax(np.abs(given - wanted))), given.shape)
    place = ", ".join(str(i) for i in at)
    return f"at [{place}] {given[at]:.6g} where {wanted[at]:.6g} is right"


def nearest(value: Array, named: Mapping[str, Any], rtol: float = 1e-5) -> str:
    """The name of the number (or of one number per entry) that is nearest, or "?"."""
    best, error = "?", rtol
    for name, wanted in named.items():
        wanted = np.asarray(wanted, float)
        off = float(np.max(np.abs(value - wanted) / np.maximum(np.abs(wanted), 1e-2)))
        if off < error:
            best, error = name, off
    return best
