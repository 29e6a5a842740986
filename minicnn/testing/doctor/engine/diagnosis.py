"""The checks in their order: what later ones rely on comes first."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..bugs import headline
from ..report import Diagnosis, Finding, Sign
from .arrays import arrays, shared
from .discover import discover, starts
from .guard import Trouble, global_state
from .memory import inplace, late, twice
from .order import beside, chained, cost, deep, order
from .rules import adding_up, rules, scales, upstream
from .subject import Subject

Check = Callable[[Subject], Iterator[Sign]]
CHECKS: dict[str, tuple[Check, ...]] = {
    "start": (starts, scales),
    "rules": (rules, upstream),
    "adding up": (shared, adding_up),
    "order": (order, beside, chained),
    "cost": (cost,),
    "second backward": (twice,),
    "saved values": (late, inplace),
    "broadcasting": (arrays,),
    "depth": (deep,),  # last: an engine that keeps all nodes for ever is slow from then on
}
# What small engines leave undone on purpose: a note, unless the caller is strict.
TOLERATED = {"engine-deep-chain", "engine-stale-intermediates", "engine-late-read"}


def diagnose_engine(
    engine: Callable[..., Any],
    *,
    data: str = "",
    grad: str = "",
    backward: str = "",
    arrays: bool | None = None,
    strict: bool = False,
    only: Collection[str] = (),
    seed: int = 0,
) -> Diagnosis:
    """Find and name the bugs of an autograd engine.

    ``engine(number)`` makes a value (``requires_grad=True`` is passed where it takes that); it has
    + or *, and whatever else of - / ** exp log tanh relu sigmoid sin cos sqrt. ``data``, ``grad``
    and ``backward`` name its attributes; usual names are found without. ``arrays`` says whether it
    is meant for arrays (None: looked up). ``strict`` takes for a bug what small engines leave
    undone on purpose, and what is otherwise a note: chains of 5,000 ops, a second backward through
    the same graph, and operands that are changed between forward and backward. ``only`` names the
    parts to look at, such as "rules" (none: all of `CHECKS`). ``seed`` draws the numbers.

    Nothing that the engine raises gets out. An engine that loops for ever without a function call
    does not return: run it in a process of its own.
    """
    name = getattr(engine, "__name__", type(engine).__name__)
    signs: list[tuple[str, Sign]] = []
    with global_state() as changed:
        try:
            subject = discover(engine, data, grad, backward, arrays, seed)
        except Trouble as trouble:
            parts = dict.fromkeys(CHECKS, "not checked")
            return Diagnosis(name, parts, _merged([trouble.sign]), skipped=("all checks",))
        parts = _examine(subject, signs, strict, only)
    found = [sign for _, sign in signs]
    if "sys.setrecursionlimit" in changed:  # a way to long chains, if not a good one
        changed.remove("sys.setrecursionlimit")
        subject.notes.append("the engine calls sys.setrecursionlimit, for the whole program")
    if changed:
        found.append(Sign("engine-global-state", "", f"changed: {', '.join(changed)}", 0))
    if subject.guard.printed:
        first = subject.guard.printed.strip().partition("\n")[0][:60]
        subject.notes.append(f"the engine prints, first {first!r}")
    if subject.guard.warned:
        subject.notes.append(f"the engine warns, first {subject.guard.warned[0]!r}")
    return Diagnosis(
        name, parts, _merged(found), notes=_once(subject.notes), skipped=_once(subject.skipped)
    )


def _examine(
    subject: Subject, signs: list[tuple[str, Sign]], strict: bool, only: Collection[str]
) -> dict[str, str]:
    """Run the checks; the state of each part."""
    wanted = {part: checks for part, checks in CHECKS.items() if not only or part in only}
    parts = dict.fromkeys(wanted, "not checked")
    for part, checks in wanted.items():
        for check in checks:
            if check is deep and signs and not strict:
                subject.skipped.append("depth: looked at when all else is right")
                continue
            skipped = len(subject.skipped)
            found, ended = _signs(subject, check)
            for sign in found:
                if sign.bug in TOLERATED and not strict:
                    subject.notes.append(f"{headline(sign.bug)}: {sign.evidence}")
                else:
                    signs.append((part, sign))
                    parts[part] = "WRONG"
            if parts[part] != "WRONG" and len(subject.skipped) == skipped:
                parts[part] = "ok"
            if ended and check is starts:
                subject.skipped.append("all later checks: no gradient arrives")
                return parts
    return parts


def _signs(subject: Subject, check: Check) -> tuple[list[Sign], bool]:
    """What a check finds, and whether trouble ended it."""
    found: list[Sign] = []
    try:
        for sign in check(subject):
            found.append(sign)
    except Trouble as trouble:
        return [*found, trouble.sign], True
    return found, False


def _merged(signs: list[Sign]) -> tuple[Finding, ...]:
    """One finding per bug, in the order of the checks, with the first evidence."""
    found: dict[str, list[Sign]] = {}
    for sign in signs:
        found.setdefault(sign.bug, []).append(sign)
    return tuple(
        Finding(
            bug, (), of[0].evidence, of[0].tier, tuple(dict.fromkeys(s.probe for s in of)), len(of)
        )
        for bug, of in found.items()
    )


def _once(lines: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
