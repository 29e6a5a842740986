"""The register of engine mutants: a right engine with one step replaced, and the bug's name.

A mutant is a function from the right engine to the wrong one, so that most exist for numbers and
for arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .engines import Array, Scalar

BOTH = (Scalar, Array)


@dataclass(frozen=True)
class EngineMutant:
    """``bugs`` are all the keys that must be found, and no other may be."""

    name: str
    bugs: tuple[str, ...]
    build: Callable
    bases: tuple = BOTH
    strict: bool = False


MUTANTS: list[EngineMutant] = []


def mutant(*bugs, bases=BOTH, strict=False):
    def register(build):
        MUTANTS.append(EngineMutant(build.__name__, bugs, build, bases, strict))
        return build

    return register


def replaced(base, **steps):
    """The engine with other steps."""
    return type("Engine", (base,), steps)
