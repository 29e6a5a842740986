"""The course: the folder of the lessons, all of them in order, all exercises."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .exercise import Exercise, same_id
from .lesson import Lesson, read_lesson


@dataclass(frozen=True)
class Course:
    """The lessons of a folder."""

    folder: Path

    @cached_property
    def lessons(self) -> tuple[Lesson, ...]:
        return tuple(read_lesson(path) for path in self.sources)

    @property
    def sources(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9][0-9]_*.py"))

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        return tuple(e for lesson in self.lessons for e in lesson.exercises)

    def exercise(self, asked: str) -> Exercise:
        """By "05.2", "5.2" or its name. Raises ValueError with the ids that there are."""
        for exercise in self.exercises:
            if same_id(asked, exercise):
                return exercise
        have = [e.id for e in self.exercises]
        near = [i for i in have if i.startswith(asked[:2].zfill(2))] or have
        raise ValueError(f"no exercise is called {asked!r}; there are {', '.join(near)}")

    def lesson(self, asked: str) -> Lesson:
        """By its number, its name, or one of its exercises."""
        number = asked.zfill(2) if asked.isdecimal() else asked
        for lesson in self.lessons:
            if number in (lesson.number, lesson.name):
                return lesson
        if not asked.isdecimal() and self.exercises:
            wanted = self.exercise(asked).lesson
            return next(lesson for lesson in self.lessons if lesson.name == wanted)
        have = ", ".join(lesson.number for lesson in self.lessons) or "none"
        raise ValueError(f"no lesson is called {asked!r}; there are {have}")


def find_course() -> Course:
    """The folder `lessons` here or above, else beside the package; MINICNN_LESSONS names another.

    Raises FileNotFoundError where there is none.
    """
    if named := os.environ.get("MINICNN_LESSONS"):
        candidates = [Path(named)]
    else:
        here = Path.cwd()
        candidates = [folder / "lessons" for folder in (here, *here.parents)]
        candidates.append(Path(__file__).parents[2] / "lessons")
    for folder in candidates:
        if list(folder.glob("[0-9][0-9]_*.toml")):
            return Course(folder.resolve())
    raise FileNotFoundError(
        "learn: the folder `lessons` must be here or above, got none; go to the checkout of the "
        "course, or let MINICNN_LESSONS name its lessons"
    )
