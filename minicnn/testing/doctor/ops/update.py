"""Update rules of optimizers: one step, forward only.

Inputs are ``param`` (P), ``grad`` (P) and ``state``; there is no gradient to check. y is one array,
the new parameter above the new state:

    sgd_momentum_step  state is the velocity (P):         y = [param, velocity]  (2, P)
    adam_step          state is the two moments (2, P):   y = [param, m, v]      (3, P)
    adamw_step         the same, with decay beside the gradient

``t`` counts steps from 1: a probe with t = 10 is the tenth step. Source: torch.optim's SGD (no
dampening); Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..op import Array, Call, Op, Probe
from .update_bugs import ADAM_MUTANTS, ADAMW_MUTANTS, SGD_MUTANTS
from .update_rule import adam, adamw, sgd
from .update_signs import adam_parameter, first_moment, second_moment, sgd_parameter, velocity

Maker = Callable[[Array, dict[str, Any]], Iterator[tuple[Array, Array]]]


def gradients(seed: int, scale: float, steps: int) -> Array:
    """Gradients of size ``scale``, none near 0, as they came in at each step."""
    random = np.random.default_rng([seed, steps])
    return scale * random.uniform(0.3, 1.5, (steps, 7)) * random.choice([-1, 1], (steps, 7))


def probe(name: str, op: Callable[[Call], Array], seed: int, scale: float, options: dict) -> Probe:
    """The step number t of a run of its own; the state is what the t - 1 steps before left."""
    t = options.get("t", options.pop("step", 1))
    random = np.random.default_rng(seed)
    rows = 2 if "betas" in options else 1
    param = random.uniform(0.5, 2.0, 7) * random.choice([-1, 1], 7)
    state = np.zeros((rows, 7) if rows == 2 else 7)
    for step, grad in enumerate(gradients(seed, scale, t), 1):
        inputs = {"param": param, "grad": grad, "state": state}
        now = {**options, "t": step} if rows == 2 else options
        y = op(Call(**inputs, **now))
        param, state = y[0], y[1:] if rows == 2 else y[1]
    return Probe(name, inputs, now)


def sgd_probes(seed: int) -> Iterator[Probe]:
    for step, decay in ((1, 0.0), (2, 0.0), (10, 0.0), (3, 0.05)):
        name = f"step {step}" + (f", decay {decay}" if decay else "")
        options = {"lr": 0.1, "momentum": 0.8, "weight_decay": decay, "step": step}
        yield probe(name, sgd, seed, 1.0, options)


def adam_probes(op: Callable[[Call], Array]) -> Callable[[int], Iterator[Probe]]:
    def probes(seed: int) -> Iterator[Probe]:
        for t, scale, decay in (
            (1, 1, 0.0),
            (2, 1, 0.0),
            (10, 1, 0.0),
            (3, 1e-7, 0.0),
            (3, 1, 0.05),
        ):
            name = f"t={t}" + ", tiny gradients" * (scale < 1) + f", decay {decay}" * (decay > 0)
            options = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-8, "weight_decay": decay, "t": t}
            yield probe(name, op, seed, scale, options)

    return probes


ALIASES = {
    "learning_rate": "lr", "decay": "weight_decay", "wd": "weight_decay", "mu": "momentum",
    "epsilon": "eps", "step": "t",
}  # fmt: skip
DEFAULTS = {"weight_decay": 0.0}
ADAM_INPUTS = {"param": "P", "grad": "P", "state": "2 P"}
sgd_momentum_step = Op(
    "sgd_momentum_step", {"param": "P", "grad": "P", "state": "P"}, "rows P", sgd, {}, sgd_probes,
    SGD_MUTANTS, detectors=(velocity, sgd_parameter), aliases=ALIASES, defaults=DEFAULTS,
)  # fmt: skip
adam_step = Op(
    "adam_step", ADAM_INPUTS, "rows P", adam, {}, adam_probes(adam), ADAM_MUTANTS,
    detectors=(first_moment, second_moment, adam_parameter), aliases=ALIASES, defaults=DEFAULTS,
)  # fmt: skip
adamw_step = Op(
    "adamw_step", ADAM_INPUTS, "rows P", adamw, {}, adam_probes(adamw), ADAMW_MUTANTS,
    detectors=(first_moment, second_moment, adam_parameter), aliases=ALIASES, defaults=DEFAULTS,
)  # fmt: skip
OPS = (sgd_momentum_step, adam_step, adamw_step)
