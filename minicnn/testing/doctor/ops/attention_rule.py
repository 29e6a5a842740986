"""The rule of attention, in steps with the wrong forms that each may take."""

from collections.abc import Callable

import numpy as np

from ..op import Array, Call
from .steps import Step

Rule = Callable[..., Array]


def turn(a: Array) -> Array:
    return a.swapaxes(-1, -2)


def softmax(s: Array, axis: int = -1) -> Array:
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


SCALE: Step = {
    "": lambda c: 1 / np.sqrt(c.q.shape[-1]),
    "scaled-by-D": lambda c: 1 / c.q.shape[-1],
    "scale-missing": lambda c: 1.0,
    "scaled-by-T": lambda c: 1 / np.sqrt(c.q.shape[-2]),
    "scale-multiplied": lambda c: np.sqrt(c.q.shape[-1]),
    "scaled-by-B": lambda c: 1 / np.sqrt(len(c.q)),
    "scale-sign": lambda c: -1 / np.sqrt(c.q.shape[-1]),
}
SOFTMAX: Step = {
    "": softmax,
    "softmax-over-queries": lambda s: softmax(s, -2),
    "softmax-over-batch": lambda s: softmax(s, 0),
    "softmax-missing": lambda s: s,
    "softmax-not-normalised": np.exp,
    "softmax-over-everything": lambda s: np.exp(s) / np.exp(s).sum((-1, -2), keepdims=True),
    "sigmoid-for-softmax": lambda s: 1 / (1 + np.exp(-s)),
}
WEIGHTED: Step = {
    "": lambda p, c: p @ c.v,
    "weights-transposed": lambda p, c: turn(p) @ c.v,
    "values-are-keys": lambda p, c: p @ c.k,
    "values-are-queries": lambda p, c: p @ c.q,
}
SCORES: Step = {
    "": lambda c: c.q @ turn(c.k),
    "scores-transposed": lambda c: c.k @ turn(c.q),
    "scores-of-queries": lambda c: c.q @ turn(c.q),
    "scores-of-values": lambda c: c.q @ turn(c.v),
}
FORWARD = (SCORES, SCALE, SOFTMAX, WEIGHTED)

JACOBIAN: Step = {
    "": lambda p, d: p * (d - (p * d).sum(-1, keepdims=True)),
    "softmax-sum-missing": lambda p, d: p * d,
    "softmax-derivative-missing": lambda p, d: d,
    "softmax-diagonal-only": lambda p, d: p * (1 - p) * d,
    "softmax-backward-axis": lambda p, d: p * (d - (p * d).sum(-2, keepdims=True)),
    "softmax-sum-unweighted": lambda p, d: p * (d - d.sum(-1, keepdims=True)),
    "softmax-sum-averaged": lambda p, d: p * (d - (p * d).mean(-1, keepdims=True)),
    "softmax-factor-missing": lambda p, d: d - (p * d).sum(-1, keepdims=True),
}
BACK_SCALE: Step = {
    "": SCALE[""],
    "scale-lost-in-attention-backward": lambda c: 1.0,
    "scale-twice-in-attention-backward": lambda c: 1 / c.q.shape[-1],
    "scale-multiplied": lambda c: np.sqrt(c.q.shape[-1]),
    "scaled-by-T": SCALE["scaled-by-T"],
}
REACHED: Step = {
    "": lambda gy, c: gy @ turn(c.v),
    "upstream-without-values": lambda gy, c: gy @ turn(c.k),
    "upstream-transposed": lambda gy, c: c.v @ turn(gy),
}
GQ_USES: Step = {
    "": lambda ds, c: ds @ c.k,
    "score-gradient-transposed": lambda ds, c: turn(ds) @ c.k,
    "query-for-key": lambda ds, c: ds @ c.q,
}
GK_USES: Step = {
    "": lambda ds, c: turn(ds) @ c.q,
    "score-gradient-transposed": lambda ds, c: ds @ c.q,
    "query-for-key": lambda ds, c: turn(ds) @ c.k,
}
GV_USES: Step = {
    "": lambda gy, c: turn(c.p) @ gy,
    "weights-not-transposed": lambda gy, c: c.p @ gy,
    "weights-lost": lambda gy, c: gy,
    "weights-before-softmax": lambda gy, c: turn(c.scores) @ gy,
    "weights-over-queries": lambda gy, c: turn(softmax(c.scores, -2)) @ gy,
    "weights-summed": lambda gy, c: gy.sum(-2, keepdims=True) + 0 * c.v,
}
GQ = (REACHED, JACOBIAN, BACK_SCALE, GQ_USES)
GK = (REACHED, JACOBIAN, BACK_SCALE, GK_USES)


def right(steps: tuple[Step, ...]) -> list[Rule]:
    return [step[""] for step in steps]


def forward(c: Call, *forms: Rule) -> Array:
    scores, scale, normalise, weigh = forms or right(FORWARD)
    c.scores = scores(c) * scale(c)
    c.p = normalise(c.scores)
    return weigh(c.p, c)


def through_scores(gy: Array, c: Call, forms: tuple[Rule, ...]) -> Array:
    """gq or gk: by way of the weights, the scores, and the other factor."""
    reached, jacobian, scale, uses = forms
    return uses(jacobian(c.p, reached(gy, c)), c) * scale(c)


def gq(gy: Array, c: Call, *forms: Rule) -> Array:
    return through_scores(gy, c, forms or tuple(right(GQ)))


def gk(gy: Array, c: Call, *forms: Rule) -> Array:
    return through_scores(gy, c, forms or tuple(right(GK)))


def gv(gy: Array, c: Call, *forms: Rule) -> Array:
    (uses,) = forms or right((GV_USES,))
    return uses(gy, c)
