"""Assignments for nbgrader: the notebook, the check in its test cells, and nbgrader's own marks."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from minicnn.cli import main
from minicnn.learn import assignment, export
from minicnn.learn.grade import seed_of
from minicnn.learn.stub import solution

from . import exam

nbformat = pytest.importorskip("nbformat", reason="needs nbformat: pip install nbformat")
needs_nbgrader = pytest.mark.skipif(
    importlib.util.find_spec("nbgrader") is None, reason="needs nbgrader: pip install nbgrader"
)
DENSE = exam.COURSE.lesson("05")
FORWARD = exam.COURSE.exercise("05.1")
every_lesson = pytest.mark.parametrize("lesson", exam.COURSE.lessons, ids=lambda x: x.name)


@pytest.fixture(autouse=True)
def _the_course(monkeypatch):
    monkeypatch.setenv("MINICNN_LESSONS", str(exam.COURSE.folder))


@every_lesson
def test_a_notebook_has_a_solution_and_a_test_for_every_exercise(lesson):
    notebook = export.assignment(lesson)
    nbformat.validate(notebook)
    marks = [cell.metadata["nbgrader"] for cell in notebook.cells]
    names = [mark["grade_id"] for mark in marks]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in names)
    points = {mark["grade_id"]: mark["points"] for mark in marks if mark["grade"]}
    assert points == {f"test-{e.id.replace('.', '-')}": e.difficulty for e in lesson.exercises}
    for cell, mark in zip(notebook.cells, marks, strict=True):
        has_blank = "### BEGIN SOLUTION\n" in cell.source
        assert mark["solution"] == has_blank == (not mark["locked"])
        assert ("### BEGIN HIDDEN TESTS" in cell.source) == mark["grade"]
        assert cell.source.count("### BEGIN") == cell.source.count("### END")
        assert ">>> solution" not in cell.source
    whole = "\n".join(cell.source for cell in notebook.cells)
    for cell in lesson.cells:
        assert cell.regions or cell.text in whole, "the lesson's own cells are there as they are"


def test_the_check_in_a_notebook_gives_the_verdict(monkeypatch, tmp_path, capsys):
    names: dict = {}
    exec(solution(DENSE), names)
    right = names["linear_forward"]
    assignment.check("05.1", right)
    assignment.check("05.1", right, own_numbers=True)
    assert capsys.readouterr().out == "05.1 linear_forward: passed\n"
    with pytest.raises(assignment.Wrong, match="the bias is not added") as wrong:
        assignment.check("05.1", lambda x, weight, bias: x @ weight.T)
    assert wrong.value._render_traceback_()[0].startswith("05.1 linear_forward")

    def blank(x, weight, bias):
        raise NotImplementedError()

    with pytest.raises(assignment.Wrong, match="not started"):
        assignment.check("05.1", blank)


def test_a_class_is_given_once_for_all_its_methods():
    names: dict = {}
    exec(solution(exam.COURSE.lesson("01")), names)
    for exercise in exam.COURSE.lesson("01").exercises:
        assignment.check(exercise.id, names["Value"], own_numbers=True)


def test_every_learner_has_numbers_of_their_own(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(assignment, "_complaint", lambda e, f, seed: seen.append(seed) or "")
    for learner in ("ada", "bob"):
        folder = tmp_path / "autograded" / learner / "05_dense"
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        assignment.check("05.1", None, own_numbers=True)
    assert seen == [seed_of("ada", FORWARD), seed_of("bob", FORWARD)]
    assert seen[0] != seen[1]


def test_a_changed_library_is_noticed(monkeypatch):
    import numpy as np

    monkeypatch.setattr(np, "allclose", lambda *a, **k: True)
    with pytest.raises(assignment.Wrong, match=r"numpy\.allclose"):
        assignment.check("05.1", lambda x, weight, bias: x)


def exported(folder: Path, *lessons: str):
    return CliRunner().invoke(main, ["learn", "export", "nbgrader", *lessons, "--to", str(folder)])


def test_an_export_is_the_same_every_time_and_overwrites_nothing(tmp_path):
    assert exported(tmp_path, "05").exit_code == 0
    path = tmp_path / "source" / "05_dense" / "05_dense.ipynb"
    text = path.read_text(encoding="utf-8")
    assert exported(tmp_path, "5").exit_code == 0
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace("Goal", "Aim"), encoding="utf-8")
    done = exported(tmp_path, "04", "05")
    assert done.exit_code == 1 and "move it away first" in done.output
    assert "Aim" in path.read_text(encoding="utf-8")
    assert not (tmp_path / "source" / "04_gradient_checking").exists(), "all or none"
    path.write_bytes(b"\xff not text")
    assert "move it away first" in exported(tmp_path, "05").output
    path.unlink()
    path.mkdir()
    assert "move it away first" in exported(tmp_path, "05").output


def test_an_export_into_a_file_is_told(tmp_path):
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    done = exported(tmp_path / "taken", "05")
    assert done.exit_code == 1 and len(done.output.splitlines()) == 1, done.output
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


# nbgrader itself


def nbgrader(folder: Path, *command: str) -> None:
    """Run it in a course's folder; it starts other programs of its environment by their names."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    package = str(Path(assignment.__file__).parents[2])
    settings = {"PATH": path, "PYTHONPATH": package, "MINICNN_FAST": "1", "HOME": str(folder),
                "PYTHONWARNINGS": "ignore"}  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "nbgrader", *command], cwd=folder,
                          env=os.environ | settings, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr


LINE = "gweight = gy.T @ x"
HANDED_IN = {
    "right": ("source", LINE, 5), "stub": ("release", LINE, 0),
    "transposed": ("source", "gweight = x.T @ gy", 3),
    "exits": ("source", "raise SystemExit", 3),
}  # fmt: skip


@pytest.mark.slow
@needs_nbgrader
def test_nbgrader_gives_the_points(tmp_path):
    assert exported(tmp_path, "05").exit_code == 0
    nbgrader(tmp_path, "generate_assignment", "05_dense")
    for learner, (origin, line, _) in HANDED_IN.items():
        text = (tmp_path / origin / "05_dense/05_dense.ipynb").read_text(encoding="utf-8")
        assert (LINE in text) == (origin == "source"), "learners get the blank"
        assert ("HIDDEN" in text) == (origin == "source")
        folder = tmp_path / "submitted" / learner / "05_dense"
        folder.mkdir(parents=True)
        (folder / "05_dense.ipynb").write_text(text.replace(LINE, line), encoding="utf-8")
    nbgrader(tmp_path, "autograde", "05_dense", "--create",
             "--Execute.timeout=120", "--Execute.iopub_timeout=60")  # fmt: skip
    nbgrader(tmp_path, "export")
    with (tmp_path / "grades.csv").open(newline="") as file:
        marks = {r["student_id"]: (float(r["score"]), float(r["max_score"]))
                 for r in csv.DictReader(file)}  # fmt: skip
    assert marks == {name: (points, 5) for name, (_, _, points) in HANDED_IN.items()}
    assert "the weight's gradient is transposed" in said(tmp_path, "transposed", "test-05-2")
    assert "your code ends the program" in said(tmp_path, "exits", "test-05-2")
    assert "05.2 linear_backward: not started" in said(tmp_path, "stub", "test-05-2")
    assert said(tmp_path, "right", "test-05-2") == "05.2 linear_backward: passed\n"


def said(folder: Path, learner: str, name: str) -> str:
    """What a cell printed or raised when it was graded."""
    notebook = nbformat.read(folder / "autograded" / learner / "05_dense/05_dense.ipynb", 4)
    cell = next(c for c in notebook.cells if c.metadata.nbgrader.grade_id == name)
    return "".join(o.text if o.output_type == "stream" else "\n".join(o.traceback)
                   for o in cell.outputs)  # fmt: skip
