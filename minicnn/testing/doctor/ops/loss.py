"""Losses with a target like x: mse_loss and binary_cross_entropy_with_logits; means over all."""

import numpy as np

from ..op import Array, Call, Mutant, Op, Probe
from .draw import usual
from .loss_rules import (
    ALIASES,
    Wrong,
    by_direction,
    capped,
    of_outputs,
    rule,
    rules,
    upstream_ignored,
)


def _pairs(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("-".join(map(str, shape)), {"x": usual(rng, *shape)}, {"target": usual(rng, *shape)})
        for shape in ((5, 3), (2, 5, 3), (7,))
    ]


def _sizes(c: Call) -> dict[str, float]:
    """ "rest" is the size of one sample, "size" of all."""
    size, n = float(c.x.size), len(c.x)
    return {"size": size, "1/size": 1 / size, "rest": size / n, "1/rest": n / size, "N": n,
            "1/N": 1 / n, "size/2": size / 2, "rest/2": size / n / 2}  # fmt: skip


def _miss(c: Call) -> Array:
    return c.x - c.target


SIZES = {
    "gx ratio:size": "not-divided-by-size", "forward-ratio:size": "not-divided-by-size",
    "gx ratio:rest": "divided-by-batch-not-size", "forward-ratio:rest": "divided-by-batch-not-size",
    "gx ratio:1/size": "divided-by-size-twice", "gx ratio:1/N": "divided-by-size-twice",
    "ratio:-1": "target-minus-prediction", "forward-ratio:-1": "loss-sign",
}  # fmt: skip
_WRONG_MSE: Wrong = {
    "target-lost": lambda c: c.x,
    "target-added": lambda c: c.x + c.target,
    "absolute-error-rule": lambda c: np.sign(_miss(c)),
    "square-not-reduced": lambda c: _miss(c) ** 2,
    "absolute-value": lambda c: np.abs(_miss(c)),
}

mse_loss = Op(
    "mse_loss", {"x": ""}, "", aliases=ALIASES, probes=_pairs, constants=_sizes,
    forward=lambda c: np.asarray((_miss(c) ** 2).mean()),
    gradients={"x": lambda gy, c: gy * 2 * _miss(c) / c.x.size},
    names={
        **SIZES, "gx ratio:1/2": "factor-2-lost", "forward-ratio:1/2": "halved",
        "gx ratio:rest/2": "divided-by-batch-not-size",
        "gx ratio:size/2": "not-divided-by-size", "forward-ratio:rest/2": "halved",
        "forward-ratio:size/2": "halved",
    },
    detectors=(upstream_ignored, by_direction(_WRONG_MSE),
               of_outputs({"root-taken": lambda c: np.sqrt((_miss(c) ** 2).mean()),
                            "absolute-error": lambda c: np.abs(_miss(c)).mean(),
                            "square-of-the-mean": lambda c: _miss(c).mean() ** 2})),
    mutants=(
        *rules(_WRONG_MSE, lambda c: 2 / c.x.size),
        rule("factor_2_lost", "factor-2-lost", lambda c: _miss(c) / c.x.size),
        rule("target_minus_x", "target-minus-prediction", lambda c: -2 * _miss(c) / c.x.size),
        rule("divided_by_n", "divided-by-batch-not-size", lambda c: 2 * _miss(c) / len(c.x)),
        rule("not_divided", "not-divided-by-size", lambda c: 2 * _miss(c)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: 2 * _miss(c) / c.x.size}),
        Mutant("sum", "not-divided-by-size", forward=lambda c: np.asarray((_miss(c) ** 2).sum())),
        Mutant("mean_over_batch", "divided-by-batch-not-size",
               forward=lambda c: np.asarray((_miss(c) ** 2).sum() / len(c.x))),
        Mutant("half", "halved", forward=lambda c: np.asarray((_miss(c) ** 2).mean() / 2),
               gradients={"x": lambda gy, c: gy * _miss(c) / c.x.size}),
        Mutant("root", "root-taken", forward=lambda c: np.sqrt((_miss(c) ** 2).mean())),
        Mutant("absolute", "absolute-error", forward=lambda c: np.abs(_miss(c)).mean()),
        Mutant("square_of_mean", "square-of-the-mean", forward=lambda c: _miss(c).mean() ** 2),
    ),
)  # fmt: skip


# binary_cross_entropy_with_logits


def _binary(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    hard = np.array([[1.0, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 1]])
    far = np.array([-1000.0, -40, 0.5, 40, 1000])
    return [
        Probe("5-3", {"x": usual(rng, 5, 3)}, {"target": hard}),
        Probe("soft labels", {"x": usual(rng, 7)}, {"target": rng.uniform(0.1, 0.9, size=7)}),
        Probe("2-5-3", {"x": usual(rng, 2, 5, 3)}, {"target": np.stack([hard, 1 - hard])}),
        Probe("sure and right", {"x": far}, {"target": np.array([0.0, 0, 1, 1, 1])}, "extreme"),
        Probe("sure and wrong", {"x": far}, {"target": np.array([1.0, 1, 0, 0, 0])}, "extreme"),
    ]


def _binary_cross_entropy(c: Call) -> Array:
    """max(x, 0) - x t + ln(1 + e^-|x|)"""
    e = np.exp(-np.abs(c.x))
    c.p = np.where(c.x >= 0, 1 / (1 + e), e / (1 + e))
    return np.asarray((np.maximum(c.x, 0) - c.x * c.target + np.log1p(e)).mean())


def _by_probability(c: Call, epsilon: float = 0.0) -> Array:
    _binary_cross_entropy(c)
    log_p, log_q = np.log(c.p + epsilon), np.log(1 - c.p + epsilon)
    return np.asarray(-(c.target * log_p + (1 - c.target) * log_q).mean())


def _by_softplus(c: Call) -> Array:
    _binary_cross_entropy(c)
    return np.asarray((np.log(1 + np.exp(c.x)) - c.x * c.target).mean())


def _excess(c: Call) -> Array:
    return c.p - c.target


_WRONG_BCE: Wrong = {
    "target-lost": lambda c: c.p,
    "target-added": lambda c: c.p + c.target,
    "logits-for-probabilities": lambda c: c.x - c.target,
    "sigmoid-slope-twice": lambda c: _excess(c) * c.p * (1 - c.p),
    "stops-at-probability": lambda c: _excess(c) / (c.p * (1 - c.p)),
    "half-of-the-labels-lost": lambda c: c.target * (c.p - 1),
    "square-not-reduced": lambda c: _excess(c) ** 2,
}


def _positive_only(c: Call) -> Array:
    e = np.exp(-np.abs(c.x))
    return np.asarray((c.target * (np.maximum(-c.x, 0) + np.log1p(e))).mean())


binary_cross_entropy_with_logits = Op(
    "binary_cross_entropy_with_logits", {"x": ""}, "", aliases=ALIASES, probes=_binary,
    constants=_sizes, forward=_binary_cross_entropy,
    gradients={"x": lambda gy, c: gy * (c.p - c.target) / c.x.size},
    names={**SIZES, "forward fp-warning": "unstable-formula", "forward nan": "unstable-formula",
           "gx ratio:2": "halved", "forward-ratio:1/2": "halved"},
    detectors=(upstream_ignored, by_direction(_WRONG_BCE),
               by_direction({"half-of-the-labels-lost": lambda c: (1 - c.target) * c.p}),
               of_outputs({"half-of-the-labels-lost": _positive_only}), capped),
    mutants=(
        *rules(_WRONG_BCE, lambda c: 1 / c.x.size),
        rule("target_minus_p", "target-minus-prediction", lambda c: -_excess(c) / c.x.size),
        rule("positives_lost", "half-of-the-labels-lost",
              lambda c: (1 - c.target) * c.p / c.x.size),
        rule("not_divided", "not-divided-by-size", _excess),
        rule("divided_by_n", "divided-by-batch-not-size", lambda c: _excess(c) / len(c.x)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: _excess(c) / c.x.size}),
        Mutant("sum", "not-divided-by-size",
               forward=lambda c: _binary_cross_entropy(c) * c.x.size),
        Mutant("logarithm_of_p", "logarithm-of-zero", forward=_by_probability,
               also=("unstable-formula",)),
        Mutant("logarithm_of_p_plus_epsilon", "logarithm-of-zero", also=("forward-wrong",),
               forward=lambda c: _by_probability(c, 1e-12)),
        Mutant("exp_of_logit", "exp-overflow", forward=_by_softplus, also=("unstable-formula",)),
        Mutant("positive_only", "half-of-the-labels-lost",
               forward=lambda c: _binary_cross_entropy(c) * 0 + _positive_only(c)),
    ),
)  # fmt: skip

OPS = (mse_loss, binary_cross_entropy_with_logits)
