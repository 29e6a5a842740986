"""Arithmetic and elementary functions: add, sub, mul, div, pow, exp, log."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Gradient, Mutant, Op, Probe
from ..report import Sign
from .broadcasting import (
    NOT_SUMMED,
    Slope,
    copies,
    copies_mutants,
    pairs,
    sum_to,
    times,
    wrong_slope,
)
from .detect import forward_equals
from .draw import away, positive, usual
from .unary import both_signs, slope

PAIR = {"a": "", "b": ""}
COPIES = NOT_SUMMED | {"reshaped": "keepdims-lost"}


def _one(c: Call) -> float:
    return 1.0


def _zero(gy: Array, c: Call) -> Array:
    return np.zeros_like(c.b)


def _slope(name: str, bug: str, of: str, slope: Slope, also: tuple[str, ...] = ()) -> Mutant:
    """A mutant whose derivative by one operand is wrong."""
    return Mutant(name, bug, gradients={of: times(slope, of)}, also=also)


def _only_smaller(this: str, other: str) -> Gradient:
    """gy -> summed over the copies only where this operand is the smaller one"""

    def gradient(gy: Array, c: Call) -> Array:
        a, b = getattr(c, this), getattr(c, other)
        return sum_to(gy, a.shape) if a.size < b.size else gy

    return gradient


def truncated(case: Case) -> Iterator[Sign]:
    """The output, or the operands before, cut to whole numbers."""
    op, c = case.op, case.call
    if op is None:
        return
    whole, _, _ = op.run({name: np.trunc(getattr(c, name)) for name in op.inputs}, {})
    for y in (np.trunc(c.y), np.rint(c.y), whole):
        yield from forward_equals(case, {"integer-truncation": y})


def another_operator(case: Case) -> Iterator[Sign]:
    """The output of a - b where a + b is asked for, and so on; or the operands swapped."""
    a, b, own = case.call.a, case.call.b, case.op.name if case.op else ""
    outputs = {"add": a + b, "sub": a - b, "mul": a * b}
    outputs |= {"div": a / b} if np.all(b) else {}
    swapped = {"sub": b - a, "div": b / a if np.all(a) else a}
    if own in swapped:
        yield from forward_equals(case, {"operands-swapped": swapped[own]})
    for other, y in outputs.items():
        if other != own:
            yield from forward_equals(case, {"another-operator": y})


add = Op(
    "add", PAIR, "", forward=lambda c: c.a + c.b,
    gradients={"a": times(_one, "a"), "b": times(_one, "b")},
    probes=pairs,
    factors=lambda c: {"a": c.a + 0 * c.y, "b": c.b + 0 * c.y, "y": c.y},
    names=both_signs({
        **COPIES, "ratio:-1": "sign-flipped",
        "ga factor:a": "product-rule-for-sum", "ga factor:b": "product-rule-for-sum",
        "gb factor:a": "product-rule-for-sum", "gb factor:b": "product-rule-for-sum",
        "ga factor:y": "output-as-slope", "gb factor:y": "output-as-slope",
    }),
    detectors=(copies, wrong_slope, another_operator),
    mutants=(
        *copies_mutants({"a": _one, "b": _one}),
        Mutant("only_smaller_summed", "broadcast-not-summed", also=("wrong-shape",),
               gradients={"a": _only_smaller("a", "b"), "b": _only_smaller("b", "a")}),
        _slope("rule_of_sub", "sign-flipped", "b", lambda c: -1.0),
        Mutant("rule_of_mul", "product-rule-for-sum",
               gradients={"a": times(lambda c: c.b, "a"), "b": times(lambda c: c.a, "b")}),
        Mutant("difference", "another-operator", forward=lambda c: c.a - c.b),
        Mutant("detached", "zero-gradient", gradients={"b": _zero}),
        Mutant("upstream_ignored", "ignores-upstream", gradients={
            "a": lambda gy, c: sum_to(np.ones_like(gy), c.a.shape),
            "b": lambda gy, c: sum_to(np.ones_like(gy), c.b.shape)}),
    ),
)  # fmt: skip


sub = Op(
    "sub", PAIR, "", forward=lambda c: c.a - c.b,
    gradients={"a": times(_one, "a"), "b": times(lambda c: -1.0, "b")},
    probes=pairs,
    factors=lambda c: {"a": c.a + 0 * c.y, "b": c.b + 0 * c.y, "-a": -c.a + 0 * c.y},
    names=both_signs({
        **COPIES, "ratio:-1": "sign-flipped", "forward-ratio:-1": "operands-swapped",
        "gb factor:1": "sign-flipped",
        "ga factor:b": "product-rule-for-sum", "gb factor:a": "product-rule-for-sum",
        "gb factor:-a": "product-rule-for-sum",
    }),
    detectors=(copies, wrong_slope, another_operator),
    mutants=(
        *copies_mutants({"a": _one, "b": lambda c: -1.0}, "copies_not_summed", "copies_averaged",
                        "summed_from_the_last_axis"),
        _slope("sign_lost", "sign-flipped", "b", _one),
        Mutant("both_signs", "sign-flipped",
               gradients={"a": times(lambda c: -1.0, "a"), "b": times(_one, "b")}),
        Mutant("swapped", "operands-swapped", forward=lambda c: c.b - c.a,
               gradients={"a": times(lambda c: -1.0, "a"), "b": times(_one, "b")}),
        Mutant("detached", "zero-gradient", gradients={"b": _zero}),
        Mutant("rule_of_mul", "product-rule-for-sum",
               gradients={"a": times(lambda c: c.b, "a"), "b": times(lambda c: -c.a, "b")}),
    ),
)  # fmt: skip


def _mul_probes(seed: int) -> list[Probe]:
    zeros = {"a": np.array([0.0, 2, -1, 0, 3, 1, -2]), "b": np.array([4.0, 0, 3, -2, 1, 5, 2])}
    return [*pairs(seed), Probe("whole numbers with zeros", zeros)]


def _in_place(gy: Array, c: Call) -> Array:
    np.multiply(gy, c.b, out=gy)
    return sum_to(gy, c.a.shape)


mul = Op(
    "mul", PAIR, "", forward=lambda c: c.a * c.b,
    gradients={"a": times(lambda c: c.b, "a"), "b": times(lambda c: c.a, "b")},
    probes=_mul_probes,
    factors=lambda c: {"a": c.a + 0 * c.y, "b": c.b + 0 * c.y, "y": c.y},
    names=both_signs({
        **COPIES, "ratio:-1": "sign-flipped",
        "ga factor:a": "own-value-for-other", "gb factor:b": "own-value-for-other",
        "ga factor:1": "slope-lost", "gb factor:1": "slope-lost",
        "ga factor:y": "output-as-slope", "gb factor:y": "output-as-slope",
    }),
    detectors=(copies, wrong_slope, another_operator, truncated),
    mutants=(
        *copies_mutants({"a": lambda c: c.b, "b": lambda c: c.a}, "copies_not_summed",
                        "copies_averaged", "summed_from_the_last_axis", "first_copy_only"),
        Mutant("own_value", "own-value-for-other",
               gradients={"a": times(lambda c: c.a, "a"), "b": times(lambda c: c.b, "b")}),
        Mutant("rule_of_add", "slope-lost",
               gradients={"a": times(_one, "a"), "b": times(_one, "b")}),
        Mutant("times_output", "output-as-slope",
               gradients={"a": times(lambda c: c.y, "a"), "b": times(lambda c: c.y, "b")}),
        _slope("output_over_operand", "nan", "a", lambda c: c.y / c.a, ("fp-warning",)),
        Mutant("upstream_ignored", "ignores-upstream", gradients={
            "a": lambda gy, c: sum_to(c.b + 0 * gy, c.a.shape),
            "b": lambda gy, c: sum_to(c.a + 0 * gy, c.b.shape)}),
        Mutant("detached", "zero-gradient", gradients={"b": _zero}),
        Mutant("truncated", "integer-truncation", also=("forward-wrong",),
               forward=lambda c: np.asarray(np.trunc(c.a * c.b))),
        Mutant("upstream_overwritten", "changes-upstream", gradients={"a": _in_place}),
    ),
)  # fmt: skip


def _by_divisor(c: Call) -> Array:
    return -c.a / c.b**2


div = Op(
    "div", PAIR, "", forward=lambda c: c.a / c.b,
    gradients={"a": times(lambda c: 1 / c.b, "a"), "b": times(_by_divisor, "b")},
    probes=lambda seed: pairs(seed, away),
    factors=lambda c: {
        "a": c.a + 0 * c.y, "b": c.b + 0 * c.y, "-a": -c.a + 0 * c.y, "1/a": 1 / c.a + 0 * c.y,
        "1/b": 1 / c.b + 0 * c.y, "-a/b": -c.y, "a/b": c.y, "1/b^2": 1 / c.b**2 + 0 * c.y,
        "-1/b^2": -1 / c.b**2 + 0 * c.y,
    },
    names=both_signs({
        **COPIES, "ratio:-1": "sign-flipped",
        "ga factor:b": "multiplied-not-divided", "ga factor:1": "slope-lost",
        "ga factor:1/a": "own-value-for-other", "ga factor:1/b^2": "divisor-squared",
        "gb factor:-a/b": "divisor-not-squared", "gb factor:a/b": "divisor-not-squared",
        "gb factor:-1/b^2": "numerator-lost", "gb factor:1/b^2": "numerator-lost",
        "gb factor:a": "product-rule-for-quotient", "gb factor:-a": "product-rule-for-quotient",
        "gb factor:1/b": "numerator-lost",
    }),
    detectors=(copies, wrong_slope, another_operator),
    mutants=(
        *copies_mutants({"a": lambda c: 1 / c.b, "b": _by_divisor}, "copies_not_summed",
                        "copies_averaged", "summed_from_the_last_axis"),
        _slope("sign_lost", "sign-flipped", "b", lambda c: c.a / c.b**2),
        _slope("square_lost", "divisor-not-squared", "b", lambda c: -c.a / c.b),
        _slope("numerator_lost", "numerator-lost", "b", lambda c: -1 / c.b**2),
        _slope("rule_of_mul", "product-rule-for-quotient", "b", lambda c: c.a),
        _slope("times_b", "multiplied-not-divided", "a", lambda c: c.b),
        _slope("a_over_b_squared", "divisor-squared", "a", lambda c: 1 / c.b**2),
        _slope("own_value", "own-value-for-other", "a", lambda c: 1 / c.a),
        _slope("slope_lost", "slope-lost", "a", _one),
        Mutant("detached", "zero-gradient", gradients={"b": _zero}),
    ),
)  # fmt: skip


# One operand


def _pow_probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("cube", {"x": usual(rng, 5, 3)}, {"exponent": 3}),
        Probe("square with 0", {"x": np.array([-3.0, 0, 1, 2, -1, 4, 5])}, {"exponent": 2}),
        Probe("first power", {"x": usual(rng, 7)}, {"exponent": 1}),
        Probe("root", {"x": positive(rng, 3, 2)}, {"exponent": 0.5}),
        Probe("inverse", {"x": positive(rng, 2, 5)}, {"exponent": -1}),
    ]


def _pow_factors(c: Call) -> dict[str, Array]:
    x, p = c.x, c.exponent
    with np.errstate(all="ignore"):
        return {
            "x^(p-1)": x ** (p - 1.0), "p x^p": p * c.y, "p x": p * x, "p": 0 * x + p, "x^p": c.y,
            "x^p ln x": c.y * np.log(x), "(p-1) x^(p-1)": (p - 1) * x ** (p - 1.0),
            "(p-1) x^p": (p - 1) * c.y, "p x^(p-2)": p * x ** (p - 2.0),
        }  # fmt: skip


pow = Op(
    "pow", {"x": ""}, "", forward=lambda c: c.x**c.exponent,
    gradients={"x": lambda gy, c: gy * (c.exponent * c.x ** (c.exponent - 1))},
    probes=_pow_probes,
    constants=lambda c: {"p": c.exponent, "1/p": 1 / c.exponent},
    factors=_pow_factors,
    aliases={"p": "exponent", "n": "exponent", "power": "exponent"},
    names=both_signs({
        "gx ratio:1/p": "exponent-factor-lost", "gx factor:x^(p-1)": "exponent-factor-lost",
        "gx ratio:p": "exponent-factor-twice",
        "gx factor:p x^p": "exponent-not-reduced", "gx factor:p x": "power-lost",
        "gx factor:p": "power-lost", "gx factor:2x": "option-ignored",
        "gx factor:x^p": "output-as-slope",
        "gx factor:y": "output-as-slope", "gx factor:x^p ln x": "exponential-rule-for-power",
        "gx factor:(p-1) x^(p-1)": "reduced-exponent-as-factor",
        "gx factor:(p-1) x^p": "reduced-exponent-as-factor",
        "gx factor:p x^(p-2)": "exponent-reduced-twice", "ratio:-1": "sign-flipped",
        "gx factor:1": "slope-lost",
    }),
    mutants=tuple(
        slope(name, bug, dy_dx, also)
        for name, bug, dy_dx, also in (
            ("factor_lost", "exponent-factor-lost", lambda c: c.x ** (c.exponent - 1), ()),
            ("not_reduced", "exponent-not-reduced", lambda c: c.exponent * c.y, ()),
            ("power_lost", "power-lost", lambda c: 0 * c.x + c.exponent, ()),
            ("output", "output-as-slope", lambda c: c.y, ()),
            ("reduced_factor", "reduced-exponent-as-factor",
             lambda c: (c.exponent - 1) * c.x ** (c.exponent - 1), ()),
            ("factor_squared", "exponent-factor-twice",
             lambda c: c.exponent**2 * c.x ** (c.exponent - 1), ()),
            ("output_over_input", "nan", lambda c: c.exponent * c.y / c.x, ("fp-warning",)),
            ("rule_of_exp", "exponential-rule-for-power", lambda c: c.y * np.log(c.x),
             ("nan", "fp-warning")),
        )
    ),
)  # fmt: skip


def _exp_probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("usual", {"x": usual(rng, 5, 3)}),
        Probe("whole numbers", {"x": np.array([-2.0, -1, 0, 1, 2, 3, 4])}),
        Probe("far below 0", {"x": np.array([-1000.0, -50, -0.5, 0.5, 3])}, kind="extreme"),
    ]


exp = Op(
    "exp", {"x": ""}, "", forward=lambda c: np.exp(c.x),
    gradients={"x": lambda gy, c: gy * c.y},
    probes=_exp_probes,
    factors=lambda c: {"x e^(x-1)": c.x * np.exp(c.x - 1)},
    names=both_signs({
        "gx factor:1": "slope-lost", "gx factor:x": "input-for-output",
        "gx factor:exp(-x)": "sign-in-exponent", "gx factor:1/y": "sign-in-exponent",
        "gx factor:x e^(x-1)": "power-rule-for-exponential", "ratio:-1": "sign-flipped",
        "gx factor:x*y": "power-rule-for-exponential", "gx factor:exp(y)": "function-applied-twice",
        "gx factor:y^2": "slope-twice", "forward fp-warning": "exp-overflow",
    }),
    mutants=(
        slope("slope_lost", "slope-lost", _one),
        slope("input", "input-for-output", lambda c: c.x),
        slope("power_rule", "power-rule-for-exponential", lambda c: c.x * np.exp(c.x - 1)),
        slope("applied_twice", "function-applied-twice", lambda c: np.exp(c.y)),
        slope("slope_twice", "slope-twice", lambda c: c.y**2),
        Mutant("upstream_ignored", "ignores-upstream", gradients={"x": lambda gy, c: c.y}),
        Mutant("one_over_exp_of_minus_x", "exp-overflow", forward=lambda c: 1 / np.exp(-c.x),
               also=("fp-warning",)),
    ),
)  # fmt: skip


def _log_probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("usual", {"x": positive(rng, 5, 3)}),
        Probe("whole numbers", {"x": np.array([1.0, 2, 3, 5, 8, 13, 40])}),
        Probe("near 0", {"x": np.array([1e-6, 3e-6, 1e-5, 2e-4, 1e-3])}, kind="extreme"),
    ]


def added_epsilon(case: Case) -> Iterator[Sign]:
    """y = ln(x + epsilon)"""
    extra = np.exp(case.y) - case.call.x
    if extra.min() > 1e-12 and np.ptp(extra) < 1e-3 * extra.max():
        evidence = f"e^y - x is {extra.mean():.3g} in all entries, where it must be 0"
        yield case.sign("epsilon-added", "forward", evidence, 2)


log = Op(
    "log", {"x": ""}, "", forward=lambda c: np.log(c.x),
    gradients={"x": lambda gy, c: gy / c.x},
    probes=_log_probes,
    constants=lambda c: {"1/ln 2": 1 / np.log(2), "ln 2": np.log(2), "1/ln 10": 1 / np.log(10),
                         "ln 10": np.log(10)},
    factors=lambda c: {"1/x^2": 1 / c.x**2, "-1/x^2": -1 / c.x**2,
                       "1/y": 1 / np.where(c.y == 0, np.inf, c.y), "1/(x+1)": 1 / (c.x + 1)},
    names=both_signs({
        "forward-ratio:1/ln 2": "wrong-base", "forward-ratio:1/ln 10": "wrong-base",
        "gx ratio:1/ln 2": "wrong-base", "gx ratio:1/ln 10": "wrong-base",
        "gx ratio:ln 2": "wrong-base", "gx ratio:ln 10": "wrong-base",
        "gx factor:x": "multiplied-not-divided", "gx factor:1": "slope-lost",
        "gx factor:1/y": "output-for-input", "gx factor:1/x^2": "differentiated-twice",
        "gx factor:-1/x^2": "differentiated-twice", "gx factor:y": "output-as-slope",
        "ratio:-1": "sign-flipped",
    }),
    detectors=(added_epsilon,),
    mutants=(
        slope("times_x", "multiplied-not-divided", lambda c: c.x),
        slope("output", "output-for-input", lambda c: 1 / c.y, ("nan", "fp-warning")),
        slope("slope_lost", "slope-lost", _one),
        slope("second_derivative", "differentiated-twice", lambda c: -1 / c.x**2),
        slope("base_2_rule", "wrong-base", lambda c: 1 / (c.x * np.log(2))),
        Mutant("base_10", "wrong-base", forward=lambda c: np.log10(c.x)),
        Mutant("epsilon", "epsilon-added", forward=lambda c: np.log(c.x + 1e-6),
               gradients={"x": lambda gy, c: gy / (c.x + 1e-6)}, also=("forward-wrong",)),
    ),
)  # fmt: skip

OPS = (add, sub, mul, div, pow, exp, log)
