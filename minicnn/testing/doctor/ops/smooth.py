"""Smooth activations: sigmoid, tanh, silu, gelu."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .detect import forward_equals
from .draw import usual
from .unary import both_signs, slope

Values = Callable[[Array], Array]


def _probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("usual", {"x": usual(rng, 5, 3)}),
        Probe("wide", {"x": 4 * usual(rng, 2, 3, 7)}),
        Probe("zero", {"x": np.array([-2.0, -1, 0, 1, 2])}),
        Probe("saturated", {"x": np.array([-1000.0, -40, 0.3, 1, 40, 1000])}, kind="extreme"),
    ]


def s(x: Array) -> Array:
    """The sigmoid; e^-|x| does not overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _applied_to(wrong: dict[str, Values]) -> Callable[[Case], Iterator[Sign]]:
    """A test for outputs that are another function of x."""

    def test(case: Case) -> Iterator[Sign]:
        with np.errstate(all="ignore"):
            yield from forward_equals(case, {bug: f(case.call.x) for bug, f in wrong.items()})

    return test


COMMON = {
    "ratio:-1": "sign-flipped", "gx factor:1": "slope-lost", "gx factor:y": "output-as-slope",
    "gx factor:x": "input-for-output",
}  # fmt: skip
OVERFLOW = {"forward fp-warning": "exp-overflow", "forward nan": "exp-overflow"}


sigmoid = Op(
    "sigmoid", {"x": ""}, "", forward=lambda c: s(c.x),
    gradients={"x": lambda gy, c: gy * c.y * (1 - c.y)},
    probes=_probes,
    factors=lambda c: {
        "s(y)(1-s(y))": s(c.y) * (1 - s(c.y)), "y(1-x)": c.y * (1 - c.x), "y(1+y)": c.y * (1 + c.y),
        "x(1-y)": c.x * (1 - c.y), "y^2(1-y)": c.y**2 * (1 - c.y), "1-y": 1 - c.y,
        "s(x)s(y)": c.y * s(c.y), "y^2(1-y)^2": (c.y * (1 - c.y)) ** 2, "y^2": c.y**2,
        "y(1-y^2)": c.y * (1 - c.y**2),
    },
    names=both_signs({
        **COMMON, **OVERFLOW,
        "gx factor:x(1-x)": "input-for-output", "gx factor:y(1-x)": "input-for-output",
        "gx factor:x(1-y)": "input-for-output",
        "gx factor:y": "complement-lost", "gx factor:1-y": "output-factor-lost",
        "gx factor:s(y)(1-s(y))": "function-applied-twice",
        "gx factor:s(x)s(y)": "function-applied-twice",
        "gx factor:1-y^2": "tanh-rule", "gx factor:1-x^2": "tanh-rule",
        "gx factor:y(1+y)": "plus-for-minus", "gx factor:y^2(1-y)": "slope-twice",
        "gx factor:y^2(1-y)^2": "slope-twice", "gx factor:y^2": "complement-lost",
        "gx factor:y(1-y^2)": "tanh-rule",
    }),
    detectors=(_applied_to({
        "function-applied-twice": lambda x: s(s(x)), "tanh-rule": np.tanh,
        "sign-in-exponent": lambda x: s(-x),
    }),),
    mutants=(
        slope("input", "input-for-output", lambda c: c.x * (1 - c.x)),
        slope("half_input", "input-for-output", lambda c: c.y * (1 - c.x)),
        slope("complement_lost", "complement-lost", lambda c: c.y),
        slope("complement_only", "output-factor-lost", lambda c: 1 - c.y),
        slope("sigmoid_of_output", "function-applied-twice", lambda c: s(c.y) * (1 - s(c.y))),
        slope("tanh_rule", "tanh-rule", lambda c: 1 - c.y**2),
        slope("plus", "plus-for-minus", lambda c: c.y * (1 + c.y)),
        slope("twice", "slope-twice", lambda c: (c.y * (1 - c.y)) ** 2),
        slope("slope_lost", "slope-lost", lambda c: 1.0),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: c.y * (1 - c.y)}),
        Mutant("overflow", "exp-overflow", forward=lambda c: 1 / (1 + np.exp(-c.x)),
               also=("fp-warning",)),
        Mutant("sign_in_exponent", "sign-in-exponent", forward=lambda c: s(-c.x)),
    ),
)  # fmt: skip


def _by_exponentials(c: Call) -> Array:
    return (np.exp(c.x) - np.exp(-c.x)) / (np.exp(c.x) + np.exp(-c.x))


tanh = Op(
    "tanh", {"x": ""}, "", forward=lambda c: np.tanh(c.x),
    gradients={"x": lambda gy, c: gy * (1 - c.y**2)},
    probes=_probes,
    factors=lambda c: {
        "1+y^2": 1 + c.y**2, "1/cosh(x)": np.sqrt(1 - c.y**2),
        "1-tanh(y)^2": 1 - np.tanh(c.y) ** 2, "(1-y)^2": (1 - c.y) ** 2,
        "y^2": c.y**2, "y^2 - 1": c.y**2 - 1, "1-2y": 1 - 2 * c.y, "(1-y^2)^2": (1 - c.y**2) ** 2,
        "1-y": 1 - c.y, "2(1-y^2)": 2 * (1 - c.y**2), "x(1-x)": c.x * (1 - c.x),
    },
    names=both_signs({
        **COMMON, **OVERFLOW,
        "gx factor:1-y": "square-lost", "gx factor:1-2y": "square-lost",
        "gx factor:1/cosh(x)": "square-lost",
        "gx factor:1-x^2": "input-for-output", "gx factor:y(1-y)": "sigmoid-rule",
        "gx factor:x(1-x)": "sigmoid-rule", "gx factor:1+y^2": "plus-for-minus",
        "gx factor:1-tanh(y)^2": "function-applied-twice", "gx factor:(1-y)^2": "square-misplaced",
        "gx factor:y^2": "complement-lost", "gx factor:(1-y^2)^2": "slope-twice",
    }),
    detectors=(_applied_to({
        "function-applied-twice": lambda x: np.tanh(np.tanh(x)),
        "argument-scaled": lambda x: np.tanh(x / 2), "sign-in-exponent": lambda x: np.tanh(-x),
    }), _applied_to({"argument-scaled": lambda x: np.tanh(2 * x)})),
    mutants=(
        slope("square_lost", "square-lost", lambda c: 1 - c.y),
        slope("input", "input-for-output", lambda c: 1 - c.x**2),
        slope("sigmoid_rule", "sigmoid-rule", lambda c: c.y * (1 - c.y)),
        slope("plus", "plus-for-minus", lambda c: 1 + c.y**2),
        slope("square_misplaced", "square-misplaced", lambda c: (1 - c.y) ** 2),
        slope("tanh_of_output", "function-applied-twice", lambda c: 1 - np.tanh(c.y) ** 2),
        slope("complement_lost", "complement-lost", lambda c: c.y**2),
        slope("sign", "sign-flipped", lambda c: c.y**2 - 1),
        slope("slope_lost", "slope-lost", lambda c: 1.0),
        Mutant("by_exponentials", "exp-overflow", forward=_by_exponentials,
               also=("nan", "fp-warning")),
        Mutant("half_argument", "argument-scaled", forward=lambda c: np.tanh(c.x / 2),
               gradients={"x": lambda gy, c: gy * (1 - c.y**2) / 2}),
    ),
)  # fmt: skip


# x times a gate: both factors depend on x

TERMS = {
    "gx factor:gate": "second-term-lost", "gx factor:x gate'": "first-term-lost",
    "gx factor:gate'": "product-of-slopes", "gx factor:gate + gate'": "input-factor-lost",
    "gx factor:gate - x gate'": "plus-for-minus",
}  # fmt: skip


@dataclass(frozen=True)
class Gated:
    """The parts of the op y = x gate(x), whose rule is gx = gy (gate + x gate')."""

    gate: Callable[[Call], Array]
    gate_slope: Callable[[Call], Array]

    def forward(self, c: Call) -> Array:
        return c.x * self.gate(c)

    def gradient(self, gy: Array, c: Call) -> Array:
        return gy * (self.gate(c) + c.x * self.gate_slope(c))

    def factors(self, c: Call) -> dict[str, Array]:
        """What stands in the place of gate + x gate' where a term is lost or wrong."""
        g, dg = self.gate(c), self.gate_slope(c)
        return {"gate": g, "x gate'": c.x * dg, "gate'": dg, "gate + gate'": g + dg,
                "gate - x gate'": g - c.x * dg}  # fmt: skip

    @property
    def mutants(self) -> tuple[Mutant, ...]:
        return tuple(self._mutant(key.removeprefix("gx factor:"), TERMS[key]) for key in TERMS)

    def _mutant(self, factor: str, bug: str) -> Mutant:
        return slope(bug.replace("-", "_"), bug, lambda c: self.factors(c)[factor])


_SILU = Gated(lambda c: s(c.x), lambda c: s(c.x) * s(-c.x))

silu = Op(
    "silu", {"x": ""}, "", probes=_probes,
    forward=_SILU.forward, gradients={"x": _SILU.gradient}, factors=_SILU.factors,
    names=both_signs({
        **COMMON, **OVERFLOW, **TERMS, "gx factor:y(1-y)": "output-for-gate",
    }),
    detectors=(_applied_to({"gate-for-product": s, "sign-in-exponent": lambda x: x * s(-x)}),),
    mutants=(
        *_SILU.mutants,
        slope("output_for_gate", "output-for-gate", lambda c: c.y * (1 - c.y)),
        slope("output_over_input", "nan", lambda c: c.y / c.x + c.y * s(-c.x), ("fp-warning",)),
        slope("slope_lost", "slope-lost", lambda c: 1.0),
        Mutant("overflow", "exp-overflow", also=("fp-warning",),
               forward=lambda c: c.x / (1 + np.exp(-c.x))),
        Mutant("gate_only", "gate-for-product", forward=lambda c: s(c.x)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: s(c.x) * (1 + c.x * s(-c.x))}),
    ),
)  # fmt: skip


# gelu: the gate is the normal distribution function, or torch's formula with tanh


def _phi(x: Array) -> Array:
    return np.vectorize(lambda t: 0.5 * math.erfc(-t * math.sqrt(0.5)), otypes=[float])(x)


def _density(x: Array) -> Array:
    return np.exp(-0.5 * np.minimum(x * x, 1400.0)) / math.sqrt(2 * math.pi)


def _inner(x: Array) -> Array:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def _tanh_phi(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(_inner(x)))


def _tanh_density(x: Array) -> Array:
    inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 - np.tanh(_inner(x)) ** 2) * inner_slope


def _approximates(c: Call) -> bool:
    return getattr(c, "approximate", "none") == "tanh"


_GELU = Gated(
    lambda c: _tanh_phi(c.x) if _approximates(c) else _phi(c.x),
    lambda c: _tanh_density(c.x) if _approximates(c) else _density(c.x),
)
_OTHER_FORM = "approximation-not-asked-for"


def _tanh_slope(c: Call) -> Array:
    return _tanh_phi(c.x) + c.x * _tanh_density(c.x)


def _bell(c: Call) -> Array:
    return np.exp(-0.5 * np.minimum(c.x**2, 1400.0))


gelu = Op(
    "gelu", {"x": ""}, "", probes=_probes, conventions={"approximate": ("none", "tanh")},
    forward=_GELU.forward, gradients={"x": _GELU.gradient},
    factors=lambda c: {
        **_GELU.factors(c), "of the tanh form": _tanh_slope(c),
        "Phi + x e^(-x^2/2)": _phi(c.x) + c.x * _bell(c),
        "Phi + x e^(-x^2)/sqrt(2 pi)": _phi(c.x) + c.x * _bell(c) ** 2 / math.sqrt(2 * math.pi),
    },
    names=both_signs({
        **COMMON, **OVERFLOW, **TERMS, "gx factor:of the tanh form": _OTHER_FORM,
        "gx factor:Phi + x e^(-x^2/2)": "density-wrong",
        "gx factor:Phi + x e^(-x^2)/sqrt(2 pi)": "density-wrong",
    }),
    detectors=(
        _applied_to({
            _OTHER_FORM: lambda x: x * _tanh_phi(x), "gate-for-product": _phi,
            "argument-scaled": lambda x: x * _phi(x * math.sqrt(2)),
        }),
        _applied_to({_OTHER_FORM: lambda x: x * s(1.702 * x)}),
    ),
    mutants=(
        *_GELU.mutants,
        slope("normalization_lost", "density-wrong", lambda c: _phi(c.x) + c.x * _bell(c)),
        slope("half_lost", "density-wrong",
              lambda c: _phi(c.x) + c.x * _bell(c) ** 2 / math.sqrt(2 * math.pi)),
        slope("gradient_of_tanh_form", _OTHER_FORM, _tanh_slope),
        Mutant("tanh_form", _OTHER_FORM, forward=lambda c: c.x * _tanh_phi(c.x),
               gradients={"x": lambda gy, c: gy * _tanh_slope(c)}),
        Mutant("root_2_lost", "argument-scaled",
               forward=lambda c: c.x * _phi(c.x * math.sqrt(2))),
        Mutant("sigmoid_form", _OTHER_FORM, forward=lambda c: c.x * s(1.702 * c.x)),
    ),
)  # fmt: skip

OPS = (sigmoid, tanh, silu, gelu)
