"""What wrong numbers of attention say: which step was replaced, and what scale the scores have."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ..case import Case
from ..op import Call
from ..report import Sign
from .attention_rule import FORWARD, GK, GQ, GV_USES, SCALE, forward, gk, gq, gv, softmax, turn
from .steps import agree, explained, is_right, numbers, worst


def backward_steps(case: Case) -> Iterator[Sign]:
    """Which step on the way back was replaced, and whether gq and gk changed places."""
    c, gy = case.call, case.gy
    for name, rule, steps in (("q", gq, GQ), ("k", gk, GK), ("v", gv, (GV_USES,))):
        yield from explained(case, name, steps, partial(rule, gy, c))
    for name, rule in (("q", gk), ("k", gq)):
        if not is_right(case, name) and agree(case, name, rule(gy, c)):
            evidence = worst(*numbers(case, name))
            yield case.sign("query-key-gradients-swapped", f"g{name}", evidence, 2)


def forward_steps(case: Case) -> Iterator[Sign]:
    """Which step of the forward pass was replaced."""
    c = Call(**vars(case.call))  # the steps write on their call
    yield from explained(case, "forward", FORWARD, partial(forward, c))


def forward_scale(case: Case) -> Iterator[Sign]:
    """The weights P read off from y = P v, and by what number the scores were multiplied."""
    c = case.call
    if is_right(case, "forward"):
        return
    p = case.y @ np.linalg.pinv(c.v)
    scores = c.q @ turn(c.k)
    if (p <= 0).any() or not np.allclose(p @ c.v, case.y, rtol=1e-6):
        return
    log, scores = (a - a.mean(-1, keepdims=True) for a in (np.log(p), scores))
    scale = float((log * scores).sum() / (scores**2).sum())
    named = any(np.isclose(scale, rule(c), rtol=1e-6) for _, rule in SCALE)
    if case.close(softmax(scale * scores), p) and not named:
        evidence = f"the scores are multiplied by {scale:.6g}, not {1 / np.sqrt(c.q.shape[-1]):.6g}"
        yield case.sign(f"attention-scale:{scale:.4g}", "forward", evidence, 2)
