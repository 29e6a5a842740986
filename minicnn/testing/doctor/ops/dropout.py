"""Dropout with a given mask: y = x * mask / (1 - p), gx = gy * mask / (1 - p).

``mask`` is an option, an array of 0 and 1 of x's shape (1: kept), so that the exercise is the same
every time; ``p`` is the probability to drop. The division keeps the mean of y that of x, so that
nothing need be done at test time. Source: Srivastava and others 2014, section 10 ("inverted").
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .steps import is_right, numbers

Factor = Callable[[Call], Array]


def keep(c: Call) -> float:
    return 1 - c.p


def other_mask(c: Call) -> Array:
    return (np.random.default_rng(1).random(c.x.shape) >= c.p) / keep(c)


def reused_mask(c: Call) -> Array:
    return np.broadcast_to(c.mask[:1], c.x.shape) / keep(c)


def probes(seed: int) -> Iterator[Probe]:
    for p in (0.2, 0.5, 0.7):
        random = np.random.default_rng([seed, int(10 * p)])
        x = random.uniform(0.5, 2.0, (5, 7)) * random.choice([-1, 1], (5, 7))
        dropped = random.permutation(35) < round(35 * p)
        yield Probe(f"p={p}", {"x": x}, {"p": p, "mask": 1.0 - dropped.reshape(5, 7)})
    random = np.random.default_rng(seed)
    mask = (random.permutation(84) >= 21).astype(float).reshape(2, 3, 2, 7)
    yield Probe("images", {"x": random.standard_normal((2, 3, 2, 7))}, {"p": 0.25, "mask": mask})


# What a number is multiplied with where it is kept, and where it is dropped.
FACTORS: dict[str, Factor] = {
    "scale missing": lambda c: c.mask,
    "scale twice": lambda c: c.mask / keep(c) ** 2,
    "times keep": lambda c: c.mask * keep(c),
    "over p": lambda c: c.mask / c.p,
    "times p": lambda c: c.mask * c.p,
    "no mask": lambda c: np.ones_like(c.mask),
    "no mask, scaled": lambda c: np.ones_like(c.mask) / keep(c),
    "mask inverted": lambda c: (1 - c.mask) / keep(c),
    "mask inverted, unscaled": lambda c: 1 - c.mask,
    "mask inverted, over p": lambda c: (1 - c.mask) / c.p,
    "other mask": other_mask,
    "one mask for the batch": reused_mask,
    "zero": lambda c: 0 * c.mask,
    "sign": lambda c: -c.mask / keep(c),
}
BACKWARD = {
    "scale missing": "scale-lost-in-backward", "scale twice": "scale-twice-in-backward",
    "times keep": "scale-inverted", "over p": "keep-is-p", "times p": "scale-is-p",
    "no mask": "mask-lost-in-backward", "no mask, scaled": "mask-lost-in-backward",
    "mask inverted": "dropout-mask-inverted", "mask inverted, unscaled": "dropout-mask-inverted",
    "other mask": "other-mask", "one mask for the batch": "other-mask",
}  # fmt: skip
FORWARD = {
    "scale missing": "dropout-not-scaled", "scale twice": "dropout-scaled-twice",
    "times keep": "scale-inverted", "over p": "keep-is-p", "times p": "scale-is-p",
    "no mask": "mask-not-applied", "mask inverted": "dropout-mask-inverted",
    "mask inverted, over p": "dropout-mask-inverted",
}  # fmt: skip


def forward_bug(factor: Factor) -> Callable[[Call], Array]:
    return lambda c: c.x * factor(c)


def gradient_bug(factor: Factor) -> Callable[[Array, Call], Array]:
    return lambda gy, c: gy * factor(c)


MUTANTS = (
    *(
        Mutant(f"backward: {name}", bug, gradients={"x": gradient_bug(FACTORS[name])})
        for name, bug in BACKWARD.items()
    ),
    *(
        Mutant(f"both: {name}", bug, forward_bug(FACTORS[name]), {"x": gradient_bug(FACTORS[name])})
        for name, bug in FORWARD.items()
    ),
    Mutant("forward: no scale", "dropout-not-scaled", forward_bug(FACTORS["scale missing"]),
           also=("scale-twice-in-backward",)),
    Mutant("backward: mask of x", "mask-from-x",
           gradients={"x": lambda gy, c: gy * (c.x > 0) * c.mask / keep(c)}),
)  # fmt: skip


def factors(case: Case) -> Iterator[Sign]:
    """What every number is multiplied with: one constant where kept, one where dropped."""
    c = case.call
    for name, base, where in (("forward", c.x, "forward"), ("x", case.gy, "gx")):
        if is_right(case, name):
            continue
        factor, kept = numbers(case, name)[0] / base, c.mask > 0
        evidence = (
            f"where the mask is 1 the factor is {span(factor[kept])} (1/keep = {1 / keep(c):.4g}), "
            f"where it is 0 it is {span(factor[~kept])}"
        )
        for bug in bugs_of(c, factor, kept, where):
            yield case.sign(bug, where, evidence, 2)


def span(a: Array) -> str:
    low, high = float(a.min()), float(a.max())
    return f"{low:.4g}" if high - low < 1e-6 else f"{low:.4g} to {high:.4g}"


def bugs_of(c: Call, factor: Array, kept: Array, where: str) -> list[str]:
    """All that the two factors can mean; at p = 0.5 keep is p, so that there may be two."""
    names = KEPT | (BACKWARD_WORDS if where == "gx" else FORWARD_WORDS)
    value, rest = factor[kept], factor[~kept]
    if is_all(rest, 0):
        known = constants(c)
        found = [bug for k, bug in names.items() if k in known and is_all(value, known[k])]
        if found or is_all(value, 1 / keep(c)) or is_all(np.abs(value), np.abs(value[0])):
            return found
        return ["mask-from-x"] if where == "gx" and follows_sign(c, value, kept) else []
    if is_all(value, 0):
        return ["dropout-mask-inverted"]
    if np.ptp(value) < 1e-9 and np.ptp(rest) < 1e-9:
        return [names["no mask"]]
    other = np.unique(np.round(np.abs(factor), 9))
    return ["other-mask"] if len(other) == 2 and other[0] == 0 else []


def is_all(a: Array, value: float) -> bool:
    return bool(np.allclose(a, value, rtol=1e-6, atol=1e-9))


def follows_sign(c: Call, value: Array, kept: Array) -> bool:
    """Whether the factor is one number where x is positive, and 0 elsewhere."""
    positive = c.x[kept] > 0
    return is_all(value[~positive], 0) and bool(np.ptp(value[positive]) < 1e-9)


KEPT = {"keep": "scale-inverted", "1/p": "keep-is-p", "p": "scale-is-p"}
BACKWARD_WORDS = {
    "1": "scale-lost-in-backward", "1/keep^2": "scale-twice-in-backward",
    "no mask": "mask-lost-in-backward",
}  # fmt: skip
FORWARD_WORDS = {
    "1": "dropout-not-scaled", "1/keep^2": "dropout-scaled-twice", "no mask": "mask-not-applied",
}  # fmt: skip


def constants(c: Call) -> dict[str, float]:
    k = keep(c)
    found = {"0": 0, "1": 1, "1/keep": 1 / k, "keep": k, "1/keep^2": k**-2, "keep^2": k**2}
    return {**found, "p": c.p, "1/p": 1 / c.p, "keep/p": k / c.p, "p/keep": c.p / k}


dropout = Op(
    "dropout",
    {"x": ""},
    "",
    forward=lambda c: c.x * c.mask / (1 - c.p),
    gradients={"x": lambda gy, c: gy * c.mask / (1 - c.p)},
    probes=probes,
    mutants=MUTANTS,
    constants=constants,
    names={
        "gx ratio:keep": "scale-lost-in-backward",
        "gx ratio:1/keep": "scale-twice-in-backward",
        "gx factor:1": "mask-lost-in-backward",
        "forward-ratio:keep": "dropout-not-scaled",
        "forward-ratio:1/keep": "dropout-scaled-twice",
        "forward-ratio:keep/p": "keep-is-p",
        "random": "mask-not-used",
    },
    detectors=(factors,),
    aliases={"drop_prob": "p", "rate": "p", "drop_rate": "p", "probability": "p"},
)
OPS = (dropout,)
