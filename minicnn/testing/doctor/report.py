"""What the doctor found, as plain data: signs from single probes, findings, the diagnosis."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .bugs import bug_of, headline
from .maps import GradientMap

AND = " & "  # between the keys of two bugs that are in one array


@dataclass(frozen=True)
class Sign:
    """What one probe suggests: a ``bug`` by its key, at one place ("forward", "gx", "gweight", "").

    Two bugs that are seen together are one sign, "one & other", and two findings.

    ``evidence`` is one line with the numbers that show it. ``tier`` is how it was found: 0 the
    contract, 1 linearity and support, 2 structure of the numbers, 3 the numbers of a known bug.
    """

    bug: str
    where: str
    evidence: str
    tier: int
    probe: str = ""


@dataclass(frozen=True)
class Finding:
    """One bug, on all the probes that show it (``probes`` of ``failing``)."""

    bug: str
    where: tuple[str, ...]
    evidence: str
    tier: int
    probes: tuple[str, ...]
    failing: int

    @property
    def headline(self) -> str:
        return headline(self.bug)

    @property
    def pointer(self) -> str:
        return bug_of(self.bug).pointer

    @property
    def hints(self) -> tuple[str, str, str]:
        return bug_of(self.bug).hints


@dataclass(frozen=True)
class Diagnosis:
    """The answer: ``ok``, or the findings, the likeliest first.

    ``parts`` says for the forward pass and each gradient "ok", "WRONG" or "not checked"; ``notes``
    what is worth knowing and no fault (kinks, printed text); ``skipped`` what was not checked, and
    why. ``maps`` are the gradients themselves, for `picture.draw`; they are not part of the data
    that `to_dict` gives.
    """

    what: str
    parts: dict[str, str]
    findings: tuple[Finding, ...] = ()
    probes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    maps: tuple[GradientMap, ...] = field(default=(), repr=False, compare=False)

    @property
    def ok(self) -> bool:
        return not self.findings and all(state != "WRONG" for state in self.parts.values())

    @property
    def verdict(self) -> Finding | None:
        return self.findings[0] if self.findings else None

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for graders."""
        data = dataclasses.asdict(dataclasses.replace(self, maps=()))
        del data["maps"]
        for entry, finding in zip(data["findings"], self.findings, strict=True):
            entry |= {"headline": finding.headline, "pointer": finding.pointer}
        return {"ok": self.ok, **data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The diagnosis that `to_dict` gave."""
        findings = [
            Finding(
                entry["bug"], tuple(entry["where"]), entry["evidence"], entry["tier"],
                tuple(entry["probes"]), entry["failing"],
            )
            for entry in data["findings"]
        ]  # fmt: skip
        lists = {key: tuple(data[key]) for key in ("probes", "notes", "skipped")}
        return cls(data["what"], dict(data["parts"]), tuple(findings), **lists)

    def explain(self, hints: int = 3) -> str:
        """The text with the first ``hints`` hints of each finding."""
        lines = [str(self)]
        for finding in self.findings:
            lines += [f"  hint {n + 1}: {hint}" for n, hint in enumerate(finding.hints[:hints])]
        return "\n".join(lines)

    def __str__(self) -> str:
        """A line of what is right and wrong; per finding the verdict, the evidence, the pointer."""
        lines = [f"{self.what}: " + ", ".join(f"{k} {v}" for k, v in self.parts.items())]
        for finding in self.findings:
            shown = ""
            if finding.failing:
                shown = f" ({len(finding.probes)} of {finding.failing} failing probes)"
            where = " and ".join(finding.where)
            lines.append(f"  {where + ': ' if where else ''}{finding.headline}{shown}")
            lines.append(f"    {finding.evidence}")
            lines.append(f"    see {finding.pointer}")
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  not checked: {note}" for note in self.skipped]
        return "\n".join(lines)
