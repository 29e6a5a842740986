"""Where a gradient is wrong: at the border, in the last rows, for some samples, at kinks."""

from collections.abc import Iterator, Mapping
from itertools import product
from math import comb

import numpy as np

from .pair import Array, Found, Pair, numbers


def places(pair: Pair) -> Iterator[Found]:
    """Every description of the wrong entries that holds; none where all entries are wrong."""
    yield from first_only(pair)
    yield from only_last(pair)
    yield from only_border(pair)
    yield from only_some(pair)
    yield from dropped(pair)
    yield from leaks(pair)


def first_only(pair: Pair) -> Iterator[Found]:
    """given is 0 beyond the first slice along an axis, right where it is not, and right is not."""
    for axis in pair.long_axes:
        first, rest = [0], range(1, pair.right.shape[axis])
        empty = pair.zero(pair.given.take(rest, axis)).all()
        if empty and not pair.zero(pair.given.take(first, axis)).all():
            if not pair.zero(pair.right.take(rest, axis)).all():
                evidence = (
                    f"yours is 0 beyond the first of {pair.right.shape[axis]} slices along "
                    f"{pair.axes[axis]}; the right one is not"
                )
                yield f"first-only:{pair.axes[axis]}", evidence


def only_last(pair: Pair) -> Iterator[Found]:
    """Wrong only in the last one or two rows or columns (of images; of any axis below 3-D)."""
    axes = [i for i in pair.space or pair.long_axes if pair.right.shape[i] > 2]
    choices = [[i] for i in axes] + [axes[-2:]]
    for width, sides in product((1, 2), choices):
        before_end = _inside(pair, sides, 0, width)
        if sides and before_end.any() and not (pair.wrong & before_end).any():
            evidence = (
                f"{_wrong_of(pair, ~before_end)} in the last {width} along {pair.named(sides)}; "
                f"the other {before_end.sum()} are right"
            )
            yield "only-last", evidence
            return


def only_border(pair: Pair) -> Iterator[Found]:
    """Wrong only within one or two pixels of the border."""
    axes = [i for i in pair.space if pair.right.shape[i] > 2]
    for width in (1, 2):
        inside = _inside(pair, axes, width, width)
        useful = inside & ~pair.zero(pair.right)
        if axes and useful.any() and not (pair.wrong & inside).any():
            evidence = (
                f"{_wrong_of(pair, ~inside)} within {width} of the border; "
                f"the {inside.sum()} inside are right"
            )
            yield "only-border", evidence
            return


def _inside(pair: Pair, axes: list[int], before: int, after: int) -> Array:
    """Which entries are at least so far from the start and the end of the axes."""
    inside = np.ones(pair.right.shape, bool)
    for axis in axes:
        shape = [1] * pair.right.ndim
        shape[axis] = length = pair.right.shape[axis]
        index = np.arange(length).reshape(shape)
        inside &= (index >= before) & (index < length - after)
    return inside


def _wrong_of(pair: Pair, region: Array) -> str:
    return f"wrong at {(pair.wrong & region).sum()} of {region.sum()} entries"


def only_some(pair: Pair) -> Iterator[Found]:
    """Wrong in some slices along an axis, and right in all of the others."""
    for axis in pair.long_axes:
        wrong = np.asarray(pair.wrong.any(pair.beyond([axis])))
        if not wrong.all():
            evidence = (
                f"wrong only at {numbers(np.flatnonzero(wrong), 6)} along {pair.axes[axis]} "
                f"(of 0..{len(wrong) - 1})"
            )
            yield f"only-some:{pair.axes[axis]}", evidence


def dropped(pair: Pair) -> Iterator[Found]:
    """Every wrong entry is 0, and should not be."""
    if pair.zero(pair.given[pair.wrong]).all():
        evidence = (
            f"{pair.wrong.sum()} entries are 0 and should not be, for example "
            f"{worst(pair)}; the other {(~pair.wrong).sum()} are right"
        )
        yield "dropped", evidence


def leaks(pair: Pair) -> Iterator[Found]:
    """Every wrong entry should be 0, and is not."""
    if pair.zero(pair.right[pair.wrong]).all():
        evidence = (
            f"{pair.wrong.sum()} entries should be 0 and are not, for example "
            f"{worst(pair)}; the other {(~pair.wrong).sum()} are right"
        )
        yield "leaks", evidence


def worst(pair: Pair) -> str:
    """The entry that is off by most."""
    off = np.where(pair.wrong, np.abs(pair.given - pair.right), -1.0)
    index = np.unravel_index(int(off.argmax()), off.shape)
    place = f"[{', '.join(str(int(i)) for i in index)}]" if index else "the number"
    return f"{place}: yours {pair.given[index]:.6g}, right {pair.right[index]:.6g}"


# By the value of x


def only_kinks(pair: Pair, x: Array, others: Mapping[str, Array]) -> Iterator[Found]:
    """Wrong only where x is 0, or equals another of its entries, or another input's."""
    values, times = np.unique(x, return_counts=True)
    kinks = {"x = 0": x == 0, "x occurs more than once": np.isin(x, values[times > 1])}
    kinks |= {f"x = {k}": x == v for k, v in others.items() if v.shape == x.shape}
    for what, here in kinks.items():
        if not here.all() and not (pair.wrong & ~here).any():
            evidence = (
                f"{_wrong_of(pair, here)} where {what}, a kink; the other {(~here).sum()} are right"
            )
            yield "only-kinks", evidence
            return


def only_large(pair: Pair, x: Array) -> Iterator[Found]:
    """Wrong exactly where abs(x) is above some bound, and that is no accident."""
    wrong, size = pair.wrong, np.abs(x)
    number = int(wrong.sum())
    if 0 < number < wrong.size and size[wrong].min() > size[~wrong].max():
        if comb(wrong.size, number) >= 100:
            evidence = (
                f"wrong at all {number} entries with abs(x) >= {size[wrong].min():.4g}, "
                f"right at all {wrong.size - number} with abs(x) <= {size[~wrong].max():.4g}"
            )
            yield "only-large", evidence


def only_side(pair: Pair, x: Array) -> Iterator[Found]:
    """Wrong at every negative x and at no positive one, or the other way round."""
    below, above = pair.wrong[x < 0], pair.wrong[x > 0]
    if min(below.size, above.size) < 2:
        return
    for word, bad, good in (("negative", below, above), ("positive", above, below)):
        if bad.all() and not good.any():
            evidence = (
                f"wrong at all {bad.size} entries with {word} x, right at the other {good.size}"
            )
            yield f"only-{word}", evidence
