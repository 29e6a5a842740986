"""Typical bugs of attention: every step in each of its wrong forms."""

import numpy as np

from ..op import Mutant
from .attention_rule import FORWARD, GK, GQ, GV_USES, Rule, forward, gk, gq, gv
from .steps import replaced_once


def gradient(rule: Rule, forms: list[Rule]) -> Rule:
    return lambda gy, c: rule(gy, c, *forms)


def output(forms: list[Rule]) -> Rule:
    return lambda c: forward(c, *forms)


MUTANTS = (
    *(Mutant(f"forward: {name}", key, output(forms))
      for name, key, forms in replaced_once(FORWARD)),
    *(
        Mutant(f"g{place}: {name}", key, gradients={place: gradient(rule, forms)})
        for place, rule, steps in (("q", gq, GQ), ("k", gk, GK), ("v", gv, (GV_USES,)))
        for name, key, forms in replaced_once(steps)
    ),
    Mutant("gq and gk: scale lost", "attention-backward-scale:1", gradients={
        "q": lambda gy, c: gq(gy, c) * np.sqrt(c.q.shape[-1]),
        "k": lambda gy, c: gk(gy, c) * np.sqrt(c.q.shape[-1]),
    }),
    Mutant("gq and gk swapped", "query-key-gradients-swapped", gradients={"q": gk, "k": gq}),
)  # fmt: skip
