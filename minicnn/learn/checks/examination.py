"""What a check of one's own is made of: an `Examination` collects what is wrong, and names it."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.findings import merge
from ...testing.doctor.report import Sign

Function = Callable[..., Any]
Functions = Mapping[str, Any]


@dataclass(frozen=True)
class Wrong:
    """A typical mistake for the exam of the check: ``functions`` that must get the name ``bug``."""

    bug: str
    functions: Functions
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """``run(functions, seed)`` gives a Diagnosis; ``wrong`` are mistakes that it must name."""

    run: Callable[[Functions, int], Diagnosis]
    wrong: tuple[Wrong, ...] = ()


class Examination:
    """Tries of one exercise, each under a probe's name; the answer is a Diagnosis.

    >>> exam = Examination("unbroadcast", "gradient")
    >>> with exam.probe("(5,3) + (3,)"):
    ...     exam.equal("gradient", unbroadcast(gy, (3,)), gy.sum(0), {"mean-for-sum": gy.mean(0)})
    >>> return exam.diagnosis()

    An exception inside a probe is a finding, too. ``parts`` are the places that are judged.
    """

    def __init__(self, what: str, *parts: str) -> None:
        self._what, self._parts = what, parts
        self._signs: list[Sign] = []
        self._failing: dict[str, list[str]] = {}
        self._probes: list[str] = []

    def probe(self, name: str) -> "Examination":
        """What follows is told under this name."""
        self._probes.append(name)
        return self

    def __enter__(self) -> "Examination":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            return False
        if isinstance(error, KeyboardInterrupt | MemoryError):
            return False
        if isinstance(error, SystemExit):
            self.wrong("exits", "", f"the function calls sys.exit({error.code!r})")
        else:
            text = " ".join(str(error).split())[:200]
            self.wrong("raises", "", f"{type(error).__name__}: {text}{_place(error)}")
        return True

    def wrong(self, bug: str, where: str, evidence: str, tier: int = 2) -> None:
        """Something is not right: the bug's name, where, and one line with numbers."""
        probe = self._probes[-1] if self._probes else "the exercise"
        self._signs.append(Sign(bug, where, evidence, tier, probe))
        if probe not in self._failing.setdefault(where, []):
            self._failing[where].append(probe)

    def require(self, holds: Any, bug: str, where: str, evidence: str) -> bool:
        """``holds``, else it is wrong."""
        if not holds:
            self.wrong(bug, where, evidence)
        return bool(holds)

    def equal(
        self, where: str, given: Any, right: Any, known: Mapping[str, Any] | None = None, *,
        rtol: float = 1e-9, atol: float = 1e-12, what: str = "",
    ) -> bool:  # fmt: skip
        """The numbers are right; wrong ones that equal an entry of ``known`` have its name."""
        right = np.asarray(right)
        if given is None:
            self.wrong("returns-none", where, f"{what or where} is None; nothing was returned", 0)
            return False
        try:
            array = np.asarray(given)
            numeric = array.dtype.kind in "biufc"
        except ValueError:
            numeric = False
        if not numeric:
            self.wrong("not-an-array", where, f"{what or where} is {type(given).__name__}", 0)
            return False
        if array.shape == right.shape and np.allclose(array, right, rtol, atol):
            return True
        evidence = _difference(array, right, what, rtol, atol)
        names = [bug for bug, value in (known or {}).items() if _same(array, value, rtol, atol)]
        if array.shape != right.shape and not names:
            names = ["wrong-shape"]
        for bug in names or ["result-wrong"]:
            self.wrong(bug, where, evidence)
        return False

    def unchanged(self, before: Any, after: Any, name: str) -> bool:
        """The caller's array has its old values."""
        return self.require(np.array_equal(before, after, equal_nan=True), "changes-input", name,
                            f"{name} has other values after the call")  # fmt: skip

    def diagnosis(self) -> Diagnosis:
        places = [*self._parts, *(p for p in self._failing if p and p not in self._parts)]
        parts = {p: "WRONG" if p in self._failing else "ok" for p in places}
        if "" in self._failing:
            parts = {p: "not checked" if state == "ok" else state for p, state in parts.items()}
        findings = merge(self._signs, self._failing)
        return Diagnosis(self._what, parts, findings, tuple(dict.fromkeys(self._probes)))


def _same(given: np.ndarray, value: Any, rtol: float, atol: float) -> bool:
    value = np.asarray(value)
    return given.shape == value.shape and np.allclose(given, value, rtol, atol)


def _difference(given: np.ndarray, right: np.ndarray, what: str, rtol: float, atol: float) -> str:
    label = f"{what}: " if what else ""
    if given.shape != right.shape:
        return f"{label}shape {given.shape}, right is {right.shape}"
    off = ~np.isclose(given, right, rtol, atol)
    entry = tuple(int(i) for i in np.argwhere(off)[0])
    place = f"[{', '.join(map(str, entry))}]" if entry else ""
    count = f"; {off.sum()} of {off.size} entries differ" if off.size > 1 else ""
    return f"{label}{place or 'value'} is {given[entry]:.6g}, right is {right[entry]:.6g}{count}"


def _place(error: BaseException) -> str:
    """The line of the learner's file that raised."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "minicnn" not in Path(frame.filename).parts[-4:-1] and frame.line:
            return f", line {frame.lineno} of {Path(frame.filename).name}: {frame.line}"
    return ""
