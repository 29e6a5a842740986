"""Gradients that are right but for a factor: one for all entries, or one per slice."""

from collections.abc import Iterator, Mapping

import numpy as np

from .pair import Array, Found, Pair, numbers


def zero_gradient(pair: Pair) -> Iterator[Found]:
    """given = 0 everywhere, and the right gradient is not."""
    if pair.zero(pair.given).all() and not pair.zero(pair.right).all():
        evidence = (
            f"yours is 0 in all {pair.given.size} entries; "
            f"the right one goes up to {np.abs(pair.right).max():.4g}"
        )
        yield "zero-gradient", evidence


def ratio(pair: Pair, constants: Mapping[str, float]) -> Iterator[Found]:
    """given = c * right everywhere: under every name that c has, or as "?" where it has none."""
    c = float(fitted(pair.given, pair.right))
    if c == 0.0 or not pair.same(pair.given, c * pair.right):
        return
    where = f"yours / right = {c:.6g} in all {pair.given.size} entries"
    names = _names(pair, c, constants)
    for name in names:
        yield f"ratio:{name}", f"{where}, and {name} = {c:.6g}" if name != f"{c:g}" else where
    if not names:
        yield "ratio:?", where


def _names(pair: Pair, c: float, constants: Mapping[str, float]) -> list[str]:
    """The constants that fit; with the sign in front where only -c has a name."""

    def fits(q: float) -> bool:
        return abs(c - q) < 0.01 * abs(c) and pair.same(pair.given, q * pair.right)

    names = [name for name, q in constants.items() if fits(q)]
    return names or [f"-{name}" for name, q in constants.items() if fits(-q)]


def slice_ratio(pair: Pair) -> Iterator[Found]:
    """given = c[i] * right along one axis or two, where one c for all does not do.

    It must be a pattern: on average a slice has at least two entries that are not 0, and the
    ratios are not just 0 and 1, which says no more than where the gradient is wrong.
    """
    if pair.same(pair.given, fitted(pair.given, pair.right) * pair.right):
        return
    found: list[tuple[int, ...]] = []
    for axes in pair.groups(2):
        others = pair.beyond(axes)
        filled = (~pair.zero(pair.right)).sum(others)
        if filled.sum() < 2 * max(1, (filled > 0).sum()) or pair.adds_nothing(axes, found):
            continue
        c = fitted(pair.given, pair.right, others)
        if pair.same(pair.given, c * pair.right):
            found.append(axes)
            ratios = c.reshape(filled.shape)[filled > 0]
            if pair.same(ratios, np.round(ratios).clip(0, 1)):
                continue
            evidence = f"yours / right is one number for each {pair.named(axes)}: {numbers(ratios)}"
            yield f"slice-ratio:{pair.named(axes)}", evidence


def fitted(given: Array, right: Array, axes: tuple[int, ...] | None = None) -> Array:
    """The c with the least sum of squares of given - c * right, over ``axes`` (all, if None)."""
    size = np.abs(right).max(axes, keepdims=True, initial=0.0)
    scaled = right / np.where(size > 0, size, 1)
    square = (scaled * scaled).sum(axes, keepdims=axes is not None)
    product = (given * scaled).sum(axes, keepdims=axes is not None)
    size = size if axes is not None else size.reshape(())
    return product / np.where(size > 0, square * size, 1)
