"""The check of an exercise inside a notebook: what the test cells of `export` call.

It judges the function that the notebook has now, and raises what the doctor says where it is
wrong. The notebook's first code cell imports this, so that it has seen the library before any cell
of the learner's has run.
"""

from pathlib import Path
from typing import Any

from ..testing.doctor.child import Fault, single
from .child import library, refuse_changes
from .course import find_course
from .exercise import Exercise
from .grade import seed_of
from .judge import judge

_TRUSTED = library()


class Wrong(AssertionError):
    """The verdict on an exercise; a notebook shows it without the lines of the library."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def check(id: str, *functions: Any, own_numbers: bool = False) -> None:
    """Judge the functions of an exercise (for a method, its class), in the order of its table.

    The probes are drawn from seed 0, as `minicnn learn check` does; with ``own_numbers`` from the
    seed that `minicnn learn grade` gives to this learner. Raises Wrong with the verdict.
    """
    exercise = find_course().exercise(id)
    text = _complaint(exercise, functions, seed_of(learner(), exercise) if own_numbers else 0)
    if "NotImplementedError" in text:
        raise Wrong(f"{exercise.title}: not started, or `raise NotImplementedError` is still there")
    if text:
        raise Wrong(text)
    if not own_numbers:
        print(f"{exercise.title}: passed")


def learner() -> str:
    """nbgrader runs a notebook in autograded/LEARNER/ASSIGNMENT."""
    return Path.cwd().parent.name


def _complaint(exercise: Exercise, functions: tuple[Any, ...], seed: int) -> str:
    """What is wrong, as text; "" where all is well."""
    names = dict.fromkeys(f.partition(".")[0] for f in exercise.functions)
    named = dict(zip(names, functions, strict=True))
    given = {f: named[f.partition(".")[0]] for f in exercise.functions}
    try:
        refuse_changes(_TRUSTED)
        found = judge(exercise, given, seed)
        refuse_changes(_TRUSTED)
    except Fault as fault:
        found = single(exercise.title, fault.bug, fault.evidence)
    return "" if found.ok else str(found)
