"""Two operands with broadcasting: the probes, the rule "sum over the copies", and its bugs."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np

from ..case import Case
from ..op import Array, Call, Gradient, Mutant, Probe
from ..report import Sign
from .detect import equals, forward_is_right, worst
from .draw import usual

Slope = Callable[[Call], Array | float]
Down = Callable[[Array, tuple[int, ...]], Array]

SHAPES = {
    "one shape": ((5, 3), (5, 3)),
    "row": ((5, 3), (3,)),
    "square and row": ((3, 3), (3,)),
    "column and row": ((5, 1), (1, 3)),
    "blocks and column": ((2, 5, 3), (5, 1)),
    "number and blocks": ((), (2, 5, 3)),
}


def sum_to(g: Array, shape: tuple[int, ...]) -> Array:
    """The sum of g over the axes along which an array of ``shape`` was copied."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def times(slope: Slope, name: str, down: Down = sum_to) -> Gradient:
    """gy -> the sum over the copies of gy dy/d(name)"""
    return lambda gy, c: down(gy * slope(c), getattr(c, name).shape)


def pairs(seed: int, divisor: Callable[..., Array] = usual) -> list[Probe]:
    """A probe for each way of broadcasting; ``divisor`` draws the second operand."""
    rng = np.random.default_rng(seed)
    return [
        Probe(name, {"a": usual(rng, *a), "b": divisor(rng, *b)}) for name, (a, b) in SHAPES.items()
    ]


# The tiers say over which axes a sum is missing; which ones is the probe's affair.
NOT_SUMMED = {
    "missing-sum:" + ",".join(f"axis {i}" for i in axes): "broadcast-not-summed"
    for count in (1, 2, 3) for axes in combinations(range(3), count)
}  # fmt: skip

# What goes wrong on the way from the shape of y down to the shape of the operand


def _leading(g: Array, shape: tuple[int, ...]) -> Array:
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def _ones(g: Array, shape: tuple[int, ...]) -> Array:
    lead = g.ndim - len(shape)
    return g.sum(axis=tuple(lead + i for i, n in enumerate(shape) if n == 1), keepdims=True)


def _averaged(g: Array, shape: tuple[int, ...]) -> Array:
    return sum_to(g, shape) * (np.prod(shape) / g.size)


def _from_the_end(g: Array, shape: tuple[int, ...]) -> Array:
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    return sum_to(g, shape)


def _squeezed(g: Array, shape: tuple[int, ...]) -> Array:
    return np.squeeze(sum_to(g, shape))


def _first_copy(g: Array, shape: tuple[int, ...]) -> Array:
    for _ in range(g.ndim - len(shape)):
        g = g[0]
    return g[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]


_WAYS: dict[str, tuple[str, Down, tuple[str, ...]]] = {
    "copies_not_summed": ("broadcast-not-summed", lambda g, shape: g, ("wrong-shape",)),
    "only_leading_axes_summed": ("broadcast-not-summed", _leading, ("wrong-shape",)),
    "only_axes_of_length_1_summed": ("broadcast-not-summed", _ones, ("wrong-shape",)),
    "copies_averaged": ("broadcast-averaged", _averaged, ()),
    "summed_from_the_last_axis": ("broadcast-summed-over-wrong-axis", _from_the_end, ()),
    "axes_of_length_1_lost": ("keepdims-lost", _squeezed, ("wrong-shape",)),
    "first_copy_only": ("first-copy-only", _first_copy, ()),
}


def copies_mutants(slopes: Mapping[str, Slope], *ways: str) -> tuple[Mutant, ...]:
    """The bugs of broadcasting (all, or the named ones) for an op with these derivatives."""
    return tuple(
        Mutant(way, bug, also=also,
               gradients={name: times(slope, name, down) for name, slope in slopes.items()})
        for way, (bug, down, also) in _WAYS.items() if way in ways or not ways
    )  # fmt: skip


# Tests


def copies(case: Case) -> Iterator[Sign]:
    """Averaged, first copy only, or summed over another axis: known by what each copy gets."""
    if case.op is None or not forward_is_right(case):
        return
    shape = np.shape(case.call.y)
    inputs = {name: np.broadcast_to(getattr(case.call, name), shape) for name in case.op.inputs}
    _, rule, _ = case.op.run(inputs, {})
    each = rule(case.gy)
    for name in case.wrong():
        yield from equals(case, name, _wrong_sums(each[name], case.right[name].shape))


def _wrong_sums(each: Array, shape: tuple[int, ...]) -> dict[str, Array]:
    lead = each.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and each.shape[lead + i] > 1
    )
    if not axes:
        return {}
    wrong = {
        "broadcast-averaged": each.mean(axis=axes).reshape(shape),
        "first-copy-only": _first_copy(each, shape),
    }
    for other in combinations(range(each.ndim), len(axes)):
        total = each.sum(axis=other)
        if other != axes and total.size == np.prod(shape):
            wrong["broadcast-summed-over-wrong-axis"] = total.reshape(shape)
    return wrong


def wrong_slope(case: Case) -> Iterator[Sign]:
    """The op's factors, summed over the copies: which one stands in the learner's rule?"""
    if case.op is None or not forward_is_right(case):
        return
    factors = {"1": np.ones(np.shape(case.call.y)), **case.op.factors(case.call)}
    for name in case.wrong():
        for expression, factor in factors.items():
            bug = case.op.names.get(f"g{name} factor:{expression}")
            candidate = sum_to(case.gy * factor, case.right[name].shape)
            if bug and case.close(case.given[name], candidate):
                yield case.sign(bug, f"g{name}", f"factor {expression}; {worst(case, name)}", 2)
