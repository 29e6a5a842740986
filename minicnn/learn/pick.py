"""`pick`: the learner's own function where it passes its check, else the course's."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .check import check
from .course import find_course
from .exercise import Exercise
from .stub import solution
from .workspace import find_workspace


def pick(name: str) -> Any:
    """The function (or class) of exercises ("linear_backward"), and a line that says whose it is.

    The learner's, if it is in their folder and passes now; else the course's own, so that a lesson
    runs whatever has been done of the earlier ones.
    """
    course = find_course()
    exercises = _exercises_with(course.exercises, name)
    exercise = exercises[0]
    path = find_workspace().file(exercise.lesson)
    if path.is_file():
        results = (check(course, e, path) for e in exercises)
        failed = next((r for r in results if not r.ok), None)
        if failed is None:
            _say(f"{name}: yours, from {path}")
            return getattr(load(path), name)
        _say(f"{name}: the course's; yours: {failed.summary}")
    else:
        _say(f"{name}: the course's; yours is not there yet")
    module = ModuleType(f"solutions_{exercise.lesson}")
    exec(solution(course.lesson(exercise.id)), vars(module))
    return getattr(module, name)


def load(path: Path) -> ModuleType:
    """Run a learner's file in this process."""
    spec = importlib.util.spec_from_file_location(f"my_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _exercises_with(exercises: tuple[Exercise, ...], name: str) -> list[Exercise]:
    """The one that has the function; for a class, all that have a method of it."""
    found = [e for e in exercises if any(name in (f, f.partition(".")[0]) for f in e.functions)]
    if not found:
        have = ", ".join(f for e in exercises for f in e.functions)
        raise ValueError(f"pick: no exercise has a function {name!r}; there are {have}")
    return found


def _say(text: str) -> None:
    """On stderr: what a lesson prints is the same whoever runs it."""
    print(f"minicnn learn: {text}", file=sys.stderr)
