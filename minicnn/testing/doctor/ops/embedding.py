"""Embedding: y[n] = weight[index[n]]; a row that is looked up twice gets both gradients.

gweight[v] = sum over all places n with index[n] = v of gy[n]
"""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import Step, explained, replaced_once


def summed(gy: Array, c: Call) -> Array:
    found = np.zeros_like(c.weight)
    np.add.at(found, c.index, gy)
    return found


def last(gy: Array, c: Call) -> Array:
    found = np.zeros_like(c.weight)
    found[c.index] = gy
    return found


def first(gy: Array, c: Call) -> Array:
    found = np.zeros_like(c.weight)
    found[c.index.ravel()[::-1]] = gy.reshape(-1, gy.shape[-1])[::-1]
    return found


def uses(c: Call) -> Array:
    """How often each row was looked up, never below 1."""
    return np.maximum(1, np.bincount(c.index.ravel(), minlength=len(c.weight)))[:, None]


def rolled(gy: Array, c: Call, by: int) -> Array:
    return np.roll(summed(gy, c), by, axis=0)


def first_row_lost(gy: Array, c: Call) -> Array:
    return summed(gy, c) * (np.arange(len(c.weight)) > 0)[:, None]


def everywhere(gy: Array, c: Call) -> Array:
    return np.broadcast_to(gy.sum(tuple(range(gy.ndim - 1))), c.weight.shape)


RULES: Step = (
    ("", summed),
    ("repeats-overwrite", last),
    ("repeats-first-only", first),
    ("repeats-averaged", lambda gy, c: summed(gy, c) / uses(c)),
    ("repeats-counted-twice", lambda gy, c: summed(gy, c) * uses(c)),
    ("index-off-by-one", lambda gy, c: rolled(gy, c, 1)),
    ("index-off-by-one", lambda gy, c: rolled(gy, c, -1)),
    ("padding-row", first_row_lost),
    ("gradient-everywhere", everywhere),
    ("ratio:1/places", lambda gy, c: summed(gy, c) / c.index.size),
)


SHIFTS: Step = (("", 0), ("index-off-by-one", -1), ("index-off-by-one", 1))


def rows(case: Case) -> Iterator[Sign]:
    """Which row was looked up, and how the gradients of one looked up twice are put together."""
    c = case.call
    yield from explained(case, "weight", (RULES,), lambda rule: rule(case.gy, c))
    yield from explained(
        case, "forward", (SHIFTS,), lambda by: c.weight[(c.index + by) % len(c.weight)]
    )


def probes(seed: int) -> Iterator[Probe]:
    for name, index in (
        ("no repeats", [[3, 1, 6]]),
        ("repeats", [[2, 5, 2], [2, 0, 5]]),
        ("one row", [4, 4, 4, 4, 4]),
    ):
        weight = np.random.default_rng([seed, len(name)]).standard_normal((7, 3))
        yield Probe(name, {"weight": weight}, {"index": np.array(index)})


embedding = Op(
    "embedding",
    {"weight": "V D"},
    "",
    forward=lambda c: c.weight[c.index],
    gradients={"weight": summed},
    probes=probes,
    mutants=(
        *(Mutant(name, key, gradients={"weight": forms[0]})
          for name, key, forms in replaced_once((RULES,))),
        Mutant("looked up from 1", "index-off-by-one", lambda c: c.weight[c.index - 1],
               {"weight": lambda gy, c: rolled(gy, c, -1)}),
    ),
    constants=lambda c: {"places": c.index.size, "1/places": 1 / c.index.size},
    names={"gweight assigns": "repeats-overwrite", "gweight rolled:V": "index-off-by-one"},
    detectors=(rows,),
    aliases={"indices": "index", "ids": "index", "idx": "index", "x": "index"},
)  # fmt: skip
OPS = (embedding,)
