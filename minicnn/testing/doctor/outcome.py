"""What came of one probe, and how strictly it was judged."""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from .case import Case
from .op import Array, Probe
from .report import Sign


@dataclass(frozen=True)
class Settings:
    """``rtol`` and ``atol`` (in units of the largest entry) are what equal numbers may differ by.

    ``functions`` are the learner's, to show the line where they fail.
    """

    dtype: np.dtype
    rtol: float
    atol: float
    functions: tuple[Any, ...] = ()


class Stop(Exception):
    """Nothing more can be learned from this probe."""


@dataclass
class Outcome:
    """The signs of one probe, and the cases that the other tiers can look into.

    ``failed`` holds the places that are not right: "forward", "gx", or "" for the whole.
    ``forward`` is a case whose only "gradient" is the output y, where that is wrong.
    """

    probe: Probe
    case: Case | None = None
    forward: Case | None = None
    y: Any = None
    signs: list[Sign] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, bug: str, where: str, evidence: str, tier: int = 0) -> None:
        """A fault at a place; said once."""
        if not any(s.bug == bug and s.where == where for s in self.signs):
            self.signs.append(Sign(bug, where, evidence, tier, self.probe.name))
        self.failed.add(where)

    def stop(self, bug: str, where: str, evidence: str) -> NoReturn:
        self.add(bug, where, evidence)
        raise Stop


def shown(place: str, a: Array, b: Array) -> str:
    """The entry that is farthest from the right one, with both numbers."""
    if a.shape != b.shape:
        return f"{place} has shape {a.shape}; it should be {b.shape}"
    far = np.where(np.isfinite(a), np.abs(a - b), np.inf)
    index = tuple(int(i) for i in np.unravel_index(int(far.argmax()), far.shape))
    name = "y" if place == "forward" else place
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{name}{at} is {a[index]:.6g}; it should be {b[index]:.6g}"
