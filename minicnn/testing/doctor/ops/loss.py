"""Losses, means over the batch: cross_entropy, mse_loss, binary_cross_entropy_with_logits.

The option ``target`` holds the labels: class numbers (N,) for cross_entropy, else an array like x.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .detect import forward_equals, forward_is_right, proportional
from .draw import usual

ALIASES = {"y": "target", "t": "target", "labels": "target", "targets": "target",
           "y_true": "target"}  # fmt: skip
Wrong = dict[str, Callable[[Call], Array]]


def _by_direction(wrong: Wrong) -> Callable[[Case], Iterator[Sign]]:
    """A test for gradients that are a multiple of a wrong one."""

    def test(case: Case) -> Iterator[Sign]:
        if "x" in case.wrong() and forward_is_right(case):
            with np.errstate(all="ignore"):
                found = {bug: rule(case.call) for bug, rule in wrong.items()}
            finite = {bug: value for bug, value in found.items() if np.isfinite(value).all()}
            yield from proportional(case, "x", finite)

    return test


def _of_outputs(wrong: Wrong) -> Callable[[Case], Iterator[Sign]]:
    """A test for losses that are computed by another formula."""

    def test(case: Case) -> Iterator[Sign]:
        with np.errstate(all="ignore"):
            yield from forward_equals(case, {bug: f(case.call) for bug, f in wrong.items()})

    return test


def _rule(name: str, bug: str, gx: Callable[[Call], Array], also: tuple[str, ...] = ()) -> Mutant:
    """A mutant with another gradient: gx = gy gx(c)"""
    return Mutant(name, bug, gradients={"x": lambda gy, c: gy * gx(c)}, also=also)


def _rules(wrong: Wrong, scale: Callable[[Call], float]) -> tuple[Mutant, ...]:
    """A mutant for each wrong gradient, with the right factor."""

    def scaled(gx: Callable[[Call], Array]) -> Callable[[Call], Array]:
        return lambda c: gx(c) * scale(c)

    return tuple(_rule(bug.replace("-", "_"), bug, scaled(gx)) for bug, gx in wrong.items())


# cross_entropy


def _labelled(seed: int) -> list[Probe]:
    """Some classes occur twice, some never."""
    rng = np.random.default_rng(seed)
    sure = np.array([[900.0, 0, 1], [0, 1, 900], [2, 0, 1]])
    scales = usual(rng, 3, 5) + np.array([[1000.0], [0.0], [-1000.0]])
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
    e = np.exp(c.x - c.x.max(axis=0, keepdims=True))
    return -np.log(_of_label(e / e.sum(axis=0, keepdims=True), c)).mean()


def _ce_epsilon(case: Case) -> Iterator[Sign]:
    """-ln(p + epsilon): right where the label is likely, capped where it is not."""
    c = case.call
    if case.probe.name == "sure and wrong" and not forward_is_right(case):
        if np.isfinite(case.y) and float(case.y) < 0.5 * float(c.y):
            evidence = f"the loss is {float(case.y):.5g}, right is {float(c.y):.5g}"
            yield case.sign("logarithm-of-zero", "forward", evidence, 2)


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
        "forward-ratio:-1": "loss-sign", "fp-warning": "exp-overflow", "nan": "exp-overflow",
    },
    detectors=(_by_direction(_WRONG_CE), _variants, _one_row,
               _of_outputs({"softmax-over-wrong-axis": _ce_wrong_axis,
                            "first-sample-loss": lambda c: -_of_label(c.log_p, c)[0],
                            "logarithm-lost": lambda c: -_of_label(c.p, c).mean(),
                            "logits-for-probabilities": lambda c: -_of_label(c.x, c).mean()}),
               _ce_epsilon),
    mutants=(
        *_rules(_WRONG_CE, lambda c: 1 / len(c.x)),
        _rule("slope_of_softmax_too", "softmax-slope-twice",
              lambda c: _error(c) * c.p * (1 - c.p) / len(c.x)),
        _rule("not_divided", "not-divided-by-batch", _error),
        _rule("divided_twice", "divided-by-batch-twice", lambda c: _error(c) / len(c.x) ** 2),
        _rule("divided_by_classes", "divided-by-classes", lambda c: _error(c) / c.x.shape[1]),
        _rule("divided_by_size", "divided-by-classes-too", lambda c: _error(c) / c.x.size),
        _rule("target_minus_p", "target-minus-prediction", lambda c: -_error(c) / len(c.x)),
        _rule("first_sample", "one-sample-only",
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
               also=("fp-warning", "nan", "exp-overflow")),
        Mutant("logarithm_of_p", "logarithm-of-zero", also=("fp-warning", "nan", "exp-overflow"),
               forward=lambda c: _by_quotient(c, _highest(c))),
        Mutant("logarithm_of_p_plus_epsilon", "logarithm-of-zero", also=("forward-wrong",),
               forward=lambda c: _by_quotient(c, _highest(c), 1e-12)),
        Mutant("sign_lost", "loss-sign", forward=lambda c: -_cross_entropy(c)),
        Mutant("logarithm_lost", "logarithm-lost",
               forward=lambda c: _cross_entropy(c) * 0 - _of_label(c.p, c).mean()),
    ),
)  # fmt: skip


# mse_loss


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
    detectors=(_by_direction(_WRONG_MSE),
               _of_outputs({"root-taken": lambda c: np.sqrt((_miss(c) ** 2).mean()),
                            "absolute-error": lambda c: np.abs(_miss(c)).mean(),
                            "square-of-the-mean": lambda c: _miss(c).mean() ** 2})),
    mutants=(
        *_rules(_WRONG_MSE, lambda c: 2 / c.x.size),
        _rule("factor_2_lost", "factor-2-lost", lambda c: _miss(c) / c.x.size),
        _rule("target_minus_x", "target-minus-prediction", lambda c: -2 * _miss(c) / c.x.size),
        _rule("divided_by_n", "divided-by-batch-not-size", lambda c: 2 * _miss(c) / len(c.x)),
        _rule("not_divided", "not-divided-by-size", lambda c: 2 * _miss(c)),
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
    names={**SIZES, "fp-warning": "exp-overflow", "nan": "exp-overflow", "gx ratio:2": "halved",
           "forward-ratio:1/2": "halved"},
    detectors=(_by_direction(_WRONG_BCE),
               _by_direction({"half-of-the-labels-lost": lambda c: (1 - c.target) * c.p}),
               _of_outputs({"half-of-the-labels-lost": _positive_only}), _ce_epsilon),
    mutants=(
        *_rules(_WRONG_BCE, lambda c: 1 / c.x.size),
        _rule("target_minus_p", "target-minus-prediction", lambda c: -_excess(c) / c.x.size),
        _rule("positives_lost", "half-of-the-labels-lost",
              lambda c: (1 - c.target) * c.p / c.x.size),
        _rule("not_divided", "not-divided-by-size", _excess),
        _rule("divided_by_n", "divided-by-batch-not-size", lambda c: _excess(c) / len(c.x)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: _excess(c) / c.x.size}),
        Mutant("sum", "not-divided-by-size",
               forward=lambda c: _binary_cross_entropy(c) * c.x.size),
        Mutant("logarithm_of_p", "logarithm-of-zero", forward=_by_probability,
               also=("fp-warning", "nan", "exp-overflow")),
        Mutant("logarithm_of_p_plus_epsilon", "logarithm-of-zero", also=("forward-wrong",),
               forward=lambda c: _by_probability(c, 1e-12)),
        Mutant("exp_of_logit", "exp-overflow", forward=_by_softplus, also=("fp-warning", "nan")),
        Mutant("positive_only", "half-of-the-labels-lost",
               forward=lambda c: _binary_cross_entropy(c) * 0 + _positive_only(c)),
    ),
)  # fmt: skip

OPS = (cross_entropy, mse_loss, binary_cross_entropy_with_logits)
