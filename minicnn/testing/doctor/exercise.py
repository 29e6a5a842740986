"""The diagnosis of a learner's forward and backward for an op that the doctor knows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from . import contract, fingerprint, linearity, structure, support
from .findings import merge
from .maps import gradient_maps
from .op import Op
from .ops import OPS
from .outcome import Outcome, Settings
from .report import Diagnosis, Sign
from .subject import Subject
from .watching import preserved

TIERS = (0, 1, 2, 3)
ENOUGH = 5  # probes are enough to tell a bug from a coincidence


def diagnose_exercise(
    op: str | Op, forward: Callable[..., Any], backward: Callable[..., Any] | None = None, *,
    seed: int = 0, dtype: Any = "float64", rtol: float | None = None, atol: float | None = None,
    tiers: tuple[int, ...] = TIERS, **conventions: str,
) -> Diagnosis:  # fmt: skip
    """Check plain functions on NumPy arrays against a known op, and name what is wrong.

    ``forward(*inputs, **options)`` gives y, (y, cache) or (y, rule); ``backward(gy, *inputs,
    **options)``, ``backward(gy, cache)`` or ``rule(gy)`` gives one gradient per input. With
    ``dtype="float32"`` the probes are of single precision and the tolerances follow. Conventions
    that may differ are given by name: ``ties="last"``.

    Raises ValueError for an op or a convention that is not known.
    """
    known = _with_conventions(_known(op), conventions)
    single = np.dtype(dtype) == np.float32
    settings = Settings(
        np.dtype(dtype), rtol if rtol is not None else 1e-3 if single else 1e-7,
        atol if atol is not None else 1e-4 if single else 1e-9, (forward, backward),
    )  # fmt: skip
    subject = Subject(known, forward, backward)
    with preserved():
        outcomes = [contract.examine(known, subject, p, settings) for p in known.probes(seed)]
        looked = _telling(outcomes)
        found = [s for outcome in looked for s in outcome.signs]
        for outcome in looked:
            found += _look_into(outcome, known, tiers)
        if 3 in tiers and looked:
            found += fingerprint.signs(known, subject, outcomes, settings)
    return _report(known, outcomes, looked, [_translated(sign, known) for sign in found])


def _known(op: str | Op) -> Op:
    if isinstance(op, Op):
        return op
    if op not in OPS:
        near = get_close_matches(op, OPS, 3, 0.4) or sorted(OPS)
        raise ValueError(f"diagnose: the op must be one that the doctor knows, got {op!r}; "
                         f"did you mean {', '.join(near)}?")  # fmt: skip
    return OPS[op]


def _with_conventions(op: Op, chosen: dict[str, str]) -> Op:
    for name, value in chosen.items():
        allowed = op.conventions.get(name)
        if allowed is None or value not in allowed:
            have = "; ".join(f"{k}: {', '.join(v)}" for k, v in op.conventions.items()) or "none"
            raise ValueError(
                f"diagnose: {op.name} has no convention {name}={value!r}; it has {have}"
            )
    return replace(op, conventions={**op.conventions, **{k: (v,) for k, v in chosen.items()}})


def _telling(outcomes: list[Outcome]) -> list[Outcome]:
    """The failing probes to look into: one of each way of failing, and up to `ENOUGH` of them."""
    failing = [o for o in outcomes if o.failed]
    ways = {(frozenset(o.failed), frozenset(s.bug for s in o.signs)): o for o in failing[::-1]}
    first = {id(o) for o in ways.values()}
    rest = [o for o in failing if id(o) not in first][: max(0, ENOUGH - len(first))]
    return [o for o in failing if id(o) in first or o in rest]


def _look_into(outcome: Outcome, op: Op, tiers: tuple[int, ...]) -> Iterator[Sign]:
    """Tiers 1 and 2 on the gradients of one probe, and tier 2 on a wrong output."""
    case, forward = outcome.case, outcome.forward
    if forward and 2 in tiers:
        for sign in structure.signs(forward, "y"):
            bug = f"forward-{sign.bug}" if sign.bug.startswith("ratio:") else sign.bug
            yield replace(sign, where="forward", bug="forward-wrong" if bug == "unknown" else bug)
    if case is None or not case.given:
        if forward:
            yield from _detected(op, forward, outcome)
        return
    if not outcome.failed:
        return
    wrong = case.wrong()
    if 1 in tiers and wrong:
        yield from (s for s in linearity.signs(case) if s.where in outcome.failed)
        yield from (s for s in support.signs(case) if s.where in outcome.failed)
    if 2 in tiers:
        yield from _detected(op, case, outcome)
        for name in wrong:
            yield from structure.signs(case, name)


def _detected(op: Op, case: Any, outcome: Outcome) -> Iterator[Sign]:
    """What the op's own tests say of the places that fail."""
    for detector in op.detectors:
        yield from (s for s in detector(case) if s.where in outcome.failed)


def _translated(sign: Sign, op: Op) -> Sign:
    """The sign in the op's own words, where it has some."""
    bug = op.names.get(f"{sign.where} {sign.bug}", op.names.get(sign.bug, sign.bug))
    return replace(sign, bug=bug)


def _report(op: Op, outcomes: list[Outcome], looked: list[Outcome], signs: list[Sign]) -> Diagnosis:
    failing: dict[str, list[str]] = {}
    for outcome in looked:
        for place in outcome.failed:
            failing.setdefault(place, []).append(outcome.probe.name)
    skipped = {f"probe {o.probe.name!r}: {o.skipped}": None for o in outcomes if o.skipped}
    return Diagnosis(
        op.name, _parts(op, outcomes),
        merge((s for s in signs if s.probe in {o.probe.name for o in looked}), failing),
        tuple(o.probe.name for o in outcomes if not o.skipped),
        tuple(dict.fromkeys(note for o in outcomes for note in o.notes)), tuple(skipped),
        gradient_maps(o.case for o in outcomes if o.case),
    )  # fmt: skip


def _parts(op: Op, outcomes: list[Outcome]) -> dict[str, str]:
    """ "ok", "WRONG" or "not checked" for the forward pass and for each gradient."""
    failed = {place for o in outcomes for place in o.failed}
    seen = {f"g{name}" for o in outcomes if o.case for name in o.case.given}
    seen |= {"forward"} if any(o.y is not None for o in outcomes) else set()
    states = {}
    for place in ("forward", *(f"g{name}" for name in op.gradients)):
        states[place] = "WRONG" if place in failed else "ok" if place in seen else "not checked"
    return states
