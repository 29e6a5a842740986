"""Tier 3, fingerprints: which known bugs of the op give exactly the learner's numbers.

The learner's functions and the op's typical bugs run on the same probes. A bug that agrees on every
probe, and differs from the right rule on one, is the likeliest name there is. Places are compared
one by one too, so that two bugs in two gradients are both found; of two bugs in one gradient,
`pairs` finds those that can be told apart.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import pairs
from .contract import upstream
from .op import Array, Mutant, Op, Probe
from .outcome import Outcome, Settings, shown
from .pairs import Place
from .report import Sign
from .subject import Subject, by_name
from .watching import quiet

Answer = dict[str, Array] | str  # by place, or the name of the error that it raised
WHOLE = "the whole"
KEPT = 5000  # answers, of some kilobytes each
_kept: dict[Hashable, Answer] = {}


def signs(
    op: Op, subject: Subject, outcomes: Sequence[Outcome], settings: Settings
) -> Iterator[Sign]:
    """A sign per probe that shows the known bug, at every place where it does."""
    # Failing probes first: most bugs part from the learner's numbers on one of these.
    tried = sorted((o for o in outcomes if not o.skipped), key=lambda o: not o.failed)
    probes = [o.probe for o in tried]
    mine = [_answer(op, subject.run, probe, settings) for probe in probes]
    right = [_known(op, None, probe, settings) for probe in probes]
    places = ["forward", *(f"g{name}" for name in op.gradients)]
    wrong = {p for p in places if not all(_same(a, b, p, settings)
             for a, b in zip(mine, right, strict=True))}  # fmt: skip
    if not wrong:
        return
    alike = {m.name: _alike(op, m, probes, mine, {WHOLE, *wrong}, settings) for m in op.mutants}
    whole = [m for m in op.mutants if WHOLE in alike[m.name]]
    for mutant in whole or op.mutants:
        for place in wrong if whole else wrong & alike[mutant.name]:
            yield from _tell(mutant, place, probes, mine, right, settings)
    told = wrong if whole else set().union(*alike.values())
    for name in wrong - told:
        yield from _two(op, name, tried, mine, right, settings)


def _two(
    op: Op, name: str, tried: Sequence[Outcome], mine: Sequence[Answer], right: Sequence[Answer],
    settings: Settings,
) -> Iterator[Sign]:  # fmt: skip
    """The pairs of known bugs that explain a place which no single one does."""
    clear = [n for n, pair in enumerate(zip(mine, right, strict=True)) if _clear(name, *pair)]
    if not clear:
        return

    def answers(given: Sequence[Answer]) -> list[Array]:
        return [a[name] for a in given if not isinstance(a, str)]

    outcomes = [tried[n] for n in clear]
    correct = [right[n] for n in clear]
    place = Place(name, outcomes, answers([mine[n] for n in clear]), answers(correct))
    known = {}
    # of bugs that look alike here, those that spoil nothing elsewhere first
    for mutant in sorted(op.mutants, key=lambda m: (m.forward is not None, len(m.gradients))):
        theirs = [_known(op, mutant, o.probe, settings) for o in outcomes]
        if all(map(partial(_clear, name), theirs, correct)):
            known[mutant] = answers(theirs)
    yield from pairs.signs(place, known, partial(_equal, settings=settings))


def _clear(name: str, given: Answer, right: Answer) -> bool:
    """Whether there are finite numbers of the right shape at a place."""
    if isinstance(given, str) or isinstance(right, str):
        return False
    return given[name].shape == right[name].shape and bool(np.isfinite(given[name]).all())


def _alike(
    op: Op, mutant: Mutant, probes: Sequence[Probe], mine: Sequence[Answer], places: set[str],
    settings: Settings,
) -> set[str]:  # fmt: skip
    """The places at which the known bug gives the learner's numbers on every probe."""
    alive = set(places)
    for probe, answer in zip(probes, mine, strict=True):
        theirs = _known(op, mutant, probe, settings)
        alive = {place for place in alive if _same(answer, theirs, place, settings)}
        if not alive:
            break
    return alive


def _known(op: Op, mutant: Mutant | None, probe: Probe, settings: Settings) -> Answer:
    """What a known bug gives on a probe, kept for the next diagnosis of the same op."""
    numbers = b"".join(x.tobytes() for x in probe.inputs.values())
    name = mutant.name if mutant else ""
    key = (op.name, name, probe.name, str(op.conventions), settings.dtype.str, hash(numbers))
    if key not in _kept:
        if len(_kept) > KEPT:
            _kept.clear()
        _kept[key] = _answer(op, lambda x, options: op.run(x, options, mutant)[:2], probe, settings)
    return _kept[key]


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
                yield Sign(mutant.bug, place, shown(place, p[place], q[place]), 3, probe.name)
