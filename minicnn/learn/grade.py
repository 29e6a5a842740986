"""For teachers: the folders of many learners, checked; a table, and a report for each learner.

Every learner's probes are drawn from a seed of their own, made of the folder's name, so that an
answer copied in numbers does not pass; the same folders always give the same files.
"""

import csv
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .check import Result, check
from .course import Course
from .exercise import Exercise
from .lesson import Lesson
from .work import BROKEN


@dataclass(frozen=True)
class Grades:
    """One learner's results; an exercise counts as many points as it has stars."""

    learner: str
    results: tuple[Result, ...]

    @property
    def points(self) -> int:
        return sum(r.exercise.difficulty for r in self.results if r.ok)

    @property
    def possible(self) -> int:
        return sum(r.exercise.difficulty for r in self.results)

    def __str__(self) -> str:
        passed = sum(r.ok for r in self.results)
        return (f"{self.learner}: {passed} of {len(self.results)} exercises, "
                f"{self.points} of {self.possible} points")  # fmt: skip

    def report(self) -> str:
        """What the learner may read."""
        lines = [f"# {self.learner}", "", str(self).partition(": ")[2], ""]
        for result in self.results:
            lines += [f"## {result.exercise.title}: {result.status}", ""]
            if not result.ok:
                lines += ["```text", result.text, "```", ""]
        return "\n".join(lines)


def grade(
    course: Course, folders: Sequence[Path], lessons: Sequence[Lesson], out: Path,
    seconds: float | None, memory: int,
) -> Iterator[Grades]:  # fmt: skip
    """Check every learner's files, write `grades.csv` and `<learner>.md` into ``out``.

    Raises ValueError where a folder is missing or two learners have one name.
    """
    learners = _names(folders)
    exercises = [e for lesson in lessons for e in lesson.exercises]
    out.mkdir(parents=True, exist_ok=True)
    every = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for learner, folder in learners.items():
            one = partial(_check, course, learner, folder, seconds, memory)
            grades = Grades(learner, tuple(pool.map(one, exercises)))
            (out / f"{learner}.md").write_text(grades.report(), encoding="utf-8")
            every.append(grades)
            yield grades
    _write_table(out / "grades.csv", every)


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    learners: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"grade: {folder} must be a learner's folder, got none")
        inner = folder / "my"
        name = folder.resolve().name
        if name in learners:
            raise ValueError(f"grade: two learners may not have one name, got {name} twice")
        learners[name] = inner if inner.is_dir() else folder
    return learners


def _check(
    course: Course, learner: str, folder: Path, seconds: float | None, memory: int,
    exercise: Exercise,
) -> Result:  # fmt: skip
    """One check of a copy, so that no learner's file is changed by another's code."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{exercise.lesson}.py"
        if (folder / path.name).is_file():
            shutil.copy(folder / path.name, path)
        try:
            result = check(course, exercise, path, seed_of(learner, exercise), memory, seconds)
        except RuntimeError as error:
            return Result(exercise, BROKEN, f"the check failed, look at it by hand: {error}")
        return Result(exercise, result.status, result.text.replace(str(path), path.name),
                      result.bug, result.headline)  # fmt: skip


def seed_of(learner: str, exercise: Exercise) -> int:
    """A number of their own, the same every time."""
    return zlib.crc32(f"{learner} {exercise.id}".encode()) % 2**31 + 1


def _write_table(path: Path, every: Sequence[Grades]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        ids = [r.exercise.id for r in every[0].results]
        table.writerow(["learner", "passed", "points", "possible", *ids])
        for g in every:
            passed = sum(r.ok for r in g.results)
            states = [r.status if r.ok or not r.bug else f"{r.status}: {r.bug}" for r in g.results]
            table.writerow([g.learner, passed, g.points, g.possible, *states])
