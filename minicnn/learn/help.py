"""What a learner is told: verdicts, hints, the list of exercises, solutions that are earned."""

from .check import Result, check
from .course import Course
from .exercise import Exercise
from .stub import solution_of
from .work import NOT_STARTED
from .workspace import Workspace


def current(course: Course, work: Workspace) -> Exercise:
    """The first exercise that has not passed, else the last. Raises ValueError without any."""
    if not course.exercises:
        raise ValueError(f"learn: there must be exercises in {course.folder}, got none")
    left = [e for e in course.exercises if not work.progress.passed(e.id)]
    return (left or course.exercises)[0 if left else -1]


def verdict(result: Result) -> str:
    """What to print of a check."""
    exercise = result.exercise
    if result.ok:
        return f"{exercise.title}: passed"
    if result.status == NOT_STARTED:
        return f"{result.text} ({exercise.stars}, {exercise.minutes} minutes)"
    return result.text


def next_hint(work: Workspace, exercise: Exercise) -> list[str]:
    """One hint more than before; the count is kept."""
    shown = min(work.progress.hints(exercise.id) + 1, 3)
    if work.progress.hints(exercise.id) < 3:
        work.progress.record_hint(exercise.id)
    lines = [f"hint {n + 1} of 3: {hint}" for n, hint in enumerate(exercise.hints[:shown])]
    if shown == 3:
        lines.append(f"That was the last one; `minicnn learn solution {exercise.id}` shows ours.")
    return lines


def listing(course: Course, work: Workspace) -> list[tuple[str, str, str, int, str, str]]:
    """A row per exercise."""
    return [
        (e.id, e.name, e.stars, e.minutes, str(work.progress.hints(e.id) or ""),
         work.progress.passed(e.id) or "")
        for e in course.exercises
    ]  # fmt: skip


def earned_solution(course: Course, work: Workspace, exercise: Exercise) -> str:
    """The course's solution. Raises ValueError before a pass and before the third hint."""
    if work.progress.hints(exercise.id) < 3:
        if not check(course, exercise, work.file(exercise.lesson)).ok:
            raise ValueError(
                f"solution: {exercise.title} must pass first, or all three hints be shown; "
                f"`minicnn learn hint {exercise.id}`"
            )
    return solution_of(course.lesson(exercise.id), exercise)
