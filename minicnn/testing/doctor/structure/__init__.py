"""Tier 2: the structure of wrong numbers, whatever the op.

A pattern holds exactly or not at all, up to the rounding that the case allows; what holds by
accident on one probe is gone when the patterns of several probes are intersected.
"""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..report import Sign
from .constants import constants
from .factors import factors
from .moves import moves
from .pair import Found, Pair
from .parts import parts
from .places import only_kinks, only_large, only_side, places, worst
from .ratios import ratio, slice_ratio, zero_gradient
from .sums import affine_off, constant_off, constant_over, shape_signs

# How much of the wrong numbers a pattern explains, by its family; those of tier 1 rank among them.
# From PARTLY on a pattern explains all of the numbers.
PARTLY = 50
SPECIFICITY = {
    "zero-gradient": 100, "ignores-upstream": 99, "transposed": 98, "flipped:": 97, "rolled:": 96,
    "ratio:": 95, "upstream-in-mask": 92, "not-linear": 91, "factor:": 90, "times:": 85,
    "missing-sum:": 83, "extra-sum:": 83, "lost-part:": 82, "upstream-moved": 81, "mixes-batch": 80,
    "assigns": 80, "first-only:": 79, "window-flipped": 78, "window-spacing": 77, "reshaped": 76,
    "shifted": 75, "window-origin": 74, "window-extent": 73, "constant-off:": 72,
    "affine-off:": 71, "slice-ratio:": 70, "permuted": 65, "constant-over:": 60,
    "mixes-channels": 58, "ratio:?": 55, "only-kinks": 45, "only-large": 40, "only-last": 38,
    "only-border": 36, "only-negative": 34, "only-positive": 34, "leaks": 30, "dropped": 28,
    "misses-batch": 20, "misses-channels": 20, "only-some:": 10, "unknown": 0,
}  # fmt: skip


def specificity(key: str) -> int:
    """The rank of a key of this tier; the higher, the more it explains."""
    family, colon, _ = key.partition(":")
    return SPECIFICITY.get(key, SPECIFICITY.get(family + colon, 0))


def signs(case: Case, name: str) -> Iterator[Sign]:
    """All patterns that hold of one input's gradient, the most specific first; or ``unknown``.

    ``name`` may be "y", for a case whose ``given`` and ``right`` are outputs.
    """
    pair = Pair.of(case, name)
    if not pair.wrong.any():
        return
    found: dict[str, str] = {}
    for look in (_patterns, _parts):
        if not any(_explains(key, pair) for key in found):
            for key, evidence in look(case, name, pair):
                found.setdefault(key, evidence)
    if not any(_explains(key, pair) for key in found):
        total = f"{pair.wrong.sum()} of {pair.right.size} entries differ"
        found["unknown"] = f"{total}, most of all {worst(pair)}"
    for key, evidence in sorted(found.items(), key=lambda f: -specificity(f[0])):
        yield case.sign(key, "forward" if name == "y" else f"g{name}", evidence, 2)


def _explains(key: str, pair: Pair) -> bool:
    """Whether a pattern says all, and says it of more than one number."""
    return specificity(key) >= PARTLY and (key != "ratio:?" or pair.right.size > 1)


def _patterns(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    zero = list(zero_gradient(pair))
    yield from zero
    if not zero:
        yield from ratio(pair, constants(case, name))
        yield from moves(pair)
        yield from slice_ratio(pair)
        yield from constant_off(pair)
        yield from constant_over(pair)
    yield from places(pair)
    if name == "y":
        return
    x = np.asarray(case.probe.inputs[name], np.float64)
    if not zero:
        yield from factors(case, name, pair)
        yield from affine_off(pair, x)
    yield from only_kinks(
        pair, x, {k: np.asarray(v) for k, v in case.probe.inputs.items() if k != name}
    )
    yield from only_large(pair, x)
    yield from only_side(pair, x)


def _parts(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    return parts(case, name, pair) if name != "y" else iter(())


__all__ = ["PARTLY", "SPECIFICITY", "shape_signs", "signs", "specificity"]
