"""Activations with a kink at 0: relu and leaky_relu."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .detect import forward_equals, forward_is_right
from .draw import usual
from .unary import both_signs, slope

AT_ZERO = {"0": 0.0, "1": 1.0, "1/2": 0.5}


def above(c: Call) -> Array:
    """[x > 0], and at x = 0 what the learner has declared"""
    return np.where(c.x == 0, AT_ZERO[getattr(c, "at_zero", "0")], c.x > 0)


def _kinked(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    return [
        Probe("usual", {"x": usual(rng, 5, 3)}),
        Probe("images", {"x": usual(rng, 2, 3, 5, 1)}),
        Probe("zeros", {"x": np.array([-1.0, 0, 2, 0, -3, 0, 1])}, kind="kink"),
        Probe("large", {"x": np.array([-1000.0, -2, 0.5, 3, 1000])}, kind="extreme"),
    ]


def _wrong_at_zero(case: Case) -> Iterator[Sign]:
    """Right everywhere but at x = 0, where it is not the convention."""
    if "x" not in case.wrong():
        return
    given, right, zero = case.given["x"], case.right["x"], case.call.x == 0
    if zero.any() and case.close(np.where(zero, right, given), right):
        factor = (given / case.gy)[zero][0]
        yield case.sign("wrong-at-zero", "gx", f"right but at x = 0: factor {factor:.4g} there", 2)


def _clip_in_place(c: Call) -> Array:
    np.maximum(c.x, 0, out=c.x)
    return c.x


def _mask_in_place(gy: Array, c: Call) -> Array:
    gy *= c.x > 0
    return gy


def _absolute(case: Case) -> Iterator[Sign]:
    yield from forward_equals(case, {"absolute-value": np.abs(case.call.x)})


relu = Op(
    "relu", {"x": ""}, "", forward=lambda c: np.maximum(c.x, 0),
    gradients={"x": lambda gy, c: gy * above(c)},
    probes=_kinked, conventions={"at_zero": ("0", "1", "1/2")},
    factors=lambda c: {"1, -1": np.where(c.x > 0, 1, -1), "-[x<0]": -1.0 * (c.x < 0)},
    names=both_signs({
        "gx factor:1": "mask-lost", "gx factor:[x<0]": "mask-inverted",
        "gx factor:[x<=0]": "mask-inverted", "gx factor:-[x<0]": "mask-inverted",
        "gx factor:y": "value-for-mask", "gx factor:x": "value-for-mask",
        "gx factor:abs(x)": "value-for-mask", "gx factor:sign(x)": "sign-for-mask",
        "gx factor:1, -1": "sign-for-mask",
        "gx factor:[gy>0]": "upstream-in-mask", "gx times:[gy>0]": "upstream-in-mask",
        "gx factor:[x>=0]": "wrong-at-zero",
        "gx only-kinks": "wrong-at-zero", "ratio:-1": "sign-flipped",
    }),
    detectors=(_wrong_at_zero, _absolute),
    mutants=(
        Mutant("mask_of_upstream", "upstream-in-mask",
               gradients={"x": lambda gy, c: gy * (gy > 0)}),
        Mutant("guided", "upstream-in-mask",
               gradients={"x": lambda gy, c: gy * (gy > 0) * (c.x > 0)}),
        slope("greater_or_equal", "wrong-at-zero", lambda c: c.x >= 0),
        slope("mask_lost", "mask-lost", lambda c: 1.0),
        slope("mask_inverted", "mask-inverted", lambda c: c.x < 0),
        slope("times_output", "value-for-mask", lambda c: c.y),
        slope("sign", "sign-for-mask", lambda c: np.sign(c.x)),
        slope("output_over_input", "nan", lambda c: c.y / c.x, ("fp-warning",)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: (c.x > 0) * 1.0}),
        Mutant("input_overwritten", "changes-input", forward=_clip_in_place),
        Mutant("upstream_overwritten", "changes-upstream", gradients={"x": _mask_in_place}),
        Mutant("absolute_value", "absolute-value", forward=lambda c: np.abs(c.x),
               gradients={"x": lambda gy, c: gy * np.sign(c.x)}, also=("forward-wrong",)),
    ),
)  # fmt: skip


# leaky_relu


def negative_slope(c: Call) -> float:
    return float(getattr(c, "negative_slope", 0.01))


def _leaky_probes(seed: int) -> list[Probe]:
    steep = {"negative_slope": 0.3}
    first, images, zeros, large = _kinked(seed)
    return [
        Probe("usual", first.inputs, steep),
        Probe("default slope", images.inputs),
        Probe("zeros", zeros.inputs, steep, kind="kink"),
        Probe("large", large.inputs, {"negative_slope": 0.125}, kind="extreme"),
    ]


def _leak(c: Call) -> Array:
    return above(c) + (1 - above(c)) * negative_slope(c)


def _constant_below(gy: Array, c: Call) -> Array:
    return np.where(c.x > 0, gy, negative_slope(c))


def _slope_without_upstream(case: Case) -> Iterator[Sign]:
    """Below 0 the same number everywhere, whatever gy is."""
    c = case.call
    below = c.x < 0
    if "x" in case.wrong() and below.sum() > 1:
        values = case.given["x"][below]
        if np.ptp(values) < 1e-9 * np.abs(values).max() and np.ptp(np.abs(case.gy[below])) > 1e-3:
            evidence = f"{values[0]:.4g} in all {below.sum()} entries with x < 0, whatever gy is"
            yield case.sign("slope-without-upstream", "gx", evidence, 2)


def _ignored_slope(case: Case) -> Iterator[Sign]:
    """Another slope than the one asked for."""
    c, below = case.call, case.call.x < 0
    ratios = np.asarray(case.y)[below] / c.x[below]
    if not forward_is_right(case) and np.ptp(ratios) < 1e-9:
        evidence = f"the slope below 0 is {ratios[0]:.4g}, asked for is {negative_slope(c):.4g}"
        yield case.sign("option-ignored", "forward", evidence, 2)
    if "x" in case.wrong():
        ratios, asked = (case.given["x"] / case.gy)[below], negative_slope(c)
        if np.ptp(ratios) < 1e-6 and not np.isclose(ratios[0], [0, 1, asked, -asked]).any():
            evidence = f"the slope below 0 is {ratios[0]:.4g}, asked for is {asked:.4g}"
            yield case.sign("option-ignored", "gx", evidence, 2)


leaky_relu = Op(
    "leaky_relu", {"x": ""}, "",
    forward=lambda c: np.where(c.x > 0, c.x, negative_slope(c) * c.x),
    gradients={"x": lambda gy, c: gy * _leak(c)},
    probes=_leaky_probes, conventions={"at_zero": ("0", "1", "1/2")},
    aliases={"alpha": "negative_slope", "slope": "negative_slope", "leak": "negative_slope"},
    constants=lambda c: {"slope": negative_slope(c), "1/slope": 1 / negative_slope(c)},
    factors=lambda c: {
        "slope": negative_slope(c) + 0 * c.x, "-slope": np.where(c.x > 0, 1, -negative_slope(c)),
        "slope, 1": np.where(c.x > 0, negative_slope(c), 1.0),
        "1, x slope": np.where(c.x > 0, 1.0, c.x * negative_slope(c)),
        "x, x slope": c.y,
    },
    names=both_signs({
        "gx factor:[x>0]": "negative-slope-lost", "gx factor:[x>=0]": "negative-slope-lost",
        "gx factor:1": "mask-lost", "gx factor:slope": "mask-lost",
        "gx factor:-slope": "negative-slope-sign", "gx factor:slope, 1": "mask-inverted",
        "gx factor:1, x slope": "value-for-mask", "gx factor:x, x slope": "value-for-mask",
        "gx factor:y": "value-for-mask", "gx only-kinks": "wrong-at-zero",
        "ratio:-1": "sign-flipped",
        "gx dropped": "negative-slope-lost",
    }),
    detectors=(_wrong_at_zero, _slope_without_upstream, _ignored_slope),
    mutants=(
        slope("slope_lost", "negative-slope-lost", lambda c: c.x > 0),
        Mutant("slope_without_upstream", "slope-without-upstream",
               gradients={"x": _constant_below}, also=("not-linear",)),
        slope("slope_everywhere", "mask-lost", lambda c: negative_slope(c)),
        slope("mask_inverted", "mask-inverted",
              lambda c: np.where(c.x > 0, negative_slope(c), 1.0)),
        slope("slope_of_wrong_sign", "negative-slope-sign",
              lambda c: np.where(c.x > 0, 1.0, -negative_slope(c))),
        slope("times_output", "value-for-mask", lambda c: c.y),
        slope("greater_or_equal", "wrong-at-zero",
              lambda c: np.where(c.x >= 0, 1.0, negative_slope(c))),
        Mutant("mask_of_upstream", "upstream-in-mask",
               gradients={"x": lambda gy, c: np.where(gy > 0, gy, negative_slope(c) * gy)}),
        Mutant("default_slope_only", "option-ignored", also=("forward-wrong",),
               forward=lambda c: np.where(c.x > 0, c.x, 0.01 * c.x),
               gradients={"x": lambda gy, c: np.where(c.x > 0, gy, 0.01 * gy)}),
    ),
)  # fmt: skip

OPS = (relu, leaky_relu)
