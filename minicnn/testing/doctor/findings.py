"""From the signs of single probes to findings: what holds on every failing probe, likeliest first.

A sign can be a coincidence on one probe: with N = 2 a lost factor 2 looks like a lost division by
the batch size. A name therefore counts where it holds on all probes that fail at its place; only
where no name does, because there are two bugs, the name that explains most of them is taken, and
then one for the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from .bugs import GENERIC
from .report import Finding, Sign
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
        shown[sign.where, sign.bug].append(sign)
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
        covered = {s.probe for s in here[best]} & left
        if not covered:
            break
        answer.append(best)
        left -= covered
        names.remove(best)
    return contract + answer


def _fit(key: Key, signs: list[Sign], left: set[str]) -> tuple[bool, int, int, int]:
    """Names that hold on all probes first, the most specific of them; then those on most probes."""
    missed = len(left - {s.probe for s in signs})
    return missed > 0, missed if missed else 0, *_rank(key[1], max(s.tier for s in signs))


def _rank(bug: str, tier: int) -> tuple[int, int]:
    return _class(bug, tier), -specificity(bug)


def _class(bug: str, tier: int) -> int:
    """How much a name explains: 0 the cause of everything, 6 nothing."""
    if bug in CAUSES:
        return 0
    if tier == 3:
        return 1
    if bug in EFFECTS:
        return 4
    if bug in VAGUE:
        return 6
    family = bug.partition(":")[0] + (":" if ":" in bug else "")
    return (5 if GENERIC[family].partial else 3) if family in GENERIC else 2


def _together(
    chosen: Mapping[Key, list[Sign]], failing: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """One finding per bug, with the places where it shows."""
    by_bug: dict[str, list[tuple[str, list[Sign]]]] = defaultdict(list)
    for (place, bug), signs in chosen.items():
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


def _order(finding: Finding) -> tuple[int, int, int]:
    return (*_rank(finding.bug, finding.tier), -len(finding.probes))
