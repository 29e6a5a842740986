"""Two bugs in one array, where no known bug alone gives the learner's numbers.

Two known bugs of the right r, which alone would give p and q, can meet in three ways:

    c p            one of them, and everything times a constant c that has a name
    p + q - r      each spoils a term of its own: the deviations p - r and q - r add up
    p q / r        each spoils a factor of its own, entry by entry

What they come to must be the learner's numbers on every probe.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations, islice
from typing import NamedTuple

import numpy as np

from .op import Array, Mutant
from .outcome import Outcome, shown
from .report import AND, Sign
from .structure.constants import constants

Answers = Sequence[Array]  # one for each probe
Equal = Callable[[Array, Array], bool]


class Place(NamedTuple):
    """The output or a gradient on the probes where both the learner's and the right are finite."""

    name: str
    outcomes: Sequence[Outcome]
    mine: Answers
    right: Answers


def signs(place: Place, known: Mapping[Mutant, Answers], equal: Equal) -> Iterator[Sign]:
    """A sign "one & other" on each of the probes that fail, for the first pair that fits.

    ``known`` has what each known bug gives at the place, the likeliest bugs first.
    """
    apart = {
        mutant: answers for mutant, answers in known.items()
        if not all(map(equal, answers, place.right))
    }  # fmt: skip
    found = chain(_scaled(place, apart, equal), _met(place, apart, equal))
    for names, how in islice(found, 1):
        for outcome, a, r in zip(place.outcomes, place.mine, place.right, strict=True):
            if place.name in outcome.failed:
                text = f"{shown(place.name, a, r)}: {how}"
                yield Sign(names, place.name, text, 3, outcome.probe.name)


def _scaled(
    place: Place, known: Mapping[Mutant, Answers], equal: Equal
) -> Iterator[tuple[str, str]]:
    """A known bug, and a factor that has the same name on every probe."""
    for mutant, answers in known.items():
        names: set[str] | None = None
        for outcome, a, p in zip(place.outcomes, place.mine, answers, strict=True):
            here = _constants(outcome, place.name, a, p, equal)
            names = here if names is None else names & here
            if not names:
                break
        for name in sorted(names or (), key=len)[:1]:
            ratio = f"forward-ratio:{name}" if place.name == "forward" else f"ratio:{name}"
            yield mutant.bug + AND + ratio, f"a bug, times {name}"


def _constants(outcome: Outcome, place: str, a: Array, p: Array, equal: Equal) -> set[str]:
    """The names of c in a = c p; none where there is no such c."""
    size = float((p * p).sum())
    case = outcome.forward if place == "forward" else outcome.case
    if size == 0.0 or case is None:
        return set()
    c = float((a * p).sum()) / size
    if abs(c - 1) < 1e-6 or not equal(a, c * p):
        return set()
    name = "y" if place == "forward" else place[1:]
    return {text for text, q in constants(case, name).items() if abs(c - q) < 1e-6 * abs(q)}


def _met(place: Place, known: Mapping[Mutant, Answers], equal: Equal) -> Iterator[tuple[str, str]]:
    """Two known bugs that spoil a term each, or a factor each."""
    for (one, first), (other, second) in combinations(known.items(), 2):
        if one.bug == other.bug:
            continue
        arrays = [*zip(place.mine, place.right, first, second, strict=True)]
        if all(equal(a, p + q - r) for a, r, p, q in arrays):
            yield one.bug + AND + other.bug, "two bugs, each in a term"
        elif all(_is_product(*four, equal) for four in arrays):
            yield one.bug + AND + other.bug, "two bugs, each in a factor"


def _is_product(a: Array, r: Array, p: Array, q: Array, equal: Equal) -> bool:
    """Whether a = p q / r; where r is 0, that says nothing, and a must be p + q."""
    return equal(a, np.divide(p * q, r, out=np.array(p + q), where=r != 0))
