"""Scaled dot-product attention: y = P v,  P = softmax over keys of q k^T / sqrt(D).

With dP = gy v^T and dS = P * (dP - sum over keys of P * dP):

    gq = dS k / sqrt(D),  gk = dS^T q / sqrt(D),  gv = P^T gy

Source: Vaswani and others 2017, equation 1.
"""

from collections.abc import Iterator

import numpy as np

from ..op import Call, Op, Probe
from .attention_bugs import MUTANTS
from .attention_rule import forward, gk, gq, gv
from .attention_signs import backward_steps, forward_scale, forward_steps


def probes(seed: int) -> Iterator[Probe]:
    """Fewer places than features: so the weights P can be read off from y and v."""
    for name, shape in (("three places", (2, 3, 5)), ("five places", (3, 5, 7))):
        random = np.random.default_rng([seed, len(name)])
        yield Probe(name, {key: random.standard_normal(shape) for key in "qkv"})


def constants(c: Call) -> dict[str, float]:
    root = np.sqrt(c.q.shape[-1])
    return {"sqrt(D)": root, "1/sqrt(D)": 1 / root}


attention = Op(
    "attention",
    {"q": "B T D", "k": "B T D", "v": "B T D"},
    "B T D",
    forward=forward,
    gradients={"q": gq, "k": gk, "v": gv},
    probes=probes,
    mutants=MUTANTS,
    constants=constants,
    names={
        f"g{name} ratio:{ratio}": bug
        for name in "qk"
        for ratio, bug in (
            ("sqrt(D)", "attention-backward-scale:1"),
            ("1/sqrt(D)", "attention-backward-scale:1/D"),
        )
    },
    detectors=(backward_steps, forward_steps, forward_scale),
)
OPS = (attention,)
