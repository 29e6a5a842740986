"""Tier 3, fingerprints: which known bugs of the op give exactly the learner's numbers.

The learner's functions and the op's typical bugs run on the same probes. A bug that agrees on every
probe, and differs from the right rule on one, is the likeliest name there is. Places are compared
one by one too, so that two bugs in two gradients are both found; and with the ratio of the two
constant, a known bug and a wrong factor at once are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .contract import upstream
from .op import Array, Mutant, Op, Probe
from .outcome import Outcome, Settings
from .report import Sign
from .subject import Subject, by_name
from .watching import quiet

Answer = dict[str, Array] | str  # by place, or the name of the error that it raised
WHOLE = "the whole"


def signs(
    op: Op, subject: Subject, outcomes: Sequence[Outcome], settings: Settings
) -> Iterator[Sign]:
    """A sign per probe that shows the known bug, at every place where it does."""
    # Failing probes first: most bugs part from the learner's numbers on one of these.
    probes = [o.probe for o in sorted(outcomes, key=lambda o: not o.failed) if not o.skipped]
    mine = [_answer(op, subject.run, probe, settings) for probe in probes]
    right = [_answer(op, _known(op, None), probe, settings) for probe in probes]
    places = ["forward", *(f"g{name}" for name in op.gradients)]
    wrong = {p for p in places if not all(_same(a, b, p, settings)
             for a, b in zip(mine, right, strict=True))}  # fmt: skip
    alike = {m.name: _alike(op, m, probes, mine, {WHOLE, *wrong}, settings) for m in op.mutants}
    whole = [m for m in op.mutants if WHOLE in alike[m.name]] if wrong else []
    for mutant in whole or op.mutants:
        for place in wrong if whole else wrong & alike[mutant.name]:
            yield from _tell(mutant, place, probes, mine, right, settings)


def _alike(
    op: Op, mutant: Mutant, probes: Sequence[Probe], mine: Sequence[Answer], places: set[str],
    settings: Settings,
) -> set[str]:  # fmt: skip
    """The places at which the known bug gives the learner's numbers on every probe."""
    alive = set(places)
    for probe, answer in zip(probes, mine, strict=True):
        theirs = _answer(op, _known(op, mutant), probe, settings)
        alive = {place for place in alive if _same(answer, theirs, place, settings)}
        if not alive:
            break
    return alive


def _known(op: Op, mutant: Mutant | None) -> Callable[..., Any]:
    def run(inputs: Mapping[str, Array], options: Mapping[str, Any]) -> Any:
        y, rule, _ = op.run(inputs, options, mutant)
        return y, rule

    return run


def _answer(op: Op, run: Callable[..., Any], probe: Probe, settings: Settings) -> Answer:
    """y and the gradients by place, whatever they are; or how it fails."""
    try:
        with quiet():
            inputs = {k: _cast(v, settings.dtype) for k, v in probe.inputs.items()}
            y, rule = run(inputs, dict(probe.options))
            found = {"forward": np.array(y, float)}
            if op.gradients:
                right = op.run(probe.inputs, probe.options)[0]
                gradients = by_name(
                    rule(upstream(probe, right, settings.dtype)), tuple(op.gradients)
                )
                found |= {f"g{k}": np.array(v, float) for k, v in gradients.items()}
            return found
    except (Exception, SystemExit) as error:
        return type(error).__name__


def _cast(x: Array, dtype: np.dtype) -> Array:
    return np.array(x, dtype) if x.dtype.kind == "f" else x.copy()


def _same(p: Answer, q: Answer, place: str, settings: Settings) -> bool:
    """Whether two answers agree at a place, or fail both."""
    if isinstance(p, str) or isinstance(q, str):
        return isinstance(p, str) and isinstance(q, str)
    return all(_equal(p[k], q[k], settings) for k in (p if place == WHOLE else [place]))


def _equal(a: Array, b: Array, settings: Settings) -> bool:
    if a.shape != b.shape:
        return False
    finite = np.abs(b[np.isfinite(b)])
    atol = settings.atol * float(finite.max(initial=1e-300))
    return bool(np.allclose(a, b, settings.rtol, atol, equal_nan=True))


def _tell(
    mutant: Mutant, place: str, probes: Sequence[Probe], mine: Sequence[Answer],
    right: Sequence[Answer], settings: Settings,
) -> Iterator[Sign]:  # fmt: skip
    """The probes on which the bug shows at a place, with one number beside the right one."""
    for probe, p, q in zip(probes, mine, right, strict=True):
        if not isinstance(p, str) and not isinstance(q, str):
            if not _equal(p[place], q[place], settings):
                yield Sign(mutant.bug, place, _numbers(place, p[place], q[place]), 3, probe.name)


def _numbers(place: str, a: Array, b: Array) -> str:
    if a.shape != b.shape:
        return f"{place} has shape {a.shape}; it should be {b.shape}"
    far = np.where(np.isfinite(a), np.abs(a - b), np.inf)
    index = tuple(int(i) for i in np.unravel_index(int(far.argmax()), far.shape))
    name = "y" if place == "forward" else place
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{name}{at} is {a[index]:.6g}; it should be {b[index]:.6g}"
