"""From the signs of single probes to findings: what holds on every failing probe, likeliest first.

A sign can be a coincidence on one probe: with N = 2 a lost factor 2 looks like a lost division by
the batch size. A name therefore counts where it holds on all probes that fail at its place; only
where no name does, because there are two bugs, the name that explains most of them is taken, and
then one for the rest. Two known bugs that together give the very numbers (`pairs`) come after the
name of one, and before a description ("off by the factor -1/N").
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from .bugs import GENERIC
from .report import AND, Finding, Sign
from .structure import specificity

# Faults against the contract that explain whatever else is wrong, and those that are explained.
CAUSES = {
    "changes-input", "changes-upstream", "exits", "returns-none", "wrong-count", "not-an-array",
    "backward-missing", "random", "low-precision",
}  # fmt: skip
EFFECTS = {
    "raises", "wrong-shape", "wrong-dtype", "nan", "fp-warning", "forward-shape", "strided-input",
    "broadcast-upstream",
}  # fmt: skip
VAGUE = {"unknown", "not-linear", "changes-global-state"}
Key = tuple[str, str]  # place, bug


def merge(signs: Iterable[Sign], failing: Mapping[str, Sequence[str]]) -> tuple[Finding, ...]:
    """The findings, likeliest first; ``failing`` lists the probes that fail at each place."""
    shown: dict[Key, list[Sign]] = defaultdict(list)
    for sign in signs:
        for name in _ways_round(sign.bug):
            shown[sign.where, name].append(sign)
    chosen: dict[Key, list[Sign]] = {}
    for place, probes in failing.items():
        here = {key: found for key, found in shown.items() if key[0] == place}
        for key in _explain(here, set(probes)):
            chosen[key] = here[key]
    found = sorted(_together(chosen, failing), key=_order)
    named = [f for f in found if _class(f.bug, f.tier) < _class("unknown", 2)]
    keep = named or found
    return tuple(keep + [f for f in found if f.bug == "changes-global-state" and f not in keep])


def _explain(here: Mapping[Key, list[Sign]], failing: set[str]) -> list[Key]:
    """The names of one place: all faults against the contract, and names for the wrong numbers."""
    contract = [key for key in here if key[1] in CAUSES | EFFECTS | {"changes-global-state"}]
    names = [key for key in here if key not in contract]
    spoilt = {s.probe for key in contract if key[1] in EFFECTS - {"fp-warning", "wrong-dtype"}
              for s in here[key]}  # fmt: skip
    left = failing - spoilt or set(failing)
    answer: list[Key] = []
    while names and left:
        best = min(names, key=lambda key: _fit(key, here[key], left))
        best = _and_another(best, names)
        covered = {s.probe for s in here[best]} & left
        if not covered:
            break
        answer.append(best)
        left -= covered
        names.remove(best)
    return contract + answer


def _ways_round(bug: str) -> dict[str, None]:
    """A pair of bugs both ways round, so that either may be the first."""
    return dict.fromkeys((bug, AND.join(reversed(bug.split(AND)))))


def _and_another(best: Key, names: Sequence[Key]) -> Key:
    """The pair that begins with the likeliest name, if there is one: a test may leave a factor."""
    return next((key for key in names if key[1].startswith(best[1] + AND)), best)


def _fit(key: Key, signs: list[Sign], left: set[str]) -> tuple[bool, int, int, int]:
    """Names that hold on all probes first, the most specific of them; then those on most probes."""
    missed = len(left - {s.probe for s in signs})
    return missed > 0, missed if missed else 0, *_rank(key[1], max(s.tier for s in signs))


def _rank(bug: str, tier: int) -> tuple[int, int]:
    return _class(bug, tier), -specificity(bug)


def _class(bug: str, tier: int) -> int:
    """How much a name explains: 0 the cause of everything, 7 nothing."""
    if bug in CAUSES:
        return 0
    if AND in bug:
        return 3
    if tier == 3:
        return 1
    if bug in EFFECTS:
        return 5
    if bug in VAGUE:
        return 7
    family = bug.partition(":")[0] + (":" if ":" in bug else "")
    return (6 if GENERIC[family].partial else 4) if family in GENERIC else 2


def _together(
    chosen: Mapping[Key, list[Sign]], failing: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """One finding per bug, with the places where it shows; two for two bugs in one array."""
    by_bug: dict[str, list[tuple[str, list[Sign]]]] = defaultdict(list)
    for (place, bugs), signs in chosen.items():
        for bug in dict.fromkeys(bugs.split(AND)):
            by_bug[bug].append((place, signs))
    findings = []
    for bug, entries in by_bug.items():
        places = tuple(place for place, _ in entries if place)
        signs = [s for _, found in entries for s in found]
        probes = tuple(dict.fromkeys(s.probe for s in signs))
        tests = {p for place, _ in entries for p in failing.get(place, ())} | set(probes)
        told = min(signs, key=lambda s: s.tier)  # the lower tier's evidence says more
        findings.append(
            Finding(bug, places, told.evidence, max(s.tier for s in signs), probes, len(tests))
        )
    return findings


def _order(finding: Finding) -> tuple[int, bool, int, int]:
    """What explains more goes first; of equals the forward pass, whose faults gradients follow."""
    kind, special = _rank(finding.bug, finding.tier)
    if finding.tier == 3:  # of two bugs, the known one stands before its factor
        special = 0
    return kind, "forward" not in finding.where, special, -len(finding.probes)
