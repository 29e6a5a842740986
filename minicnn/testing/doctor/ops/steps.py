"""Explains wrong numbers by the steps of a computation that were replaced by typical wrong ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from ..case import Case
from ..report import Sign

Array = np.ndarray
Step = Mapping[str, Any]  # {"": the right form, "bug-key": a wrong form, ...}


def replaced(
    steps: Sequence[Step], build: Callable[..., Any], fits: Callable[[Any], bool], most: int = 2
) -> list[tuple[str, ...]]:
    """The wrong forms that, in place of the right ones, give the numbers: all of the fewest.

    ``build(*forms)`` computes the numbers from one form of each step; ``fits`` compares.
    """
    for count in range(1, most + 1):
        found = []
        for places in combinations(range(len(steps)), count):
            for keys in product(*([key for key in steps[i] if key] for i in places)):
                chosen = dict(zip(places, keys, strict=True))
                forms = [step[chosen.get(i, "")] for i, step in enumerate(steps)]
                if fits(build(*forms)):
                    found.append(keys)
        if found:
            return found
    return []


def explained(
    case: Case, name: str, steps: Sequence[Step], build: Callable[..., Any], most: int = 2
) -> Iterator[Sign]:
    """A sign for each wrong step that explains a wrong gradient, or the output ("forward").

    Numbers that all the right steps give need no explanation: then the forward pass is at fault.
    """
    given, right = numbers(case, name)
    if given.shape != right.shape or case.close(given, right):
        return
    if case.close(given, build(*(step[""] for step in steps))):
        return
    where = name if name == "forward" else f"g{name}"
    for key in unique(replaced(steps, build, lambda guess: case.close(given, guess), most)):
        yield case.sign(key, where, f"all {given.size} numbers agree; {worst(given, right)}", 2)


def unique(found: list[tuple[str, ...]]) -> list[str]:
    """Every key once, in the order found."""
    return list(dict.fromkeys(key for keys in found for key in keys))


def numbers(case: Case, name: str) -> tuple[Array, Array]:
    """What was given and what is right: a gradient by its input's name, or "forward"."""
    if name == "forward":
        return np.asarray(case.y), np.asarray(case.call.y)
    return case.given[name], case.right[name]


def worst(given: Array, right: Array) -> str:
    """Where they differ most, and by what."""
    at = np.unravel_index(int(np.argmax(np.abs(given - right))), given.shape)
    place = ", ".join(str(i) for i in at)
    return f"at [{place}] {given[at]:.6g} where {right[at]:.6g} is right"


def nearest(value: Array, named: Mapping[str, Any], rtol: float = 1e-5) -> str:
    """The name of the number (or of one number per entry) that is nearest, or "?"."""
    best, error = "?", rtol
    for name, wanted in named.items():
        wanted = np.asarray(wanted, float)
        off = float(np.max(np.abs(value - wanted) / np.maximum(np.abs(wanted), 1e-2)))
        if off < error:
            best, error = name, off
    return best
