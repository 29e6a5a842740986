"""The rule of attention, in steps with the wrong forms that each may take."""

from collections.abc import Callable

import numpy as np

from ..op import Array, Call
from .steps import Step, right

Rule = Callable[..., Array]


def turn(a: Array) -> Array:
    return a.swapaxes(-1, -2)


def softmax(s: Array, axis: int = -1) -> Array:
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def usual_scale(c: Call) -> float:
    return 1 / np.sqrt(c.q.shape[-1])


SCALE: Step = (
    ("", usual_scale),
    ("attention-scale:1/D", lambda c: 1 / c.q.shape[-1]),
    ("attention-scale:1", lambda c: 1.0),
    ("attention-scale:1/sqrt(T)", lambda c: 1 / np.sqrt(c.q.shape[-2])),
    ("attention-scale:sqrt(D)", lambda c: np.sqrt(c.q.shape[-1])),
    ("attention-scale:1/sqrt(B)", lambda c: 1 / np.sqrt(len(c.q))),
    ("attention-scale:-1/sqrt(D)", lambda c: -1 / np.sqrt(c.q.shape[-1])),
)
SOFTMAX: Step = (
    ("", softmax),
    ("softmax-axis:queries", lambda s: softmax(s, -2)),
    ("softmax-axis:the batch", lambda s: softmax(s, 0)),
    ("softmax-missing", lambda s: s),
    ("softmax-missing", np.exp),
    (
        "softmax-axis:queries and keys together",
        lambda s: np.exp(s) / np.exp(s).sum((-1, -2), keepdims=True),
    ),
    ("softmax-missing", lambda s: 1 / (1 + np.exp(-s))),
)
WEIGHTED: Step = (
    ("", lambda p, c: p @ c.v),
    ("weights-transposed", lambda p, c: turn(p) @ c.v),
    ("values-mixed-up", lambda p, c: p @ c.k),
    ("values-mixed-up", lambda p, c: p @ c.q),
)
SCORES: Step = (
    ("", lambda c: c.q @ turn(c.k)),
    ("scores-transposed", lambda c: c.k @ turn(c.q)),
    ("scores-mixed-up", lambda c: c.q @ turn(c.q)),
    ("scores-mixed-up", lambda c: c.q @ turn(c.v)),
)
FORWARD = (SCORES, SCALE, SOFTMAX, WEIGHTED)

JACOBIAN: Step = (
    ("", lambda p, d: p * (d - (p * d).sum(-1, keepdims=True))),
    ("softmax-sum-missing", lambda p, d: p * d),
    ("softmax-derivative-missing", lambda p, d: d),
    ("softmax-backward-wrong", lambda p, d: p * (1 - p) * d),
    ("softmax-backward-axis", lambda p, d: p * (d - (p * d).sum(-2, keepdims=True))),
    ("softmax-backward-wrong", lambda p, d: p * (d - d.sum(-1, keepdims=True))),
    ("softmax-backward-wrong", lambda p, d: p * (d - (p * d).mean(-1, keepdims=True))),
    ("softmax-backward-wrong", lambda p, d: d - (p * d).sum(-1, keepdims=True)),
)
BACK_SCALE: Step = (
    ("", lambda c: c.scale),
    ("attention-backward-scale:1", lambda c: 1.0),
    ("attention-backward-scale:1/D", lambda c: 1 / c.q.shape[-1]),
    ("attention-backward-scale:sqrt(D)", lambda c: np.sqrt(c.q.shape[-1])),
    ("attention-backward-scale:1/sqrt(T)", lambda c: 1 / np.sqrt(c.q.shape[-2])),
)
REACHED: Step = (
    ("", lambda gy, c: gy @ turn(c.v)),
    ("upstream-mixed-up", lambda gy, c: gy @ turn(c.k)),
    ("upstream-mixed-up", lambda gy, c: c.v @ turn(gy)),
)
GQ_USES: Step = (
    ("", lambda ds, c: ds @ c.k),
    ("score-gradient-transposed", lambda ds, c: turn(ds) @ c.k),
    ("query-for-key", lambda ds, c: ds @ c.q),
)
GK_USES: Step = (
    ("", lambda ds, c: turn(ds) @ c.q),
    ("score-gradient-transposed", lambda ds, c: ds @ c.q),
    ("query-for-key", lambda ds, c: turn(ds) @ c.k),
)
GV_USES: Step = (
    ("", lambda gy, c: turn(c.p) @ gy),
    ("weights-not-transposed", lambda gy, c: c.p @ gy),
    ("value-weights-wrong", lambda gy, c: gy),
    ("value-weights-wrong", lambda gy, c: turn(c.scores) @ gy),
    ("value-weights-wrong", lambda gy, c: turn(softmax(c.scores, -2)) @ gy),
    ("value-weights-wrong", lambda gy, c: gy.sum(-2, keepdims=True) + 0 * c.v),
)
GQ = (REACHED, JACOBIAN, BACK_SCALE, GQ_USES)
GK = (REACHED, JACOBIAN, BACK_SCALE, GK_USES)


def forward(c: Call, *forms: Rule) -> Array:
    scores, scale, normalise, weigh = forms or right(FORWARD)
    c.scale = scale(c)
    c.scores = scores(c) * c.scale
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
