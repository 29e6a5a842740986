"""The named numbers that a gradient may be multiplied by, once too often or once too rarely."""

import math
from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ..case import Case

Lengths = dict[str, int]


def constants(case: Case, name: str) -> dict[str, float]:
    """Name -> number, the simplest names first; numbers may coincide.

    The op's own constants and their inverses, -1, 2 and 1/2, "copies" (entries of y per entry of
    the input ``name``), the lengths of the axes of the inputs and of y and their products ("N",
    "1/(N*H*W)"), quotients of two lengths ("N/C"), sizes.
    """
    found: dict[str, float] = {}
    for text, value in _all(case, name):
        if np.isfinite(value) and value not in (0.0, 1.0):
            found.setdefault(text, float(value))
    return found


def _all(case: Case, name: str) -> Iterator[tuple[str, float]]:
    own = case.op.constants(case.call) if case.op else {}
    for text, value in own.items():
        yield from _with_inverse(text, float(value))
    yield from (("-1", -1.0), ("2", 2.0), ("1/2", 0.5))
    size = np.size(case.probe.inputs.get(name, case.y))
    if size and np.size(case.y) % size == 0:
        yield from _with_inverse("copies", np.size(case.y) / size)
    arrays = _lengths(case)
    for count in range(1, 6):
        for lengths in arrays.values():
            for names in combinations(lengths, count):
                yield from _with_inverse("*".join(names), math.prod(lengths[n] for n in names))
    for lengths in arrays.values():
        for above, below in permutations(lengths, 2):
            yield f"{above}/{below}", lengths[above] / lengths[below]
    for array, lengths in arrays.items():
        yield from _with_inverse(f"{array}.size", math.prod(lengths.values()))


def _with_inverse(name: str, value: float) -> Iterator[tuple[str, float]]:
    yield name, value
    if value:
        yield (f"1/({name})" if set(name) & set("*/+-") else f"1/{name}"), 1 / value


def _lengths(case: Case) -> dict[str, Lengths]:
    """Per array its axes' lengths by name; an axis without a name is called after the array."""
    arrays = {**case.probe.inputs, "y": case.y}
    found: dict[str, Lengths] = {}
    for array, values in arrays.items():
        shape, known = np.shape(values), case.axes.get(array, ())
        spare = tuple(f"{array}.shape[{i}]" for i in range(len(shape)))
        names = known[: len(shape)] + spare[len(known) :]
        found[array] = dict(zip(names, shape, strict=True))
    return found
