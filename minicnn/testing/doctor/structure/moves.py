"""Right values in wrong places: transposed, flipped, rolled, shifted, in another order."""

from collections.abc import Iterator
from itertools import combinations, permutations, product

import numpy as np

from .pair import Array, Found, Pair


def moves(pair: Pair) -> Iterator[Found]:
    """Whatever holds of the moves that keep every value."""
    if pair.right.size > 1 and pair.same(np.sort(pair.given, None), np.sort(pair.right, None)):
        yield from transposed(pair)
        yield from flipped(pair)
        yield from rolled(pair)
        yield from permuted(pair)
    yield from shifted(pair)


def transposed(pair: Pair) -> Iterator[Found]:
    """given = right with its axes in another order, which has the same shape."""
    for order in orders(pair.right.ndim):
        if pair.same(pair.given, pair.right.transpose(order)):
            swapped = pair.named([i for i, j in enumerate(order) if i != j])
            yield "transposed", f"yours equals the right one with the axes {swapped} swapped"
            return


def flipped(pair: Pair) -> Iterator[Found]:
    """given = right read backwards along some axes."""
    found: list[tuple[int, ...]] = []
    for axes in pair.groups(pair.right.ndim):
        if not pair.adds_nothing(axes, found) and pair.same(pair.given, np.flip(pair.right, axes)):
            found.append(axes)
            lengths = ", ".join(f"{pair.axes[i]} = {pair.right.shape[i]}" for i in axes)
            evidence = f"yours equals the right one read backwards along {lengths}"
            yield f"flipped:{pair.named(axes)}", evidence


def rolled(pair: Pair) -> Iterator[Found]:
    """given = right moved along one axis; what leaves at the end comes in at the start."""
    for axis in pair.long_axes:
        for by in range(1, pair.right.shape[axis]):
            if pair.same(pair.given, np.roll(pair.right, by, axis)):
                name, length = pair.axes[axis], pair.right.shape[axis]
                evidence = (
                    f"yours equals the right one moved by {by} along {name} (length {length}), "
                    f"round the end"
                )
                yield f"rolled:{name}", evidence
                break


def shifted(pair: Pair) -> Iterator[Found]:
    """given[i, j] = right[i - a, j - b] on the axes of space, wherever both exist."""
    reach = [range(-2, 3) if pair.right.shape[i] > 2 else (0,) for i in pair.space]
    for by in sorted(product(*reach), key=lambda by: sum(map(abs, by))):
        if not any(by):
            continue
        here, there = _overlap(pair, by)
        entries = (~pair.zero(there)).sum()
        if entries >= max(4, pair.right.size / 8) and pair.same(here, there):
            steps = ", ".join(f"{n:+d}" for n in by)
            evidence = (
                f"yours equals the right one moved by ({steps}) along {pair.named(pair.space)}, "
                f"in the {here.size} entries that stay inside"
            )
            yield "shifted", evidence
            return


def _overlap(pair: Pair, by: tuple[int, ...]) -> tuple[Array, Array]:
    """The parts of given and right that lie on each other when right is moved."""
    before = (slice(None),) * (pair.right.ndim - len(by))
    to = tuple(slice(max(n, 0), min(n, 0) or None) for n in by)
    come = tuple(slice(max(-n, 0), min(-n, 0) or None) for n in by)
    return pair.given[before + to], pair.right[before + come]


def permuted(pair: Pair) -> Iterator[Found]:
    """given has the values of right, each as often; perhaps a reshape took a transpose's place."""
    evidence = f"the same {pair.right.size} values, in other places"
    for order in orders(pair.right.ndim):
        if pair.same(pair.given, pair.right.transpose(order).reshape(pair.right.shape)):
            evidence += f": those of the right one in the order {pair.named(order)}, reshaped"
            break
    yield "permuted", evidence


def orders(ndim: int) -> Iterator[tuple[int, ...]]:
    """Every other order of the axes; of five axes and more, only two of them swapped."""
    if ndim <= 4:
        yield from list(permutations(range(ndim)))[1:]
        return
    for a, b in combinations(range(ndim), 2):
        order = list(range(ndim))
        order[a], order[b] = b, a
        yield tuple(order)
