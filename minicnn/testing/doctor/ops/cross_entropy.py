"""cross_entropy of logits (N, C) and class numbers, the option ``target`` (N,): the mean loss."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .detect import forward_equals, forward_is_right, proportional
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


def _labelled(seed: int) -> list[Probe]:
    """Some classes occur twice, some never."""
    rng = np.random.default_rng(seed)
    sure = np.array([[743.5, 0, 1], [0, 1, 743.5], [2, 0, 1]])  # e^-743.5 has one digit
    scales = usual(rng, 3, 5) + np.array([[0.0], [-740.0], [-742.0]])
    rows = {
        "N 5, C 3": (usual(rng, 5, 3), [2, 0, 0, 2, 2], "usual"),
        "N 3, C 7": (usual(rng, 3, 7), [6, 0, 3], "usual"),
        "square": (usual(rng, 3, 3), [1, 1, 0], "usual"),
        "large": (usual(rng, 2, 5) + 1000.0, [4, 0], "extreme"),
        "rows of different scales": (scales, [0, 3, 1], "extreme"),
        "sure and wrong": (sure, [1, 0, 2], "extreme"),
    }
    return [
        Probe(name, {"x": x}, {"target": np.array(t)}, kind=kind)
        for name, (x, t, kind) in rows.items()
    ]


def one_hot(c: Call) -> Array:
    return (np.arange(c.x.shape[1]) == c.target[:, None]) * 1.0


def _of_label(table: Array, c: Call) -> Array:
    return table[np.arange(len(table)), c.target]


def _cross_entropy(c: Call, axis: int = 1) -> Array:
    """ln p = z - ln sum e^z for z = x - max x; the loss is the mean of -ln p[label]"""
    z = c.x - c.x.max(axis=axis, keepdims=True)
    c.log_p = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    c.p = np.exp(c.log_p)
    return np.asarray(-_of_label(c.log_p, c).mean())


def _by_quotient(c: Call, shift: Array | float, epsilon: float = 0.0) -> Array:
    e = np.exp(c.x - shift)
    c.p = e / e.sum(axis=1, keepdims=True)
    return np.asarray(-np.log(_of_label(c.p, c) + epsilon).mean())


def _highest(c: Call) -> Array:
    return c.x.max(axis=1, keepdims=True)


def _columns(c: Call) -> Array:
    """1 in every row of each column that is some sample's label: p[:, target] -= 1"""
    return one_hot(c).max(axis=0) + 0 * c.p


def _error(c: Call) -> Array:
    return c.p - one_hot(c)


def _jacobian(c: Call) -> Array:
    return c.p * (_error(c) - (_error(c) * c.p).sum(axis=1, keepdims=True))


# Multiples of these are wrong whatever they were divided by.
_WRONG_CE: Wrong = {
    "one-hot-not-subtracted": lambda c: c.p,
    "probabilities-lost": one_hot,
    "one-subtracted-everywhere": lambda c: c.p - 1,
    "one-hot-in-every-row": lambda c: c.p - _columns(c),
    "one-hot-added": lambda c: c.p + one_hot(c),
    "gradient-only-at-label": lambda c: _error(c) * one_hot(c),
    "stops-at-probability": lambda c: one_hot(c) / c.p,
    "softmax-slope-twice": _jacobian,
    "logits-for-probabilities": lambda c: c.x - one_hot(c),
    "not-normalized": lambda c: np.exp(c.x - _highest(c)) - one_hot(c),
    "labels-off-by-one": lambda c: c.p - np.roll(one_hot(c), 1, axis=1),
    "labels-as-numbers": lambda c: c.p - c.target[:, None],
}


def _variants(case: Case) -> Iterator[Sign]:
    """Variants of `_WRONG_CE`: the wrong axis, the diagonal only, logarithms, labels from 1."""
    c = case.call
    if "x" not in case.wrong() or not forward_is_right(case):
        return
    for axis in (0, None):
        e = np.exp(c.x - c.x.max(axis=axis, keepdims=True))
        p = e / e.sum(axis=axis, keepdims=True)
        yield from proportional(case, "x", {"softmax-over-wrong-axis": p - one_hot(c)})
    twice = _error(c) * c.p * (1 - c.p)
    yield from proportional(case, "x", {"softmax-slope-twice": twice})
    logarithms = c.log_p - one_hot(c)
    yield from proportional(case, "x", {"logits-for-probabilities": logarithms})
    before = c.p - np.roll(one_hot(c), -1, axis=1)
    yield from proportional(case, "x", {"labels-off-by-one": before})


def _one_row(case: Case) -> Iterator[Sign]:
    """The gradient of one sample, where all count."""
    if "x" not in case.wrong() or not forward_is_right(case):
        return
    for i in range(len(case.call.x)):
        single = np.zeros_like(case.call.x)
        single[i] = _error(case.call)[i]
        yield from proportional(case, "x", {"one-sample-only": single})


def _ce_wrong_axis(c: Call) -> Array:
    return _cross_entropy(Call(x=c.x, target=c.target), axis=0)


def _unstable(case: Case) -> Iterator[Sign]:
    """Digits lost on the way: too much shifted away, or the logarithm of a vanishing p."""
    c = Call(x=case.call.x, target=case.call.target)
    if case.probe.kind != "extreme":
        return
    with np.errstate(all="ignore"):
        shifted = _by_quotient(c, c.x.max())
        by_rows = _by_quotient(c, _highest(c))
        z = c.x - c.x.max()
        logs = -_of_label(z - np.log(np.exp(z).sum(axis=1, keepdims=True)), c).mean()
    if not np.isclose(by_rows, shifted, 1e-9):
        for y in (shifted, logs):
            wrong = {"shift-by-global-maximum": y, "exp-overflow": y}
            yield from forward_equals(case, wrong)
    yield from forward_equals(case, {"logarithm-of-zero": by_rows, "exp-overflow": by_rows})
    yield from capped(case)


cross_entropy = Op(
    "cross_entropy", {"x": "N C"}, "", aliases=ALIASES, probes=_labelled,
    forward=_cross_entropy,
    gradients={"x": lambda gy, c: gy * (c.p - one_hot(c)) / len(c.x)},
    constants=lambda c: {"N": len(c.x), "C": c.x.shape[1], "N/C": len(c.x) / c.x.shape[1],
                         "1/C": 1 / c.x.shape[1], "1/N": 1 / len(c.x)},
    names={
        "gx ratio:N": "not-divided-by-batch", "forward-ratio:N": "not-divided-by-batch",
        "gx ratio:-N": "not-divided-by-batch",
        "gx ratio:1/N": "divided-by-batch-twice", "forward-ratio:1/N": "divided-by-batch-twice",
        "gx ratio:N/C": "divided-by-classes", "forward-ratio:N/C": "divided-by-classes",
        "gx ratio:1/C": "divided-by-classes-too", "forward-ratio:1/C": "divided-by-classes-too",
        "gx first-only:N": "one-sample-only", "ratio:-1": "target-minus-prediction",
        "forward-ratio:-1": "loss-sign", "forward fp-warning": "exp-overflow",
        "forward nan": "exp-overflow",
    },
    detectors=(upstream_ignored, by_direction(_WRONG_CE), _variants, _one_row,
               of_outputs({"softmax-over-wrong-axis": _ce_wrong_axis,
                            "one-sample-only": lambda c: -_of_label(c.log_p, c)[0],
                            "logarithm-lost": lambda c: -_of_label(c.p, c).mean(),
                            "logits-for-probabilities": lambda c: -_of_label(c.x, c).mean()}),
               _unstable),
    mutants=(
        *rules(_WRONG_CE, lambda c: 1 / len(c.x)),
        rule("slope_of_softmax_too", "softmax-slope-twice",
              lambda c: _error(c) * c.p * (1 - c.p) / len(c.x)),
        rule("not_divided", "not-divided-by-batch", _error),
        rule("divided_twice", "divided-by-batch-twice", lambda c: _error(c) / len(c.x) ** 2),
        rule("divided_by_classes", "divided-by-classes", lambda c: _error(c) / c.x.shape[1]),
        rule("divided_by_size", "divided-by-classes-too", lambda c: _error(c) / c.x.size),
        rule("target_minus_p", "target-minus-prediction", lambda c: -_error(c) / len(c.x)),
        rule("first_sample", "one-sample-only",
              lambda c: _error(c) * (np.arange(len(c.x)) == 0)[:, None]),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: _error(c) / len(c.x)}),
        Mutant("sum", "not-divided-by-batch", forward=lambda c: _cross_entropy(c) * len(c.x)),
        Mutant("sum_and_gradient", "not-divided-by-batch",
               forward=lambda c: _cross_entropy(c) * len(c.x),
               gradients={"x": lambda gy, c: gy * _error(c)}),
        Mutant("axis_0", "softmax-over-wrong-axis", forward=lambda c: _cross_entropy(c, axis=0)),
        Mutant("no_shift", "exp-overflow", forward=lambda c: _by_quotient(c, 0.0),
               also=("fp-warning", "nan")),
        Mutant("shift_by_global_maximum", "shift-by-global-maximum",
               forward=lambda c: _by_quotient(c, c.x.max()),
               also=("exp-overflow",)),
        Mutant("logarithm_of_p", "logarithm-of-zero", also=("exp-overflow",),
               forward=lambda c: _by_quotient(c, _highest(c))),
        Mutant("logarithm_of_p_plus_epsilon", "logarithm-of-zero", also=("forward-wrong",),
               forward=lambda c: _by_quotient(c, _highest(c), 1e-12)),
        Mutant("sign_lost", "loss-sign", forward=lambda c: -_cross_entropy(c)),
        Mutant("logarithm_lost", "logarithm-lost",
               forward=lambda c: _cross_entropy(c) * 0 - _of_label(c.p, c).mean()),
    ),
)  # fmt: skip

OPS = (cross_entropy,)
