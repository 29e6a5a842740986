"""Everything that is made from the lessons' sources: stubs, solutions, pages, notebooks."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .compare import same
from .course import Course
from .execute import execute
from .exercise import LessonError
from .lesson import Lesson
from .map import contents
from .page import check_markdown, page
from .stub import solution, stub

AFTER = """# Solutions

For after you pass: `minicnn learn` shows the one that you have earned. Reading before writing
teaches reading.
"""
LONGEST = 250  # lines of a lesson
Files = dict[str, str]


def build(course: Course, only: Sequence[Lesson] = ()) -> list[str]:
    """Write what is missing or stale, for all lessons or some; return the names that changed."""
    changed = []
    for name, text in sorted(made(course, only).items()):
        path = course.folder / name
        if not path.exists() or not same(path.read_text(encoding="utf-8"), text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    for name in _leftover(course):
        (course.folder / name).unlink()
        changed.append(name)
    return changed


def stale(course: Course, only: Sequence[Lesson] = ()) -> list[str]:
    """What a build would change, each with the reason."""
    problems = []
    for name, text in sorted(made(course, only).items()):
        path = course.folder / name
        if not path.exists():
            problems.append(f"{name} is missing")
        elif not same(path.read_text(encoding="utf-8"), text):
            problems.append(f"{name} is not what its source gives")
    return problems + [f"{name} has no source" for name in _leftover(course)]


def made(course: Course, only: Sequence[Lesson] = ()) -> Files:
    """All generated files by name, in the folder of the lessons."""
    files = {"README.md": contents(course), "solutions/README.md": AFTER}
    for lesson in only or course.lessons:
        files |= _of_lesson(course, lesson)
    return files


def _of_lesson(course: Course, lesson: Lesson) -> Files:
    count = len(lesson.path.read_text(encoding="utf-8").splitlines())
    if count > LONGEST:
        raise LessonError(f"{lesson.path.name}: a lesson has at most {LONGEST} lines, got {count}")
    for cell in lesson.cells:
        if cell.kind == "markdown":
            check_markdown(lesson, cell)
    position = course.lessons.index(lesson)
    around = [None, *course.lessons, None]
    files = {}
    if lesson.exercises:
        files[f"exercises/{lesson.name}.py"] = stub(lesson)
        files[f"solutions/{lesson.name}.py"] = solution(lesson)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = execute(lesson, Path(scratch))
        text = page(lesson, outputs, (around[position], around[position + 2]))
        files[f"{lesson.name}/README.md"] = text
        for path in sorted(Path(scratch).glob("*.svg")):
            files[f"{lesson.name}/{path.name}"] = path.read_text(encoding="utf-8")
    return files


def _leftover(course: Course) -> Iterator[str]:
    """Generated files whose lesson or figure is gone."""
    names = {lesson.name for lesson in course.lessons}
    for folder in ("exercises", "solutions"):
        for path in sorted((course.folder / folder).glob("*.py")):
            if path.stem not in names:
                yield f"{folder}/{path.name}"
    for path in sorted(course.folder.glob("[0-9][0-9]_*/*")):
        text = course.folder / path.parent.name / "README.md"
        if path.parent.name not in names:
            yield f"{path.parent.name}/{path.name}"
        elif path.suffix == ".svg" and f"({path.name})" not in text.read_text(encoding="utf-8"):
            yield f"{path.parent.name}/{path.name}"
