"""Run a lesson cell by cell, and keep what it prints and draws.

    python -m minicnn.learn.execute lessons/05_dense.py FOLDER

writes FOLDER/output.json (one entry per cell: the text, and the figures with what they show) and
the figures as SVG. The build calls it in a process of its own, in fast mode.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import figures
from .exercise import LessonError
from .lesson import Lesson, read_lesson

OUTPUT = "output.json"
# One thread: several lessons or tests may run at a time, and threads that wait for a core which
# another program has cost several times the work (lesson 15: 30 s instead of 10).
SETTINGS = {
    "MINICNN_FAST": "1", "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "MINICNN_MY": os.devnull,
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
LONGEST = 120  # seconds


@dataclass(frozen=True)
class Output:
    """What one cell printed, and its figures as (name, what it shows)."""

    text: str = ""
    figures: tuple[tuple[str, str], ...] = ()


def execute(lesson: Lesson, folder: Path) -> list[Output]:
    """The outputs of the lesson's cells, in fast mode; figures are written to ``folder``.

    Raises LessonError where the lesson fails or takes too long.
    """
    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "minicnn.learn.execute", str(lesson.path), str(folder)]
    try:
        done = subprocess.run(
            command, env={**os.environ, **SETTINGS, "PYTHONPATH": paths}, timeout=LONGEST,
            capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LessonError(f"{lesson.path.name}: must run in {LONGEST} s in fast mode") from None
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise LessonError(f"{lesson.path.name}: must run, got\n{last}")
    entries = json.loads((folder / OUTPUT).read_text(encoding="utf-8"))
    return [Output(e["text"], tuple(map(tuple, e["figures"]))) for e in entries]


def run(lesson: Lesson, folder: Path) -> list[dict[str, Any]]:
    """Run every code cell in one namespace, as a script would."""
    drawn: list[tuple[str, str]] = []

    def keep(fig: Any, name: str, alt: str) -> None:
        figures.save_svg(fig, folder / f"{name}.svg")
        drawn.append((name, alt))

    figures.send_to(keep)
    module = types.ModuleType("__main__")
    module.__file__ = str(lesson.path)
    sys.modules["__main__"] = module
    entries = []
    for cell in lesson.cells:
        text = io.StringIO()
        if cell.kind == "code":
            lines = "\n" * (cell.line - 1) + cell.text
            with contextlib.redirect_stdout(text):
                exec(compile(lines, str(lesson.path), "exec"), module.__dict__)
        measured = "measured" in cell.tags
        entries.append({"text": "" if measured else text.getvalue(), "figures": list(drawn)})
        drawn.clear()
    return entries


def main(source: str, folder: str) -> None:
    entries = run(read_lesson(Path(source)), Path(folder))
    (Path(folder) / OUTPUT).write_text(json.dumps(entries), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
