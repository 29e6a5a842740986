"""Lessons as notebooks, without outputs, on demand: for Jupyter, VS Code and Colab."""

from collections.abc import Sequence
from pathlib import Path

from .lesson import Cell, Lesson
from .stub import blanked, solved


def notebooks(lessons: Sequence[Lesson], folder: Path) -> list[Path]:
    """Write NN_slug.ipynb for each lesson; an exercise's cell has the blank, and uses yours.

    Raises ImportError without nbformat.
    """
    try:
        from nbformat import v4, write
    except ImportError:
        raise RuntimeError(
            "learn: notebooks need nbformat; run `pip install 'minicnn-course[course]'`"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for lesson in lessons:
        cells = []
        for number, cell in enumerate(lesson.cells):
            make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
            # An id of its own is random, and no two builds would be alike.
            cells.append(make(_text(lesson, cell), id=f"cell-{number}"))
        cells.insert(1, v4.new_code_cell("%matplotlib inline", id="figures"))
        paths.append(folder / f"{lesson.name}.ipynb")
        write(
            v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}), paths[-1]
        )
    return paths


def _text(lesson: Lesson, cell: Cell) -> str:
    functions = [r.function for r in cell.regions]
    if cell.kind == "markdown" or any("." in name for name in functions):
        return solved(cell)  # the rest of a class with a blank could not run
    picks = [f'{f} = learn.pick("{f}")' for f in functions]
    lines = ["", "", "from minicnn import learn  # yours where it passes, else the course's", ""]
    return "\n".join([blanked(lesson, cell), *lines, *picks]) if picks else solved(cell)
