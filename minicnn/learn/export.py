"""Lessons as assignments for nbgrader: solution cells, and test cells that ask the doctor.

FOLDER/source/05_dense/05_dense.ipynb is what `nbgrader generate_assignment 05_dense` takes. The
lesson's text and its own code are there, read-only; an exercise counts as many points as it has
stars. nbgrader itself is not needed here.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .exercise import Exercise
from .lesson import BEGIN, END, Cell, Lesson

MARKS = {BEGIN: "### BEGIN SOLUTION", END: "### END SOLUTION"}
FIRST = """\
# What the test cells below call; and figures are shown here. Run this cell first.
%matplotlib inline
from minicnn.learn import assignment"""
TEST = """\
# {title}: {points}. This cell says whether it is right; it cannot be changed.
assignment.check("{id}", {names})
### BEGIN HIDDEN TESTS
assignment.check("{id}", {names}, own_numbers=True)
### END HIDDEN TESTS"""
NOTE = """\
> **Exercise {id}** `{name}` {stars}, {minutes} minutes, {points}. Write it in the next code cell,
> in the place of `raise NotImplementedError()`, and run the test cell after it."""
HINT = """\
<details><summary>Hint {number} of 3</summary>

{text}

</details>"""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
Notebook = Any  # nbformat's, which is imported where it is used


def assignments(lessons: Sequence[Lesson], folder: Path) -> list[Path]:
    """Write source/NN_slug/NN_slug.ipynb into ``folder`` for each lesson, all or none.

    Raises RuntimeError without nbformat, and ValueError where a notebook is there that says
    something else: a teacher may have changed it.
    """
    try:
        from nbformat import writes
    except ImportError:
        raise RuntimeError(
            "learn: notebooks need nbformat; run `pip install 'minicnn-course[course]'`"
        ) from None
    made = {folder / "source" / lesson.name / f"{lesson.name}.ipynb":
            (writes(assignment(lesson)) + "\n").encode() for lesson in lessons}  # fmt: skip
    for path, content in made.items():
        if path.exists() and (not path.is_file() or path.read_bytes() != content):
            raise ValueError(
                f"export: {path} is there and would be another one now; move it away first, or "
                "choose another folder; nothing was written"
            )
    for path, content in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(made)


def assignment(lesson: Lesson) -> Notebook:
    """The lesson as nbgrader's source notebook."""
    from nbformat import v4

    cells = []
    for kind, name, text, marks in _cells(lesson):
        make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        hidden = {"jupyter": {"source_hidden": True}} if marks.pop("hidden", False) else {}
        metadata = {"nbgrader": _nbgrader(kind, name, **marks), **hidden}
        # An id of its own is random, and no two exports would be alike.
        cells.append(make(text, id=name, metadata=metadata))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return v4.new_notebook(cells=cells, metadata=metadata)


def _nbgrader(kind: str, name: str, solution: bool = False, points: int = 0) -> dict[str, Any]:
    """What nbgrader wants to know of a cell; a solution cell is the only one to be changed."""
    mark = {
        "schema_version": 3, "grade_id": name, "cell_type": kind, "grade": points > 0,
        "solution": solution, "locked": not solution, "task": False,
    }  # fmt: skip
    return {**mark, "points": points} if points else mark


Marked = tuple[str, str, str, dict[str, Any]]  # kind, name, text, what is special


def _cells(lesson: Lesson) -> Iterator[Marked]:
    """The lesson's cells, and around an exercise's what it is worth and its test."""
    yield "markdown", "cell-0", lesson.cells[0].text, {}
    yield "code", "first", FIRST, {}
    for number, cell in enumerate(lesson.cells[1:], 1):
        exercises = list(dict.fromkeys(lesson.exercise_of(r.function) for r in cell.regions))
        for e in exercises:
            yield "markdown", f"exercise-{_plain(e)}", _note(e), {}
        marks = {"solution": bool(exercises), "hidden": "hide-input" in cell.tags}
        yield cell.kind, f"cell-{number}", _text(cell), marks
        for e in exercises:
            yield "code", f"test-{_plain(e)}", _test(e), {"points": e.difficulty}


def _plain(exercise: Exercise) -> str:
    """05-2: nbgrader allows no dots in the names of cells."""
    return exercise.id.replace(".", "-")


def _text(cell: Cell) -> str:
    text = cell.text
    for ours, theirs in MARKS.items():
        text = text.replace(ours, theirs)
    return text


def _note(exercise: Exercise) -> str:
    hints = [HINT.format(number=n, text=text) for n, text in enumerate(exercise.hints, 1)]
    note = NOTE.format(id=exercise.id, name=exercise.name, stars=exercise.stars,
                       minutes=exercise.minutes, points=_points(exercise))  # fmt: skip
    return "\n\n".join([note, *hints])


def _test(exercise: Exercise) -> str:
    names = ", ".join(dict.fromkeys(f.partition(".")[0] for f in exercise.functions))
    return TEST.format(title=exercise.title, points=_points(exercise), id=exercise.id, names=names)


def _points(exercise: Exercise) -> str:
    return f"{exercise.difficulty} point{'s' if exercise.difficulty > 1 else ''}"
