"""Concatenation: y = [a, b] along ``axis``; ga and gb are the two pieces of gy."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import Step, explained


def cut(gy: Array, c: Call, start: int, length: int) -> Array:
    return np.take(gy, range(start, start + length), axis=c.axis)


def piece_a(gy: Array, c: Call) -> Array:
    return cut(gy, c, 0, c.a.shape[c.axis])


def piece_b(gy: Array, c: Call) -> Array:
    return cut(gy, c, c.a.shape[c.axis], c.b.shape[c.axis])


def last_of_a_length(gy: Array, c: Call) -> Array:
    return cut(gy, c, c.b.shape[c.axis], c.a.shape[c.axis])


def first_of_b_length(gy: Array, c: Call) -> Array:
    return cut(gy, c, 0, c.b.shape[c.axis])


def one_late(gy: Array, c: Call) -> Array:
    """The piece of b, begun one too far on: the last entry is taken twice."""
    first, n = c.a.shape[c.axis], c.b.shape[c.axis]
    return np.take(gy, np.minimum(first + 1 + np.arange(n), first + n - 1), axis=c.axis)


def one_early(gy: Array, c: Call) -> Array:
    return cut(gy, c, c.a.shape[c.axis] - 1, c.b.shape[c.axis])


def other_order(c: Call) -> Array:
    return np.concatenate([c.b, c.a], c.axis)


def concat_probes(seed: int) -> Iterator[Probe]:
    for name, a, b, axis in (
        ("rows", (2, 3), (5, 3), 0),
        ("channels", (2, 3, 5), (2, 7, 5), 1),
        ("last axis", (3, 2, 5), (3, 2, 2), -1),
        ("equal lengths", (2, 3, 5), (2, 3, 5), 1),
    ):
        random = np.random.default_rng([seed, len(name)])
        inputs = {"a": random.standard_normal(a), "b": random.standard_normal(b)}
        yield Probe(name, inputs, {"axis": axis})


PIECE_A: Step = (("", piece_a), ("slices-swapped", last_of_a_length))
PIECE_B: Step = (
    ("", piece_b),
    ("slices-swapped", first_of_b_length),
    ("slice-start-off", one_late),
    ("slice-start-off", one_early),
)
ORDER: Step = (("", lambda c: np.concatenate([c.a, c.b], c.axis)), ("concat-order", other_order))


def pieces(case: Case) -> Iterator[Sign]:
    """From where in gy each piece was taken, and which input came first."""
    c, gy = case.call, case.gy
    yield from explained(case, "a", (PIECE_A,), lambda rule: rule(gy, c))
    yield from explained(case, "b", (PIECE_B,), lambda rule: rule(gy, c))
    yield from explained(case, "forward", (ORDER,), lambda rule: rule(c))


concat = Op(
    "concat",
    {"a": "", "b": ""},
    "",
    forward=lambda c: np.concatenate([c.a, c.b], c.axis),
    gradients={"a": piece_a, "b": piece_b},
    probes=concat_probes,
    mutants=(
        Mutant("swapped", "slices-swapped", gradients={"a": piece_b, "b": piece_a},
               also=("slice-lengths", "wrong-shape")),
        Mutant("pieces of the other end", "slices-swapped",
               gradients={"a": last_of_a_length, "b": first_of_b_length}),
        Mutant("both from the start", "slices-swapped", gradients={"b": first_of_b_length}),
        Mutant("copied", "slice-lengths", gradients={"a": lambda gy, c: gy, "b": lambda gy, c: gy},
               also=("wrong-shape",)),
        Mutant("b begins late", "slice-start-off", gradients={"b": one_late}),
        Mutant("b begins early", "slice-start-off", gradients={"b": one_early}),
        Mutant("forward in the other order", "concat-order", other_order,
               {"a": last_of_a_length, "b": first_of_b_length}),
        Mutant("b has none", "zero-gradient", gradients={"b": lambda gy, c: np.zeros_like(c.b)}),
    ),
    names={"wrong-shape": "slice-lengths", "ga permuted": "slices-swapped",
           "gb permuted": "slices-swapped"},
    detectors=(pieces,),
    aliases={"dim": "axis"},
)  # fmt: skip
OPS = (concat,)
