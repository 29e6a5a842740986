"""The update rules, in steps with the wrong forms that each may take."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import Array, Call
from .steps import Step

Rule = Callable[..., Any]


def sgd(c: Call) -> Array:
    grad = c.grad + c.weight_decay * c.param
    velocity = c.momentum * c.state + grad
    return np.stack([c.param - c.lr * velocity, velocity])


def decayed(c: Call) -> Array:
    return c.grad + c.weight_decay * c.param


def adam(c: Call) -> Array:
    m, v = moments(c, decayed(c))
    return np.stack([c.param - c.lr * step(c, m, v), m, v])


def adamw(c: Call) -> Array:
    m, v = moments(c, c.grad)
    return np.stack([c.param * (1 - c.lr * c.weight_decay) - c.lr * step(c, m, v), m, v])


def moments(c: Call, grad: Array) -> tuple[Array, Array]:
    (b1, b2), (m, v) = c.betas, c.state
    return b1 * m + (1 - b1) * grad, b2 * v + (1 - b2) * grad**2


def step(c: Call, m: Array, v: Array) -> Array:
    (b1, b2), t = c.betas, c.t
    return (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + c.eps)


# The parameter's step of Adam, from the new moments: correction, root and epsilon, decay, use.
CORRECTION: Step = (
    ("", lambda c: tuple(1 - b**c.t for b in c.betas)),
    ("bias-correction-missing", lambda c: (1.0, 1.0)),
    ("bias-correction-missing", lambda c: (1 - c.betas[0] ** c.t, 1.0)),
    ("bias-correction-missing", lambda c: (1.0, 1 - c.betas[1] ** c.t)),
    ("bias-correction-t", lambda c: tuple(1 - b ** (c.t + 1) for b in c.betas)),
    ("bias-correction-t", lambda c: tuple(1 - b ** (c.t - 1) for b in c.betas)),
    ("bias-correction-t", lambda c: (1 - c.betas[0] ** (c.t - 1), 1 - c.betas[1] ** c.t)),
    ("bias-correction-t", lambda c: (1 - c.betas[0] ** c.t, 1 - c.betas[1] ** (c.t - 1))),
    ("bias-correction-not-power", lambda c: tuple(1 - b for b in c.betas)),
    ("betas-swapped", lambda c: tuple(1 - b**c.t for b in c.betas[::-1])),
    ("bias-correction-multiplied", lambda c: tuple(1 / (1 - b**c.t) for b in c.betas)),
)
ROOT: Step = (
    ("", lambda m, v, cm, cv, eps: m / cm / (np.sqrt(v / cv) + eps)),
    ("adam-eps-inside-root", lambda m, v, cm, cv, eps: m / cm / np.sqrt(v / cv + eps)),
    (
        "adam-eps-before-correction",
        lambda m, v, cm, cv, eps: m / cm * np.sqrt(cv) / (np.sqrt(v) + eps),
    ),
    ("adam-eps-missing", lambda m, v, cm, cv, eps: m / cm / np.sqrt(v / cv)),
    ("adam-root-missing", lambda m, v, cm, cv, eps: m / cm / (v / cv + eps)),
    ("adam-not-divided", lambda m, v, cm, cv, eps: m / cm),
)
MOMENTS: Step = (
    ("", lambda c, m, v: (m, v)),
    ("old-moments-used", lambda c, m, v: (c.state[0], c.state[1])),
    ("old-moments-used", lambda c, m, v: (m, c.state[1])),
    ("gradient-for-moment", lambda c, m, v: (c.grad, v)),
    ("gradient-for-moment", lambda c, m, v: (decayed(c), v)),
)
USE: Step = (
    ("", lambda c, step: -c.lr * step),
    ("update-sign", lambda c, step: c.lr * step),
    ("lr-missing", lambda c, step: -step),
    ("lr-twice", lambda c, step: -(c.lr**2) * step),
    ("parameter-not-updated", lambda c, step: 0 * step),
)
NO_DECAY: Step = (
    ("", lambda c: 0.0),
    ("decay-decoupled", lambda c: -c.lr * c.weight_decay * c.param),
    ("decay-decoupled", lambda c: -c.weight_decay * c.param),
)
DECAY: Step = (
    ("", lambda c: -c.lr * c.weight_decay * c.param),
    ("decay-missing", lambda c: 0.0),
    ("decay-without-lr", lambda c: -c.weight_decay * c.param),
    ("decay-sign", lambda c: c.lr * c.weight_decay * c.param),
    ("decay-of-gradient", lambda c: -c.lr * c.weight_decay * c.grad),
)


def new_parameter(c: Call, m: Array, v: Array, forms: tuple[Rule, ...]) -> Array:
    which, correction, root, use, decay = forms
    cm, cv = correction(c)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = use(c, root(*which(c, m, v), cm, cv, c.eps))
    return c.param + change + decay(c)


def parameter_steps(coupled: bool) -> tuple[Step, ...]:
    return MOMENTS, CORRECTION, ROOT, USE, NO_DECAY if coupled else DECAY
