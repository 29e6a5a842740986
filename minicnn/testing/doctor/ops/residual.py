"""The residual block y = relu(x + weight * x): where the gradients of two paths are added.

The branch is a weight per channel. With g = gy where x + weight * x > 0:

    gx = g + weight * g,  gweight = sum over N, H and W of g * x

Source: He, Zhang, Ren and Sun 2016, equation 1.
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


def channels(c: Call) -> Array:
    return c.weight.reshape(1, -1, 1, 1)


def total(c: Call) -> Array:
    return c.x + channels(c) * c.x


def relu(a: Array) -> Array:
    return np.maximum(a, 0)


# Steps of the block: what is added to what, where ReLU is open, what the branch was fed.
SUMS: Step = (
    ("", lambda c: 1 + channels(c)),
    ("identity-lost", lambda c: channels(c)),
    ("identity-twice", lambda c: 2 + channels(c)),
    ("branch-lost", lambda c: np.ones_like(channels(c))),
    ("branch-twice", lambda c: 1 + 2 * channels(c)),
    ("branch-subtracted", lambda c: 1 - channels(c)),
    ("paths-multiplied", lambda c: (1 + channels(c)) * channels(c)),
    ("branch-weight-lost", lambda c: np.full_like(channels(c), 2.0)),
    ("input-changed", lambda c: (1 + channels(c)) ** 2),
)
OPEN: Step = (
    ("", lambda c: total(c) > 0),
    ("relu-mask-missing", lambda c: np.ones_like(c.x)),
    ("relu-mask-of-x", lambda c: c.x > 0),
    ("relu-mask-of-branch", lambda c: channels(c) * c.x > 0),
    ("relu-mask-inverted", lambda c: total(c) <= 0),
)
FED: Step = (
    ("", lambda c: c.x),
    ("input-changed", total),
    ("branch-input-is-branch", lambda c: c.x * channels(c)),
)


def rectified_branch(c: Call) -> Array:
    return relu(c.x) + relu(channels(c) * c.x)


FORWARDS: Step = (
    ("", lambda c: relu(total(c))),
    ("identity-lost", lambda c: relu(channels(c) * c.x)),
    ("identity-twice", lambda c: relu(2 * c.x + channels(c) * c.x)),
    ("branch-lost", lambda c: relu(c.x)),
    ("branch-subtracted", lambda c: relu(c.x - channels(c) * c.x)),
    ("relu-missing", total),
    ("relu-before-sum", lambda c: c.x + relu(channels(c) * c.x)),
    ("relu-before-sum", rectified_branch),
    ("identity-after-relu", lambda c: relu(total(c)) + c.x),
    ("input-changed", lambda c: relu(2 * total(c))),
)


GX, GWEIGHT = (SUMS, OPEN), (FED, OPEN)


def residual_gx(gy: Array, c: Call, *forms: Rule) -> Array:
    total_slope, is_open = forms or right(GX)
    return gy * is_open(c) * total_slope(c)


def residual_gweight(gy: Array, c: Call, *forms: Rule) -> Array:
    fed, is_open = forms or right(GWEIGHT)
    return (gy * is_open(c) * fed(c)).sum((0, 2, 3))


def gradient(rule: Rule, forms: list[Rule]) -> Rule:
    return lambda gy, c: rule(gy, c, *forms)


def residual_signs(case: Case) -> Iterator[Sign]:
    """Which path of the block is lost, doubled or fed with other numbers."""
    c, gy = case.call, case.gy
    yield from explained(case, "x", GX, partial(residual_gx, gy, c))
    yield from explained(case, "weight", GWEIGHT, partial(residual_gweight, gy, c))
    yield from explained(case, "forward", (FORWARDS,), lambda rule: rule(c))


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
    forward=lambda c: relu(total(c)),
    gradients={"x": residual_gx, "weight": residual_gweight},
    probes=residual_probes,
    mutants=(
        *(Mutant(f"gx: {name}", key, gradients={"x": gradient(residual_gx, forms)})
          for name, key, forms in replaced_once(GX)),
        *(Mutant(f"gweight: {name}", key, gradients={"weight": gradient(residual_gweight, forms)})
          for name, key, forms in replaced_once(GWEIGHT)),
        *(Mutant(f"forward: {name}", key, forms[0])
          for name, key, forms in replaced_once((FORWARDS,))),
    ),
    names={"gx factor:1": "branch-lost"},
    detectors=(residual_signs,),
)  # fmt: skip
OPS = (residual,)
