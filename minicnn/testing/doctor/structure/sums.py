"""Sums over an axis that are missing, or one too many; values that forgot an axis."""

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ..case import Case
from ..report import Sign
from .broadcast import fits, sum_to
from .pair import Array, Found, Pair, numbers
from .ratios import fitted


def constant_over(pair: Pair) -> Iterator[Found]:
    """given does not change along an axis, and right does: summed, averaged or picked over it."""
    axes = tuple(i for i in pair.long_axes if _constant(pair, pair.given, i))
    axes = tuple(i for i in axes if not _constant(pair, pair.right, i))
    if not axes or pair.zero(pair.given).all():
        return
    how = _collapsed(pair, axes)
    for i in axes:
        evidence = (
            f"yours is the same at all {pair.right.shape[i]} places along {pair.axes[i]}{how}"
        )
        yield f"constant-over:{pair.axes[i]}", evidence


def _constant(pair: Pair, a: Array, axis: int) -> bool:
    return pair.same(a, np.broadcast_to(a.take([0], axis), a.shape))


def _collapsed(pair: Pair, axes: tuple[int, ...]) -> str:
    """Which value of the right gradient the axes were collapsed to, if a usual one."""
    for word, collapse in (("sum", np.sum), ("mean", np.mean), ("maximum", np.max)):
        value = collapse(pair.right, axis=axes, keepdims=True)
        if pair.same(pair.given, np.broadcast_to(value, pair.given.shape)):
            return f": the {word} of the right one over {pair.named(axes)}"
    return ""


def constant_off(pair: Pair) -> Iterator[Found]:
    """given = right + c[i] along one axis or two (or one c for all): the path of a mean is lost.

    It must be a pattern: a slice has at least two entries.
    """
    off = pair.given - pair.right
    if pair.right.size > 1 and pair.same(pair.given - off.mean(), pair.right):
        yield "constant-off:all", f"yours - right = {off.mean():.6g} in all {off.size} entries"
        return
    found: list[tuple[int, ...]] = []
    for axes in pair.groups(2):
        others = pair.beyond(axes)
        if np.prod([pair.right.shape[i] for i in others]) < 2 or pair.adds_nothing(axes, found):
            continue
        c = off.mean(others, keepdims=True)
        if pair.same(pair.given - c, pair.right):
            found.append(axes)
            evidence = f"yours - right is one number for each {pair.named(axes)}: {numbers(c)}"
            yield f"constant-off:{pair.named(axes)}", evidence


def affine_off(pair: Pair, x: Array) -> Iterator[Found]:
    """given = right + a[i] + b[i] * x along one axis or two: statistics of x taken for constants.

    In a norm the paths through mean and variance are of this form. It must be a pattern: a slice
    has at least four entries, and b is not 0.
    """
    off = pair.given - pair.right
    found: list[tuple[int, ...]] = []
    for axes in pair.groups(2):
        others = pair.beyond(axes)
        if np.prod([pair.right.shape[i] for i in others]) < 4 or pair.adds_nothing(axes, found):
            continue
        centred = x - x.mean(others, keepdims=True)
        b = fitted(off, centred, others)
        a = (off - b * centred).mean(others, keepdims=True)
        if pair.same(pair.given - a - b * centred, pair.right) and not pair.same(
            pair.given - a, pair.right
        ):
            found.append(axes)
            evidence = f"yours - right = a + b * x for each {pair.named(axes)}, b = {numbers(b)}"
            yield f"affine-off:{pair.named(axes)}", evidence


# Gradients of a wrong shape


def shape_signs(case: Case, name: str, given: Array, right: Array) -> Iterator[Sign]:
    """What a gradient of a wrong shape has to do with the right one."""
    given, right = np.asarray(given, np.float64), np.asarray(right, np.float64)
    names = tuple(case.axis(name, i) for i in range(right.ndim))
    pair = Pair(right, right, names, case.rtol, case.atol)
    like_y = given.shape == np.shape(case.y)
    axes = tuple(case.axis("y" if like_y else name, i) for i in range(given.ndim))
    for key, evidence in _shape_patterns(pair, given, axes):
        yield case.sign(key, f"g{name}", evidence, 2)


def _shape_patterns(pair: Pair, given: Array, axes: tuple[str, ...]) -> Iterator[Found]:
    right = pair.right
    shapes = f"yours has shape {given.shape}, the right one {right.shape}"
    wide = right.size < given.size and fits(right.shape, given.shape)
    if wide and pair.same(sum_to(given, right.shape), right):
        yield "missing-sum:broadcast", f"{shapes}; summed where the input was broadcast it is right"
    yield from _not_summed(pair, given, axes, shapes)
    if given.size == right.size:
        yield from _same_size(pair, given, shapes)
    elif given.size < right.size:
        for over in _choices(right.ndim):
            for word, collapse in (("sum", np.sum), ("mean", np.mean)):
                if pair.same(collapse(right, axis=over).ravel(), given.ravel()):
                    evidence = (
                        f"{shapes}; yours is the {word} of the right one over {pair.named(over)}"
                    )
                    yield f"extra-sum:{pair.named(over)}", evidence
                    return


def _not_summed(pair: Pair, given: Array, axes: tuple[str, ...], shapes: str) -> Iterator[Found]:
    """given.sum(over some axes) = right; or the mean, where right is one."""
    for over in _choices(given.ndim) if given.size else ():
        for word, collapse in (("summed", np.sum), ("averaged", np.mean)):
            smaller = collapse(given, axis=over)
            fits = smaller.size == pair.right.size < given.size
            if fits and pair.same(smaller.reshape(pair.right.shape), pair.right):
                named = ",".join(axes[i] for i in over)
                yield f"missing-sum:{named}", f"{shapes}; {word} over {named} it is right"
                return


def _same_size(pair: Pair, given: Array, shapes: str) -> Iterator[Found]:
    """As many values, in another shape: axes swapped, or of length 1 kept or lost, or flattened."""
    right = pair.right
    if any(pair.same(given, right.transpose(order)) for order in _orders(right, given.shape)):
        yield "transposed", f"{shapes}; with the axes swapped it is right"
        return
    if pair.same(given.ravel(), right.ravel()):
        squeezed = [n for n in given.shape if n > 1] == [n for n in right.shape if n > 1]
        what = "an axis of length 1 is " + ("left over" if given.ndim > right.ndim else "lost")
        yield "reshaped", f"{shapes}; the values are right, {what if squeezed else 'the axes not'}"


def _orders(right: Array, shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The orders of the axes that give this shape."""
    for order in permutations(range(right.ndim)):
        if tuple(right.shape[i] for i in order) == shape:
            yield order


def _choices(ndim: int) -> Iterator[tuple[int, ...]]:
    """Every choice of axes, the fewest first."""
    for number in range(1, ndim + 1):
        yield from combinations(range(ndim), number)
