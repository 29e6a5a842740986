"""Concatenation and the residual block: where a gradient is cut in two, and where two are added.

concat:    y = [a, b] along ``axis``;  ga and gb are the two pieces of gy
residual:  y = relu(x + weight * x), a weight per channel for the branch;
           with g = gy where x + weight * x > 0:  gx = g + weight * g,  gweight = sum(g * x)
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import explained


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


def pieces(case: Case) -> Iterator[Sign]:
    """From where in gy each piece was taken."""
    c, gy = case.call, case.gy
    wrong = {
        "a": {"slices-swapped": last_of_a_length},
        "b": {"slices-swapped": first_of_b_length, "slice-start-off": one_late,
              "slice-start-off ": one_early},
    }  # fmt: skip
    for name in case.given:
        step = {"": c_piece(name), **wrong[name]}
        for sign in explained(case, name, (step,), lambda rule: rule(gy, c)):
            yield case.sign(sign.bug.strip(), sign.where, sign.evidence, 2)
    order = {"": 0, "concat-order": 1}
    yield from explained(case, "forward", (order,), lambda i: (c.y, other_order(c))[i])


def c_piece(name: str) -> Callable[[Array, Call], Array]:
    return piece_a if name == "a" else piece_b


concat = Op(
    "concat",
    {"a": "", "b": ""},
    "",
    forward=lambda c: np.concatenate([c.a, c.b], c.axis),
    gradients={"a": piece_a, "b": piece_b},
    probes=concat_probes,
    mutants=(
        Mutant("swapped", "slices-swapped", gradients={"a": piece_b, "b": piece_a},
               also=("wrong-shape",)),
        Mutant("pieces of the other end", "slices-swapped",
               gradients={"a": last_of_a_length, "b": first_of_b_length}),
        Mutant("both from the start", "slices-swapped", gradients={"b": first_of_b_length}),
        Mutant("copied", "slices-copied", gradients={"a": lambda gy, c: gy, "b": lambda gy, c: gy},
               also=("wrong-shape",)),
        Mutant("b begins late", "slice-start-off", gradients={"b": one_late}),
        Mutant("b begins early", "slice-start-off", gradients={"b": one_early}),
        Mutant("forward in the other order", "concat-order", other_order,
               {"a": last_of_a_length, "b": first_of_b_length}),
        Mutant("b has none", "zero-gradient", gradients={"b": lambda gy, c: np.zeros_like(c.b)}),
    ),
    names={"wrong-shape": "slices-copied", "ga permuted": "slices-swapped",
           "gb permuted": "slices-swapped"},
    detectors=(pieces,),
    aliases={"axis": "dim"},
)  # fmt: skip


def channels(c: Call) -> Array:
    return c.weight.reshape(1, -1, 1, 1)


def total(c: Call) -> Array:
    return c.x + channels(c) * c.x


def relu(a: Array) -> Array:
    return np.maximum(a, 0)


# Steps of the block: what is added to what, where ReLU is open, what the branch was fed.
SUMS: dict[str, Callable[[Call], Array]] = {
    "": lambda c: 1 + channels(c),
    "identity-lost": lambda c: channels(c),
    "identity-twice": lambda c: 2 + channels(c),
    "branch-lost": lambda c: np.ones_like(channels(c)),
    "branch-twice": lambda c: 1 + 2 * channels(c),
    "branch-subtracted": lambda c: 1 - channels(c),
    "paths-multiplied": lambda c: (1 + channels(c)) * channels(c),
    "branch-weight-lost": lambda c: np.full_like(channels(c), 2.0),
    "input-changed": lambda c: (1 + channels(c)) ** 2,
}
OPEN: dict[str, Callable[[Call], Array]] = {
    "": lambda c: total(c) > 0,
    "relu-mask-missing": lambda c: np.ones_like(c.x),
    "relu-mask-of-x": lambda c: c.x > 0,
    "relu-mask-of-branch": lambda c: channels(c) * c.x > 0,
    "relu-mask-inverted": lambda c: total(c) <= 0,
}
FED: dict[str, Callable[[Call], Array]] = {
    "": lambda c: c.x,
    "input-changed": total,
    "branch-input-is-branch": lambda c: c.x * channels(c),
}


def residual_gx(sums: str = "", open_: str = "") -> dict[str, Callable[[Array, Call], Array]]:
    return {"x": lambda gy, c: gy * OPEN[open_](c) * SUMS[sums](c)}


def residual_gweight(fed: str = "", open_: str = "") -> dict[str, Callable[[Array, Call], Array]]:
    return {"weight": lambda gy, c: (gy * OPEN[open_](c) * FED[fed](c)).sum((0, 2, 3))}


def rectified_branch(c: Call) -> Array:
    return relu(c.x) + relu(channels(c) * c.x)


FORWARDS: dict[str, Callable[[Call], Array]] = {
    "": lambda c: relu(total(c)),
    "identity-lost": lambda c: relu(channels(c) * c.x),
    "identity-twice": lambda c: relu(2 * c.x + channels(c) * c.x),
    "branch-lost": lambda c: relu(c.x),
    "branch-subtracted": lambda c: relu(c.x - channels(c) * c.x),
    "relu-missing": total,
    "relu-before-sum": lambda c: c.x + relu(channels(c) * c.x),
    "relu-before-sum ": rectified_branch,
    "identity-after-relu": lambda c: relu(total(c)) + c.x,
    "input-changed": lambda c: relu(2 * total(c)),
}


def residual_signs(case: Case) -> Iterator[Sign]:
    """Which path of the block is lost, doubled or fed with other numbers."""
    c, gy = case.call, case.gy
    if "x" in case.given:
        yield from explained(
            case, "x", (SUMS, OPEN), lambda path, mask: gy * mask(c) * path(c)
        )  # fmt: skip
    if "weight" in case.given:
        yield from explained(
            case, "weight", (FED, OPEN), lambda fed, mask: (gy * mask(c) * fed(c)).sum((0, 2, 3))
        )
    for sign in explained(case, "forward", (FORWARDS,), lambda rule: rule(c)):
        yield case.sign(sign.bug.strip(), sign.where, sign.evidence, 2)


def residual_probes(seed: int) -> Iterator[Probe]:
    """The branch's weights make all four signs of branch and sum happen; no sum is near 0."""
    for name, shape, weight in (
        ("images", (2, 3, 2, 5), [0.7, -1.8, -0.4]),
        ("rows of pixels", (3, 2, 1, 7), [-2.6, 1.3]),
    ):
        random = np.random.default_rng([seed, len(name)])
        x = random.uniform(0.3, 2.0, shape) * random.choice([-1, 1], shape)
        yield Probe(
            name, {"x": x, "weight": np.array(weight) + random.uniform(0, 0.1, len(weight))}
        )


residual = Op(
    "residual",
    {"x": "N C H W", "weight": "C"},
    "N C H W",
    forward=FORWARDS[""],
    gradients={**residual_gx(), **residual_gweight()},
    probes=residual_probes,
    mutants=(
        *(Mutant(f"gx: {key}", key, gradients=residual_gx(key)) for key in SUMS if key),
        *(Mutant(f"backward: {key}", key, gradients={**residual_gx("", key),
                                                      **residual_gweight("", key)})
          for key in OPEN if key),
        *(Mutant(f"gweight: {key}", key, gradients=residual_gweight(key)) for key in FED if key),
        *(Mutant(f"forward: {key}", key.strip(), FORWARDS[key]) for key in FORWARDS if key),
    ),
    names={"changes-input": "input-changed", "gx factor:1": "branch-lost"},
    detectors=(residual_signs,),
)  # fmt: skip
