"""A gradient is a sum over the entries of gy; which part of that sum is there?

The right rule is linear, so the part of one slice of gy (a sample, a row of windows) is
rule(gy, 0 outside the slice), and the parts add up to the right gradient.
"""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from .pair import Array, Found, Pair

MOST = 100  # slices that are tried


def parts(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    """``lost-part``, ``first-only`` and ``assigns``, for the axes of y and neighbouring pairs."""
    gy = np.asarray(case.gy, np.float64)
    if case.op is None or not _adds_up(case, name, pair, gy):
        return
    singles = [(i,) for i in range(gy.ndim)]
    for axes in singles + [(i, i + 1) for i in range(gy.ndim - 1)]:
        number = int(np.prod([gy.shape[i] for i in axes]))
        if 1 < number <= MOST and min(gy.shape[i] for i in axes) > 1:
            found = list(_lost(case, name, pair, gy, axes)) + list(_one(case, name, pair, gy, axes))
            yield from found
            if found:
                return


def _adds_up(case: Case, name: str, pair: Pair, gy: Array) -> bool:
    """Whether the rule is what the right gradient came from (it is not, for a wrong forward)."""
    rule = case.rule(gy)
    return name in rule and pair.same(np.asarray(rule[name], np.float64), pair.right)


def _part(case: Case, name: str, gy: Array, where: tuple[slice, ...]) -> Array:
    kept = np.zeros_like(gy)
    kept[where] = gy[where]
    return np.asarray(case.rule(kept)[name], np.float64)


def _lost(case: Case, name: str, pair: Pair, gy: Array, axes: tuple[int, ...]) -> Iterator[Found]:
    """given = the right gradient without the first, or the last, slice of gy along the axes."""
    named = ",".join(case.axis("y", i) for i in axes)
    for word, kept in (("first", slice(1, None)), ("last", slice(None, -1))):
        where = tuple(kept if i in axes else slice(None) for i in range(gy.ndim))
        if pair.same(pair.given, _part(case, name, gy, where)):
            evidence = (
                f"yours is the right one for a gy without its {word} slice along {named} "
                f"(length {', '.join(str(gy.shape[i]) for i in axes)})"
            )
            yield f"lost-part:{named}", evidence


def _one(case: Case, name: str, pair: Pair, gy: Array, axes: tuple[int, ...]) -> Iterator[Found]:
    """Every entry of given is the part of one slice, where the right one adds up several."""
    shape = tuple(gy.shape[i] for i in axes)
    every = np.stack([
        _part(case, name, gy, _slice(gy.ndim, axes, place)) for place in np.ndindex(shape)
    ])  # fmt: skip
    several = ((~pair.zero(every)).sum(0) > 1) & pair.wrong & ~pair.zero(pair.given)
    hits = (np.abs(pair.given - every) <= pair.atol * pair.size + pair.rtol * np.abs(every)) & (
        ~pair.zero(every) | pair.zero(pair.given)
    )
    if not several.any() or not hits.any(0).all():
        return
    named = ",".join(case.axis("y", i) for i in axes)
    if hits[0].all():
        evidence = (
            f"yours is the part of the first of the {len(every)} slices of gy along {named}; "
            f"the right one adds up all"
        )
        yield f"first-only:{named}", evidence
    else:
        last = ", the last" if hits[-1].all() else ""
        evidence = (
            f"{several.sum()} entries hold the part of one of the {len(every)} slices of gy along "
            f"{named}{last}; the right ones add up several"
        )
        yield "assigns", evidence


def _slice(ndim: int, axes: tuple[int, ...], place: tuple[int, ...]) -> tuple[slice, ...]:
    at = dict(zip(axes, place, strict=True))
    return tuple(slice(at[i], at[i] + 1) if i in at else slice(None) for i in range(ndim))
