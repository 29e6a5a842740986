"""What wrong numbers of attention say: which step was replaced, and what scale the scores have."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..report import Sign
from .attention_rule import FORWARD, GK, GQ, GV_USES, SCALE, forward, gk, gq, gv, softmax, turn
from .steps import explained, worst


def backward_steps(case: Case) -> Iterator[Sign]:
    c, gy = case.call, case.gy
    for name, rule, steps in (("q", gq, GQ), ("k", gk, GK), ("v", gv, (GV_USES,))):
        if name in case.given:
            yield from explained(case, name, steps, lambda *forms: rule(gy, c, *forms))
    swapped = {"q": gk(gy, c), "k": gq(gy, c)}
    for name, rule_of_other in swapped.items():
        if name in case.wrong() and case.close(case.given[name], rule_of_other):
            evidence = worst(case.given[name], case.right[name])
            yield case.sign("query-key-gradients-swapped", f"g{name}", evidence, 2)


def forward_steps(case: Case) -> Iterator[Sign]:
    c = type(case.call)(**vars(case.call))  # the steps write on the call
    yield from explained(case, "forward", FORWARD, lambda *forms: forward(c, *forms))


def forward_scale(case: Case) -> Iterator[Sign]:
    """The weights P read off from y = P v, and by what number the scores were multiplied."""
    c = case.call
    if case.y.shape != c.y.shape or case.close(case.y, c.y):
        return
    p = case.y @ np.linalg.pinv(c.v)
    scores = c.q @ turn(c.k)
    if (p <= 0).any() or not np.allclose(p @ c.v, case.y, rtol=1e-6):
        return
    log, scores = (a - a.mean(-1, keepdims=True) for a in (np.log(p), scores))
    scale = float((log * scores).sum() / (scores**2).sum())
    named = any(np.isclose(scale, rule(c), rtol=1e-6) for rule in SCALE.values())
    if case.close(softmax(scale * scores), p) and not named:
        evidence = f"the scores are multiplied by {scale:.6g}, not {1 / np.sqrt(c.q.shape[-1]):.6g}"
        yield case.sign("scale-wrong", "forward", evidence, 2)
