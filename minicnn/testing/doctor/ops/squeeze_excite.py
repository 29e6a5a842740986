"""Squeeze and excitation with one layer: every channel is scaled by a gate that sees all of them.

m = mean over H and W of x, z = m weight^T, s = sigmoid(z), y = x * s.  With q = sum over H and W
of gy * x, the gate's own gradient, and r = q s (1 - s):

    gx = gy * s + (r weight) / (H W),  gweight = r^T m

Source: Hu, Shen and Sun 2018, equations 2 to 4 (there with two layers).
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import Step, explained


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def wide(a: Array) -> Array:
    """(N, C) beside (N, C, H, W)."""
    return a[:, :, None, None]


def forward(c: Call, pool: str = "", layer: str = "", gate: str = "", use: str = "") -> Array:
    c.m = POOL[pool](c.x)
    c.z = LAYER[layer](c.m, c.weight)
    c.s = GATE[gate](c.z)
    return USE[use](c.x, wide(c.s))


POOL: Step = {
    "": lambda x: x.mean((2, 3)),
    "pooled-sum": lambda x: x.sum((2, 3)),
    "pooled-max": lambda x: x.max((2, 3)),
    "pooled-over-batch": lambda x: x.mean((0, 2, 3)) + np.zeros((len(x), 1)),
    "pooled-over-channels": lambda x: x.mean((1, 2, 3))[:, None] + np.zeros(x.shape[:2]),
    "pooled-one-pixel": lambda x: x[:, :, 0, 0],
}
LAYER: Step = {
    "": lambda m, w: m @ w.T,
    "gate-weight-transposed": lambda m, w: m @ w,
    "gate-weight-lost": lambda m, w: m,
}
GATE: Step = {
    "": sigmoid,
    "gate-not-sigmoid": lambda z: np.maximum(z, 0),
    "gate-not-sigmoid ": lambda z: z,
    "gate-not-sigmoid  ": np.tanh,
    "gate-softmax": lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True),
}
USE: Step = {
    "": lambda x, s: x * s,
    "gate-added": lambda x, s: x + s,
    "gate-residual": lambda x, s: x * (1 + s),
    "gate-is-output": lambda x, s: s + 0 * x,
}

# The backward pass: the direct path, what reaches the gate, its derivative, the layer, the mean.
DIRECT: Step = {
    "": lambda c: wide(c.s),
    "direct-path-missing": lambda c: 0.0,
    "direct-path-unscaled": lambda c: 1.0,
}
REACHES: Step = {
    "": lambda gy, c: (gy * c.x).sum((2, 3)),
    "gate-gradient-without-x": lambda gy, c: gy.sum((2, 3)),
    "gate-gradient-averaged": lambda gy, c: (gy * c.x).mean((2, 3)),
    "gate-gradient-uses-y": lambda gy, c: (gy * c.x * wide(c.s)).sum((2, 3)),
    "gate-path-missing": lambda gy, c: np.zeros(c.x.shape[:2]),
}
SLOPE: Step = {
    "": lambda c: c.s * (1 - c.s),
    "gate-derivative-missing": lambda c: 1.0,
    "gate-derivative-wrong": lambda c: c.s,
    "gate-derivative-wrong ": lambda c: 1 - c.s,
    "gate-derivative-wrong  ": lambda c: c.z * (1 - c.z),
    "gate-derivative-wrong   ": lambda c: 1 - c.s**2,
}
BACK: Step = {
    "": lambda r, c: r @ c.weight,
    "gate-weight-transposed": lambda r, c: r @ c.weight.T,
    "gate-weight-lost": lambda r, c: r,
}
SPREAD: Step = {
    "": lambda c: 1 / c.x[0, 0].size,
    "pooled-mean-not-divided": lambda c: 1.0,
    "pooled-mean-divided-by-N": lambda c: 1 / len(c.x),
}
SQUEEZED: Step = {
    "": lambda c: c.m,
    "pooled-sum": lambda c: c.x.sum((2, 3)),
    "gweight-uses-gate": lambda c: c.s,
    "gweight-uses-z": lambda c: c.z,
}
TURNED: Step = {"": lambda a: a, "gweight-transposed": lambda a: a.T}
AVERAGED: Step = {"": lambda c: 1.0, "divided-by-batch": lambda c: 1 / len(c.x)}


def gx(gy: Array, c: Call, *forms: Callable[..., Array]) -> Array:
    direct, reaches, slope, back, spread = forms or right(DIRECT, REACHES, SLOPE, BACK, SPREAD)
    return gy * direct(c) + wide(back(reaches(gy, c) * slope(c), c)) * spread(c)


def gweight(gy: Array, c: Call, *forms: Callable[..., Array]) -> Array:
    reaches, slope, m, turn, n = forms or right(REACHES, SLOPE, SQUEEZED, TURNED, AVERAGED)
    return turn((reaches(gy, c) * slope(c)).T @ m(c)) * n(c)


def right(*steps: Step) -> list[Callable[..., Array]]:
    return [step[""] for step in steps]


GX_STEPS = (DIRECT, REACHES, SLOPE, BACK, SPREAD)
GWEIGHT_STEPS = (REACHES, SLOPE, SQUEEZED, TURNED, AVERAGED)


def one_wrong(
    rule: Callable[..., Array], steps: tuple[Step, ...]
) -> Iterator[tuple[str, Callable[[Array, Call], Array]]]:
    """The rule with one step replaced, for every wrong form of every step."""
    for i, step in enumerate(steps):
        for key in step:
            if key:
                forms = [step[key] if j == i else other[""] for j, other in enumerate(steps)]
                yield key, lambda gy, c, forms=forms: rule(gy, c, *forms)


def forward_mutants() -> Iterator[Mutant]:
    for word, step in (("pool", POOL), ("layer", LAYER), ("gate", GATE), ("use", USE)):
        for key in step:
            if key:
                yield Mutant(
                    f"forward: {key}", key.strip(), lambda c, w=word, k=key: forward(c, **{w: k})
                )


def signs(case: Case) -> Iterator[Sign]:
    """Which step of gate or paths was replaced."""
    c, gy, found = case.call, case.gy, []
    if "x" in case.given:
        found += explained(case, "x", GX_STEPS, lambda *forms: gx(gy, c, *forms))
    if "weight" in case.given:
        found += explained(case, "weight", GWEIGHT_STEPS, lambda *forms: gweight(gy, c, *forms))
    found += explained(
        case, "forward", (POOL, LAYER, GATE, USE),
        lambda pool, layer, gate, use: use(c.x, wide(gate(layer(pool(c.x), c.weight)))),
    )  # fmt: skip
    for sign in found:
        yield case.sign(sign.bug.strip(), sign.where, sign.evidence, 2)


def probes(seed: int) -> Iterator[Probe]:
    for name, shape in (("images", (5, 3, 2, 7)), ("tall", (3, 5, 7, 2))):
        random = np.random.default_rng([seed, len(name)])
        weight = random.standard_normal((shape[1], shape[1]))
        yield Probe(name, {"x": 0.4 + random.standard_normal(shape), "weight": weight})


squeeze_excite = Op(
    "squeeze_excite",
    {"x": "N C H W", "weight": "C C"},
    "N C H W",
    forward=forward,
    gradients={"x": gx, "weight": gweight},
    probes=probes,
    mutants=(
        *(Mutant(f"gx: {key}", key.strip(), gradients={"x": rule})
          for key, rule in one_wrong(gx, GX_STEPS)),
        *(Mutant(f"gweight: {key}", key.strip(), gradients={"weight": rule})
          for key, rule in one_wrong(gweight, GWEIGHT_STEPS)),
        *forward_mutants(),
    ),
    constants=lambda c: {"H*W": c.x[0, 0].size, "1/(H*W)": 1 / c.x[0, 0].size},
    names={"gweight transposed": "gweight-transposed", "gweight ratio:1/N": "divided-by-batch",
           "gweight ratio:1/(H*W)": "gate-gradient-averaged",
           "gweight ratio:H*W": "pooled-sum"},
    detectors=(signs,),
)  # fmt: skip
