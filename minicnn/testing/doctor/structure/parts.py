"""A gradient is a sum over the entries of gy; which part of that sum is there, or of which gy?

The right rule is linear, so the part of one slice of gy (a sample, a row of windows) is
rule(gy, 0 outside the slice), and the parts add up to the right gradient.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ..case import Case
from .pair import Array, Found, Pair

MOST = 100  # slices that are tried


def parts(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    """``lost-part``, ``first-only`` and ``assigns``, for the axes of y and neighbouring pairs.

    Each slice costs an evaluation of the rule; so all are tried only where the first or the last,
    which nothing overwrites, is there unchanged.
    """
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
    yield from _moved(case, name, pair, gy)


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
    slices = [_slice(gy.ndim, axes, at) for at in np.ndindex(*(gy.shape[i] for i in axes))]
    if not any(_unchanged(pair, _part(case, name, gy, slices[i])) for i in (0, -1)):
        return
    every = np.stack([_part(case, name, gy, place) for place in slices])
    several = ((~pair.zero(every)).sum(0) > 1) & pair.wrong & ~pair.zero(pair.given)
    hits = _hits(pair, every)
    if not several.any() or not hits.any(0).all():
        return
    named = ",".join(case.axis("y", i) for i in axes)
    among = f"of the {len(every)} slices of gy along {named}"
    if hits[0].all():
        evidence = f"yours is the part of the first {among}; the right one adds up all"
        yield f"first-only:{named}", evidence
    else:
        last = ", the last" if hits[-1].all() else ""
        evidence = f"{several.sum()} entries hold the part of one {among}{last}, not the sum"
        yield "assigns", evidence


def _hits(pair: Pair, part: Array) -> Array:
    """The entries of given that are those of a part; both 0 counts, a near miss of 0 does not."""
    near = np.abs(pair.given - part) <= pair.atol * pair.size + pair.rtol * np.abs(part)
    return near & (~pair.zero(part) | pair.zero(pair.given))


def _unchanged(pair: Pair, part: Array) -> bool:
    """Whether given holds this part wherever the part is not 0."""
    there = ~pair.zero(part)
    return bool(there.any() and _hits(pair, part)[there].all())


def _moved(case: Case, name: str, pair: Pair, gy: Array) -> Iterator[Found]:
    """given = rule(another gy): its axes in another order, reshaped, reversed, or averaged."""
    axes = [case.axis("y", i) for i in range(gy.ndim)]
    for how, axis, other in _others(gy, axes):
        if pair.same(pair.given, np.asarray(case.rule(other)[name], np.float64)):
            key = "mixes-batch" if axis == "N" else "upstream-moved"
            yield key, f"yours is the right one for a gy {how}"
            return


def _others(gy: Array, axes: list[str]) -> Iterator[tuple[str, str, Array]]:
    """What else may be taken for gy: how it comes about, along which axis, and the array."""
    orders = [list(range(gy.ndim)) for _ in combinations(axes, 2)]
    for order, (i, j) in zip(orders, combinations(range(gy.ndim), 2), strict=True):
        order[i], order[j] = j, i
    if gy.ndim == 4:  # channels last, and back
        orders += [[0, 2, 3, 1], [0, 3, 1, 2]]
    for order in orders:
        named = ",".join(axes[i] for i in order)
        yield f"taken in the order {named} and reshaped", "", gy.transpose(order).reshape(gy.shape)
    for i, axis in enumerate(axes):
        yield f"read backwards along {axis}", axis, np.flip(gy, i)
        yield f"replaced by its mean over {axis}", axis, gy.mean(i, keepdims=True) + 0 * gy


def _slice(ndim: int, axes: tuple[int, ...], place: tuple[int, ...]) -> tuple[slice, ...]:
    at = dict(zip(axes, place, strict=True))
    return tuple(slice(at[i], at[i] + 1) if i in at else slice(None) for i in range(ndim))
