"""Tier 0, the contract: what must hold before the values of gradients are compared.

A function must not fail; it gives one finite gradient per input, of the input's shape and dtype;
it leaves its inputs and the upstream gradient as they were; it gives the same answer twice, and for
arrays of any strides; and its forward pass is right.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from . import numeric
from .case import Case
from .op import Array, Op, Probe
from .outcome import Outcome, Settings, Stop
from .structure import shape_signs
from .subject import Misfit, Subject, by_name
from .trial import Trial
from .watching import quiet

DIRECTIONS = 3


def examine(op: Op, subject: Subject, probe: Probe, settings: Settings) -> Outcome:
    """Run a learner's functions on one probe, and judge all but the values of the gradients."""
    outcome = Outcome(probe)
    try:
        _examine(op, subject, probe, settings, outcome)
    except Misfit as misfit:
        outcome.skipped = str(misfit)
    except Stop:
        if probe.kind == "pairs" and any(sign.bug == "raises" for sign in outcome.signs):
            outcome = Outcome(probe)
            outcome.skipped = "options that are pairs (height, width) are not understood"
    return outcome


def _examine(op: Op, subject: Subject, probe: Probe, s: Settings, outcome: Outcome) -> None:
    inputs = {k: cast(v, s.dtype) for k, v in probe.inputs.items()}
    right_y, rule, call = op.run(probe.inputs, probe.options)
    axes = {k: tuple(v.split()) for k, v in op.inputs.items()} | {"y": tuple(op.output.split())}
    gy = upstream(probe, right_y, s.dtype)
    trial = Trial(subject, inputs, probe.options, s, outcome)
    outcome.y = y = trial.forward()
    base = Case(op, probe, call, np.asarray(y), gy, {}, {}, _silent, _silent, s.rtol, s.atol, axes)
    _judge_forward(outcome, base, y, np.asarray(right_y))
    names = tuple(op.gradients)
    if not names:
        return
    given = trial.backward(gy, names)
    right = {k: np.asarray(v, float) for k, v in rule(gy.astype(float)).items()}
    for name, array in trial.misshapen.items():
        outcome.signs += shape_signs(base, name, array, right[name])

    def fresh() -> dict[str, Array]:
        return {k: v.copy() for k, v in inputs.items()}

    case = outcome.case = base.with_gradients(
        given, {k: right[k] for k in given},
        lambda d: _once_more(subject, fresh(), probe, np.array(d, s.dtype), names)[1],
        rule,
    )  # fmt: skip
    if outcome.forward:
        own = _right_for_own_forward(case, subject)
        right_now = {k: given[k] if k in own else v for k, v in case.right.items()}
        case = outcome.case = replace(case, right=right_now)
    outcome.failed |= {f"g{name}" for name in case.wrong()}
    if "" not in outcome.failed:
        _same_again(subject, inputs, probe, outcome)


def cast(x: Array, dtype: np.dtype) -> Array:
    return x.astype(dtype) if x.dtype.kind == "f" else x


def _silent(gy: Array) -> dict[str, Array]:
    return {}


def upstream(probe: Probe, y: Any, dtype: np.dtype) -> Array:
    """A random upstream gradient that belongs to the probe: never ones, never the same twice."""
    rng = np.random.default_rng([77, *probe.name.encode()])
    return np.asarray(rng.standard_normal(np.shape(y)) + 0.1, dtype)


# The forward pass


def _judge_forward(outcome: Outcome, base: Case, y: Any, right: Array) -> None:
    """Compare y with the oracle's; where it differs, keep a case for the description of it."""
    if np.shape(y) != right.shape:
        outcome.stop(
            "forward-shape", "forward",
            f"your output has shape {np.shape(y)}; it should be {right.shape}",
        )  # fmt: skip
    case = base.with_gradients({"y": np.asarray(y, float)}, {"y": right}, _silent, _silent)
    if case.wrong():
        outcome.forward = case
        outcome.failed.add("forward")


def _right_for_own_forward(case: Case, subject: Subject) -> set[str]:
    """The gradients that are right for the learner's forward pass, which is not the op's.

    Along random directions u, the gradient gx must satisfy gx . u = d/dt sum(gy * y(x + t u)).
    """
    rng = np.random.default_rng(5)
    gy = np.asarray(case.gy, float)
    agree = set()
    for name in case.wrong():
        x = np.asarray(case.probe.inputs[name], float)

        def y(moved: Array, name: str = name) -> Array:
            inputs = {**case.probe.inputs, name: moved}
            return np.asarray(subject.run(inputs, case.probe.options)[0])

        try:
            with quiet():
                ways = [rng.standard_normal(x.shape) for _ in range(DIRECTIONS)]
                slopes = [numeric.slope(y, x, u, gy) for u in ways]
        except Exception:  # it fails a small step from where it did not
            continue
        given = [float((case.given[name] * u).sum()) for u in ways]
        if np.isfinite(slopes).all():
            if np.allclose(given, slopes, rtol=1e-5, atol=1e-7 * max(map(abs, slopes))):
                agree.add(name)
    return agree


# The same answer again


def _once_more(
    subject: Subject, inputs: Mapping[str, Array], probe: Probe, gy: Array, names: tuple[str, ...]
) -> tuple[Any, dict[str, Array]]:
    """The learner's output and gradients once more, from the start."""
    with quiet():
        y, rule = subject.run(inputs, probe.options)
        assert rule is not None
        found = by_name(rule(gy), names)
    return y, {k: np.asarray(v, float) for k, v in found.items()}


def _same_again(
    subject: Subject, inputs: Mapping[str, Array], probe: Probe, outcome: Outcome
) -> None:
    """The same answer once more, from arrays of any strides, and for a gy whose strides are 0."""
    case = outcome.case
    assert case is not None
    names = tuple(case.op.gradients) if case.op else ()
    copies = {k: v.copy() for k, v in inputs.items()}
    strided = {k: _strided(v) for k, v in inputs.items()}

    def run(own: Mapping[str, Array], gy: Array) -> dict[str, Array]:
        y, found = _once_more(subject, own, probe, gy, names)
        return {"y": np.asarray(y, float), **{f"g{k}": found[k] for k in case.given}}

    first = {"y": np.asarray(case.y, float), **{f"g{k}": v for k, v in case.given.items()}}
    failed, moved = bool(outcome.failed), None
    if not failed:  # first things first
        moved = _difference(case, "with the inputs as views that are not contiguous", first,
                            lambda: run(strided, case.gy.copy()))  # fmt: skip
    if failed or moved:  # an answer that is the same for other strides is not random
        twice = _difference(case, "called twice", first, lambda: run(copies, case.gy.copy()))
        if twice:
            outcome.add("random", *twice)
        elif moved:
            outcome.add("strided-input", *moved)
        if twice or failed:
            return
    if case.gy.ndim and probe.kind == "usual":
        _same_for_flat(outcome, case, lambda gy: run(copies, gy))


def _same_for_flat(outcome: Outcome, case: Case, run: Callable[[Array], dict[str, Array]]) -> None:
    """The same answer for a gy of equal numbers, whose strides are 0."""
    constant = np.full(case.gy.shape, 0.75, case.gy.dtype)
    flat = np.broadcast_to(constant.dtype.type(0.75), case.gy.shape)
    try:
        usual = run(constant)
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        outcome.add("raises", "", f"with gy constant: {type(error).__name__}: {text}")
        return
    if told := _difference(case, "with gy as a view of one number", usual, lambda: run(flat)):
        outcome.add("broadcast-upstream", *told)


def _difference(
    case: Case, how: str, first: dict[str, Array], again: Callable[[], dict[str, Array]]
) -> tuple[str, str] | None:
    """Where another call's answer is not the first one, and how; None where it is the same."""
    try:
        second = again()
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        return "", f"{how}, your code raises {type(error).__name__}: {text}"
    for name, a in first.items():
        b = second[name]
        usual = case.y if name == "y" else case.given[name[1:]]
        if a.shape != b.shape or not _close(case, b, a, usual):
            where = "forward" if name == "y" else name
            entry = tuple(int(i) for i in np.argwhere(a != b)[0]) if a.shape == b.shape else ()
            at = f"{name}{list(entry) if entry else ''}"
            return where, f"{how}, {at} is first {a[entry]} and then {b[entry]}"
    return None


def _close(case: Case, a: Array, b: Array, usual: Array) -> bool:
    """Equal but for rounding, which goes with the usual size: a gradient may well be 0 here."""
    size = max(1e-300, float(np.abs(usual).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return bool(np.all(np.abs(a - b) <= case.atol * size + case.rtol * np.abs(b)))


def _strided(x: Array) -> Array:
    """The same values, every second entry of a larger array in Fortran's order."""
    if not x.ndim:
        return x.copy()
    large = np.asfortranarray(np.repeat(x, 2, axis=-1))
    return large[..., ::2]
