"""Checks of exercises that are no op of the gradient doctor: one file per lesson, `<slug>.py`.

Such a file has ``CHECKS``, which maps an exercise's name to its `Check`, and ``BUGS``, the entries
that it adds to the doctor's vocabulary.
"""

import importlib
import importlib.util
from functools import cache

from ...testing.doctor.bugs import BUGS
from ..exercise import Exercise, LessonError
from .examination import Check, Examination, Wrong
from .general import BUGS as GENERAL

__all__ = ["Check", "Examination", "Wrong", "check_of"]

BUGS.update({bug.key: bug for bug in GENERAL})


def check_of(exercise: Exercise) -> Check:
    """The check of an exercise without an op. Raises LessonError where there is none."""
    checks = _checks(exercise.slug)
    if exercise.name not in checks:
        raise LessonError(
            f"exercise {exercise.title} must have an `op` that the doctor knows, or an entry of "
            f"CHECKS in minicnn/learn/checks/{exercise.slug}.py"
        )
    return checks[exercise.name]


@cache
def _checks(slug: str) -> dict[str, Check]:
    if importlib.util.find_spec(f"{__name__}.{slug}") is None:
        return {}
    module = importlib.import_module(f"{__name__}.{slug}")
    BUGS.update({bug.key: bug for bug in getattr(module, "BUGS", ())})
    return dict(module.CHECKS)
