"""The diagnosis of a learner's forward and backward for an op that the doctor knows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np

from . import contract, fingerprint, linearity, structure, support
from .case import Case
from .findings import merge
from .maps import gradient_maps
from .op import Op
from .ops import OPS
from .outcome import Outcome, Settings
from .report import AND, Diagnosis, Sign
from .subject import Subject
from .watching import preserved, quiet

TIERS = (0, 1, 2, 3)
SYNONYMS = {
    "dense": "linear", "fc": "linear", "affine": "linear", "fullyconnected": "linear",
    "power": "pow", "softmaxcrossentropy": "cross_entropy", "softmaxce": "cross_entropy",
    "bce": "binary_cross_entropy_with_logits", "depthwise": "depthwise_conv2d",
    "spatialbatchnorm": "batch_norm", "subtract": "sub", "multiply": "mul", "divide": "div",
}  # fmt: skip
ENOUGH = 5  # probes are enough to tell a bug from a coincidence


def diagnose_exercise(
    op: str | Op, forward: Callable[..., Any], backward: Callable[..., Any] | None = None, *,
    seed: int = 0, dtype: Any = "float64", rtol: float | None = None, atol: float | None = None,
    **conventions: str,
) -> Diagnosis:  # fmt: skip
    """Check plain functions on NumPy arrays against a known op, and name what is wrong.

    ``forward(*inputs, **options)`` gives y, (y, cache) or (y, rule); ``backward(gy, *inputs,
    **options)``, ``backward(gy, cache)`` or ``rule(gy)`` gives one gradient per input. With
    ``dtype="float32"`` the probes are of single precision and the tolerances follow. Conventions
    that may differ are given by name: ``ties="last"``.

    Raises ValueError for an op or a convention that is not known.
    """
    for function in (forward,) if backward is None else (forward, backward):
        if not callable(function):
            raise TypeError(f"diagnose: forward and backward must be functions, got {function!r}")
    single = np.dtype(dtype) == np.float32
    settings = Settings(
        np.dtype(dtype), rtol if rtol is not None else 1e-3 if single else 1e-7,
        atol if atol is not None else 1e-4 if single else 1e-9, (forward, backward),
    )  # fmt: skip
    known = _with_conventions(_known(op), conventions)
    return examined(known, Subject(known, forward, backward), settings, seed).diagnosis()


@dataclass(frozen=True)
class Examined:
    """All that was seen: the outcome of each probe, those looked into, and the signs."""

    op: Op
    outcomes: list[Outcome]
    looked: list[Outcome]
    signs: list[Sign]

    def diagnosis(self, tiers: tuple[int, ...] = TIERS) -> Diagnosis:
        """What the signs of these tiers come to."""
        failing: dict[str, list[str]] = {}
        for outcome in self.looked:
            for place in outcome.failed:
                failing.setdefault(place, []).append(outcome.probe.name)
        looked = {o.probe.name for o in self.looked}
        skipped = {f"probe {o.probe.name!r}: {o.skipped}" for o in self.outcomes if o.skipped}
        return Diagnosis(
            self.op.name, _parts(self.op, self.outcomes),
            merge((s for s in self.signs if s.tier in tiers and s.probe in looked), failing),
            tuple(o.probe.name for o in self.outcomes if not o.skipped),
            tuple(dict.fromkeys(note for o in self.outcomes for note in o.notes)),
            tuple(sorted(skipped)),
            gradient_maps(o.case for o in self.outcomes if o.case),
        )  # fmt: skip


def examined(op: Op, subject: Subject, settings: Settings, seed: int = 0) -> Examined:
    """Run a subject on all probes of an op, and look into those that fail."""
    with preserved():
        outcomes = [contract.examine(op, subject, probe, settings) for probe in op.probes(seed)]
        looked = _telling(outcomes)
        found = [sign for outcome in looked for sign in outcome.signs]
        for outcome in looked:
            found += _look_into(outcome, op)
        if looked:
            found += fingerprint.signs(op, subject, outcomes, settings)
    return Examined(op, outcomes, looked, [_translated(sign, op) for sign in found])


def _known(op: str | Op) -> Op:
    if isinstance(op, Op):
        return op
    if op not in OPS:
        bare = {_bare(name): name for name in OPS} | SYNONYMS
        if _bare(op) in bare:
            return OPS[bare[_bare(op)]]
        near = get_close_matches(op, OPS, 3, 0.4) or sorted(OPS)
        raise ValueError(f"diagnose: the op must be one that the doctor knows, got {op!r}; "
                         f"did you mean {', '.join(near)}?")  # fmt: skip
    return OPS[op]


def _bare(name: str) -> str:
    """ "max_pool2d", "MaxPool2d" and "maxpool" are one."""
    return name.lower().replace("_", "").removesuffix("2d").removesuffix("loss")


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


def _look_into(outcome: Outcome, op: Op) -> list[Sign]:
    """Tiers 1 and 2 on the gradients of one probe, and tier 2 on a wrong output."""
    tests: list[tuple[str, Callable[[], Iterable[Sign]]]] = []
    case, forward = outcome.case, outcome.forward
    if forward:
        tests.append(("forward", partial(_of_forward, forward)))
    wrong = case.wrong() if case else []
    if case and wrong:
        tests += [("linearity", partial(linearity.signs, case))]
        tests += [("support", partial(support.signs, case))]
        tests += [(name, partial(structure.signs, case, name)) for name in wrong]
    detected = case if case and case.given else forward
    tests += [(d.__name__, partial(d, detected)) for d in op.detectors if detected]
    signs = [sign for name, test in tests for sign in _safely(outcome, name, test)]
    return [sign for sign in signs if sign.where in outcome.failed]


def _of_forward(forward: Case) -> Iterator[Sign]:
    for sign in structure.signs(forward, "y"):
        bug = f"forward-{sign.bug}" if sign.bug.startswith("ratio:") else sign.bug
        yield replace(sign, where="forward", bug="forward-wrong" if bug == "unknown" else bug)


def _safely(outcome: Outcome, name: str, test: Callable[[], Iterable[Sign]]) -> list[Sign]:
    """What a test says; one that fails on odd answers must not take the others with it."""
    try:
        with quiet():
            return list(test())
    except Exception as error:
        outcome.notes.append(f"the doctor's test {name} failed: {type(error).__name__}: {error}")
        return []


def _translated(sign: Sign, op: Op) -> Sign:
    """The sign in the op's own words, where it has some."""
    words = [_in_words_of(op, sign.where, bug) for bug in sign.bug.split(AND)]
    return replace(sign, bug=AND.join(words))


def _in_words_of(op: Op, place: str, bug: str) -> str:
    family = bug.partition(":")[0] + ":"
    keys = (f"{place} {bug}", bug, f"{place} {family}", family)
    return next((op.names[key] for key in keys if key in op.names), bug)


def _parts(op: Op, outcomes: list[Outcome]) -> dict[str, str]:
    """ "ok", "WRONG" or "not checked" for the forward pass and for each gradient."""
    failed = {place for o in outcomes for place in o.failed}
    seen = {f"g{name}" for o in outcomes if o.case for name in o.case.given}
    seen |= {"forward"} if any(o.y is not None for o in outcomes) else set()
    states = {}
    for place in ("forward", *(f"g{name}" for name in op.gradients)):
        states[place] = "WRONG" if place in failed else "ok" if place in seen else "not checked"
    return states
