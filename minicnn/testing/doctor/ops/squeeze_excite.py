"""Squeeze and excitation with one layer: every channel is scaled by a gate that sees all of them.

m = mean over H and W of x, z = m weight^T, s = sigmoid(z), y = x * s.  With q = sum over H and W
of gy * x, the gate's own gradient, and r = q s (1 - s):

    gx = gy * s + (r weight) / (H W),  gweight = r^T m

Source: Hu, Shen and Sun 2018, equations 2 to 4 (there with two layers).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import Step, explained, replaced_once, right

Rule = Callable[..., Any]


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def wide(a: Array) -> Array:
    """(N, C) beside (N, C, H, W)."""
    return a[:, :, None, None]


def forward(c: Call, *forms: Rule) -> Array:
    pool, layer, gate, use = forms or right(FORWARD)
    c.m = pool(c.x)
    c.z = layer(c.m, c.weight)
    c.s = gate(c.z)
    return use(c.x, wide(c.s))


POOL: Step = (
    ("", lambda x: x.mean((2, 3))),
    ("pooled-not-mean", lambda x: x.sum((2, 3))),
    ("pooled-not-mean", lambda x: x.max((2, 3))),
    ("pooled-wrong-axes", lambda x: x.mean((0, 2, 3)) + np.zeros((len(x), 1))),
    ("pooled-wrong-axes", lambda x: x.mean((1, 2, 3))[:, None] + np.zeros(x.shape[:2])),
    ("pooled-wrong-axes", lambda x: x[:, :, 0, 0]),
)
LAYER: Step = (
    ("", lambda m, w: m @ w.T),
    ("gate-weight-transposed", lambda m, w: m @ w),
    ("gate-weight-lost", lambda m, w: m),
)
GATE: Step = (
    ("", sigmoid),
    ("gate-not-sigmoid", lambda z: np.maximum(z, 0)),
    ("gate-not-sigmoid", lambda z: z),
    ("gate-not-sigmoid", np.tanh),
    ("gate-not-sigmoid", lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True)),
)
USE: Step = (
    ("", lambda x, s: x * s),
    ("gate-use-wrong", lambda x, s: x + s),
    ("gate-use-wrong", lambda x, s: x * (1 + s)),
    ("gate-use-wrong", lambda x, s: s + 0 * x),
)

# The backward pass: the direct path, what reaches the gate, its derivative, the layer, the mean.
DIRECT: Step = (
    ("", lambda c: wide(c.s)),
    ("direct-path-missing", lambda c: 0.0),
    ("direct-path-unscaled", lambda c: 1.0),
)
REACHES: Step = (
    ("", lambda gy, c: (gy * c.x).sum((2, 3))),
    ("gate-gradient-wrong", lambda gy, c: gy.sum((2, 3))),
    ("gate-gradient-wrong", lambda gy, c: (gy * c.x).mean((2, 3))),
    ("gate-gradient-wrong", lambda gy, c: (gy * c.x * wide(c.s)).sum((2, 3))),
    ("gate-path-missing", lambda gy, c: np.zeros(c.x.shape[:2])),
)
SLOPE: Step = (
    ("", lambda c: c.s * (1 - c.s)),
    ("gate-derivative-wrong", lambda c: 1.0),
    ("gate-derivative-wrong", lambda c: c.s),
    ("gate-derivative-wrong", lambda c: 1 - c.s),
    ("gate-derivative-wrong", lambda c: c.z * (1 - c.z)),
    ("gate-derivative-wrong", lambda c: 1 - c.s**2),
)
BACK: Step = (
    ("", lambda r, c: r @ c.weight),
    ("gate-weight-transposed", lambda r, c: r @ c.weight.T),
    ("gate-weight-lost", lambda r, c: r),
)
SPREAD: Step = (
    ("", lambda c: 1 / c.x[0, 0].size),
    ("pooled-mean-backward", lambda c: 1.0),
    ("pooled-mean-backward", lambda c: 1 / len(c.x)),
)
SQUEEZED: Step = (
    ("", lambda c: c.m),
    ("pooled-not-mean", lambda c: c.x.sum((2, 3))),
    ("gweight-uses-gate", lambda c: c.s),
    ("gweight-uses-gate", lambda c: c.z),
)
TURNED: Step = (("", lambda a: a), ("transposed", lambda a: a.T))
AVERAGED: Step = (("", lambda c: 1.0), ("ratio:1/N", lambda c: 1 / len(c.x)))


FORWARD = (POOL, LAYER, GATE, USE)
GX = (DIRECT, REACHES, SLOPE, BACK, SPREAD)
GWEIGHT = (REACHES, SLOPE, SQUEEZED, TURNED, AVERAGED)


def gx(gy: Array, c: Call, *forms: Rule) -> Array:
    direct, reaches, slope, back, spread = forms or right(GX)
    return gy * direct(c) + wide(back(reaches(gy, c) * slope(c), c)) * spread(c)


def gweight(gy: Array, c: Call, *forms: Rule) -> Array:
    reaches, slope, m, turn, n = forms or right(GWEIGHT)
    return turn((reaches(gy, c) * slope(c)).T @ m(c)) * n(c)


def output(forms: list[Rule]) -> Rule:
    return lambda c: forward(c, *forms)


def gradient(rule: Rule, forms: list[Rule]) -> Rule:
    return lambda gy, c: rule(gy, c, *forms)


def signs(case: Case) -> Iterator[Sign]:
    """Which step of gate or paths was replaced."""
    c = Call(**vars(case.call))  # the steps write on their call
    yield from explained(case, "x", GX, partial(gx, case.gy, case.call))
    yield from explained(case, "weight", GWEIGHT, partial(gweight, case.gy, case.call))
    yield from explained(case, "forward", FORWARD, partial(forward, c))


def probes(seed: int) -> Iterator[Probe]:
    for name, shape in (("images", (5, 3, 2, 7)), ("tall", (3, 5, 7, 2))):
        random = np.random.default_rng([seed, len(name)])
        weight = random.standard_normal((shape[1], shape[1]))
        yield Probe(name, {"x": 0.4 + random.standard_normal(shape), "weight": weight})


squeeze_excite = Op(
    "squeeze_excite",
    {"x": "N C H W", "weight": "O I"},
    "N C H W",
    forward=forward,
    gradients={"x": gx, "weight": gweight},
    probes=probes,
    mutants=(
        *(Mutant(f"forward: {name}", key, output(forms), also=("gate-derivative-wrong",))
          for name, key, forms in replaced_once(FORWARD)),
        *(Mutant(f"gx: {name}", key, gradients={"x": gradient(gx, forms)})
          for name, key, forms in replaced_once(GX)),
        *(Mutant(f"gweight: {name}", key, gradients={"weight": gradient(gweight, forms)})
          for name, key, forms in replaced_once(GWEIGHT)),
    ),
    constants=lambda c: {"H*W": c.x[0, 0].size, "1/(H*W)": 1 / c.x[0, 0].size},
    names={"gweight ratio:1/(H*W)": "gate-gradient-wrong", "gweight ratio:H*W": "pooled-not-mean"},
    detectors=(signs,),
)  # fmt: skip
OPS = (squeeze_excite,)
