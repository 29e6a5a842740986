"""Typical bugs of update rules."""

from collections.abc import Callable, Iterator

import numpy as np

from ..op import Array, Call, Mutant
from .steps import replaced_once
from .update_rule import Rule, adam, adamw, decayed, moments, new_parameter, parameter_steps, step


def sgd_bug(velocity: Rule, change: Rule) -> Callable[[Call], Array]:
    """The step from the new velocity, and what is added to the parameter."""

    def forward(c: Call) -> Array:
        v = velocity(c)
        return np.stack([c.param + change(c, v), v])

    return forward


def right_velocity(c: Call) -> Array:
    return c.momentum * c.state + decayed(c)


def right_change(c: Call, v: Array) -> Array:
    return -c.lr * v


VELOCITIES: tuple[tuple[str, str, Rule], ...] = (
    ("no decay", "decay-missing", lambda c: c.momentum * c.state + c.grad),
    ("decay sign", "decay-sign",
     lambda c: c.momentum * c.state + c.grad - c.weight_decay * c.param),
    ("momentum missing", "momentum-missing", decayed),
    ("velocity summed", "momentum-factor-missing", lambda c: c.state + decayed(c)),
    ("moving average", "momentum-averaged",
     lambda c: c.momentum * c.state + (1 - c.momentum) * decayed(c)),
    ("momentum on the gradient", "momentum-swapped",
     lambda c: c.state + c.momentum * decayed(c)),
    ("momentum on both", "momentum-swapped", lambda c: c.momentum * (c.state + decayed(c))),
    ("weights swapped", "momentum-swapped",
     lambda c: (1 - c.momentum) * c.state + c.momentum * decayed(c)),
    ("gradient subtracted", "momentum-sign", lambda c: c.momentum * c.state - decayed(c)),
    ("velocity not kept", "state-not-updated", lambda c: c.state),
)  # fmt: skip
SGD_MUTANTS = (
    *(Mutant(name, bug, sgd_bug(rule, right_change)) for name, bug, rule in VELOCITIES),
    Mutant("lr in the velocity", "velocity-holds-lr",
           sgd_bug(lambda c: c.momentum * c.state + c.lr * decayed(c), lambda c, v: -v)),
    Mutant("ascent", "update-sign", sgd_bug(right_velocity, lambda c, v: c.lr * v)),
    Mutant("lr missing", "lr-missing", sgd_bug(right_velocity, lambda c, v: -v)),
    Mutant("old velocity used", "old-moments-used",
           sgd_bug(right_velocity, lambda c, v: -c.lr * c.state)),
    Mutant("gradient used", "gradient-for-moment",
           sgd_bug(right_velocity, lambda c, v: -c.lr * decayed(c))),
    Mutant("parameter kept", "parameter-not-updated", sgd_bug(right_velocity, lambda c, v: 0 * v)),
    Mutant("Nesterov", "nesterov",
           sgd_bug(right_velocity, lambda c, v: -c.lr * (decayed(c) + c.momentum * v))),
    Mutant("decay beside", "decay-decoupled",
           sgd_bug(lambda c: c.momentum * c.state + c.grad,
                   lambda c, v: -c.lr * v - c.lr * c.weight_decay * c.param),
           also=("decay-missing",)),
)  # fmt: skip


def with_moments(rule: Rule, coupled: bool) -> Rule:
    """Adam or AdamW with other moments (m, v), all else right."""

    def forward(c: Call) -> Array:
        m, v = rule(c, decayed(c) if coupled else c.grad)
        decay = 0 if coupled else c.lr * c.weight_decay * c.param
        return np.stack([c.param - c.lr * step(c, m, v) - decay, m, v])

    return forward


def swapped_betas(c: Call, g: Array) -> tuple[Array, Array]:
    (b2, b1), (m, v) = c.betas, c.state
    return b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2


def other_weights(c: Call, g: Array) -> tuple[Array, Array]:
    (b1, b2), (m, v) = c.betas, c.state
    return (1 - b1) * m + b1 * g, (1 - b2) * v + b2 * g**2


def no_new_weight(c: Call, g: Array) -> tuple[Array, Array]:
    (b1, b2), (m, v) = c.betas, c.state
    return b1 * m + g, b2 * v + g**2


def no_square(c: Call, g: Array) -> tuple[Array, Array]:
    return moments(c, g)[0], c.betas[1] * c.state[1] + (1 - c.betas[1]) * np.abs(g)


def square_of_moment(c: Call, g: Array) -> tuple[Array, Array]:
    m, _ = moments(c, g)
    return m, c.betas[1] * c.state[1] + (1 - c.betas[1]) * m**2


def forgotten(c: Call, g: Array) -> tuple[Array, Array]:
    (b1, b2), _ = c.betas, c.state
    return (1 - b1) * g, (1 - b2) * g**2


def coupled_second_only(c: Call, g: Array) -> tuple[Array, Array]:
    return moments(c, c.grad)[0], moments(c, decayed(c))[1]


def corrected_kept(c: Call) -> Array:
    """The corrected moments are written back: the next step corrects them once more."""
    y = adam(c)
    (b1, b2), (_, m, v) = c.betas, y
    return np.stack([y[0], m / (1 - b1**c.t), v / (1 - b2**c.t)])


MOMENT_BUGS: tuple[tuple[str, str, Rule], ...] = (
    ("betas swapped", "betas-swapped", swapped_betas),
    ("beta and 1 - beta swapped", "beta-complement", other_weights),
    ("1 - beta missing", "moment-weight-missing", no_new_weight),
    ("not squared", "second-moment-not-squared", no_square),
    ("squares the moment", "second-moment-of-moment", square_of_moment),
    ("moments forgotten", "moments-forgotten", forgotten),
    ("moments not kept", "state-not-updated", lambda c, g: tuple(c.state)),
)


def parameter_mutants(coupled: bool) -> Iterator[Mutant]:
    """Each wrong form of each step from the moments to the parameter."""
    for name, key, forms in replaced_once(parameter_steps(coupled)):
        if key != "decay-decoupled":
            yield Mutant(f"parameter: {name}", key, parameter_bug(tuple(forms), coupled))


def parameter_bug(forms: tuple[Rule, ...], coupled: bool) -> Callable[[Call], Array]:
    def forward(c: Call) -> Array:
        m, v = moments(c, decayed(c) if coupled else c.grad)
        return np.stack([new_parameter(c, m, v, forms), m, v])

    return forward


ADAM_MUTANTS = (
    *(Mutant(name, bug, with_moments(rule, True)) for name, bug, rule in MOMENT_BUGS),
    *parameter_mutants(True),
    Mutant("corrected moments kept", "corrected-moments-kept", corrected_kept),
    Mutant("AdamW", "decay-decoupled", adamw),
    Mutant("decay missing", "decay-missing", with_moments(lambda c, g: moments(c, c.grad), True)),
    Mutant("decay in one moment", "decay-in-one-moment",
           with_moments(coupled_second_only, True)),
)  # fmt: skip
ADAMW_MUTANTS = (
    *(Mutant(name, bug, with_moments(rule, False)) for name, bug, rule in MOMENT_BUGS),
    *parameter_mutants(False),
    Mutant("Adam", "decay-coupled", adam),
    Mutant("decay twice", "decay-coupled",
           with_moments(lambda c, g: moments(c, decayed(c)), False)),
)  # fmt: skip
