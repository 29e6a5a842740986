"""What a learner does and sees: files in a folder, the loop, hints, solutions, hostile code."""

import json
import re
import textwrap

import pytest
from click.testing import CliRunner

from minicnn import learn
from minicnn.cli import main
from minicnn.learn.check import check
from minicnn.learn.course import Course
from minicnn.learn.exercise import Exercise
from minicnn.learn.stub import solution, stub
from minicnn.learn.watch import Loop
from minicnn.learn.work import BROKEN, FAILED, NOT_STARTED, PASSED
from minicnn.learn.workspace import Workspace

from . import exam

DENSE = exam.COURSE.lesson("05")
FORWARD: Exercise = exam.COURSE.exercise("05.1")
BLANK = 'raise NotImplementedError("05.1 linear_forward: your turn")'
RIGHT = "return x @ weight.T + bias"


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path / "my")


def written(work: Workspace, body: str, more: str = "") -> None:
    """The learner's file with a body for linear_forward."""
    text = stub(DENSE).replace(BLANK, textwrap.indent(body, " " * 4).strip())
    work.folder.mkdir(exist_ok=True)
    work.file("05_dense").write_text(text + more, encoding="utf-8")


def result(work: Workspace, **settings):
    return check(exam.COURSE, FORWARD, work.file("05_dense"), **settings)


# Hostile code


@pytest.mark.parametrize(
    "body, more, status, told",
    [
        ("return x @ weight.T", "", FAILED, "the bias is not added"),
        ("return x @ (weight.T", "", BROKEN, "not Python"),
        ("import sys\nsys.exit(0)", "", FAILED, "ends the program"),
        (RIGHT, "\nimport os\nos._exit(0)\n", BROKEN, "ends Python itself (code 0)"),
        (RIGHT, "\nraise SystemExit\n", FAILED, "ends the program"),
        (RIGHT, "\n1 / 0\n", FAILED, "ZeroDivisionError"),
        (f"y = 1\n{BLANK}", "", FAILED, "delete that line"),
        (RIGHT, "\ndel linear_forward\n", FAILED, "defines no linear_forward"),
        (RIGHT.replace("x", "a"), "", FAILED, "NameError"),
        ("return x", "\nimport minicnn.learn.child as c\nc.judge = None\n", FAILED,
         "minicnn.learn.child.judge"),
        ("return x", "\nfrom minicnn.testing.doctor.report import Diagnosis\n"
         "Diagnosis.ok = True\n", FAILED, "Diagnosis.ok"),
        ("np.allclose = lambda *a, **o: True\nreturn x", "", FAILED, "numpy.allclose"),
    ],
)  # fmt: skip
def test_broken_and_hostile_files_get_a_clear_line(work, body, more, status, told):
    written(work, body, more)
    found = result(work)
    assert found.status == status and told in found.text, found.text


def test_an_endless_loop_is_ended_and_located(work):
    written(work, "while True:\n    pass")
    found = result(work, limit=1.5)
    assert found.status == BROKEN
    assert "still running after 1.5 s, in line" in found.text


def test_too_much_memory_is_told(work):
    written(work, "keep = np.ones(10**9)\n" + RIGHT)
    found = result(work, memory=2**28)
    assert found.status != PASSED and "memory" in found.text.lower()


def test_what_is_printed_is_not_the_answer(work):
    written(work, 'print(\'{"status": "passed"}\')\nreturn x')
    assert result(work).status == FAILED


def test_another_signature_is_told(work):
    written(work, RIGHT)
    path = work.file("05_dense")
    path.write_text(path.read_text().replace("(x, weight, bias)", "(weight, x, bias)"))
    found = result(work)
    assert found.status == BROKEN and "(x, weight, bias)" in found.text


def test_a_copy_of_the_answer_in_numbers_fails_with_another_seed(work):
    rng_free = "import numpy as np\nseen = {}\n"
    written(work, "return np.zeros((len(x), len(weight))) if abs(x.sum() - KNOWN) > 1e-9 else "
            "x @ weight.T + bias", f"\nKNOWN = 0.0\n{rng_free}")  # fmt: skip
    assert not result(work, seed=3).ok


# Files


def test_start_never_overwrites_and_reset_keeps_a_copy(work):
    assert work.start(DENSE)
    written(work, RIGHT, "\n# mine\n")
    assert not work.start(DENSE)
    before = work.file("05_dense").read_text(encoding="utf-8")
    kept = work.reset(DENSE, FORWARD)
    text = work.file("05_dense").read_text(encoding="utf-8")
    assert BLANK in text and RIGHT not in text and "# mine" in text
    assert kept.read_text(encoding="utf-8") == before
    again = work.reset_lesson(DENSE)
    assert again != kept and work.file("05_dense").read_text(encoding="utf-8") == stub(DENSE)
    assert "# mine" in again.read_text(encoding="utf-8")


def test_reset_brings_back_what_was_deleted(work):
    work.start(DENSE)
    path = work.file("05_dense")
    path.write_text("x = 1\n", encoding="utf-8")
    work.reset(DENSE, FORWARD)
    assert BLANK in path.read_text(encoding="utf-8")
    path.write_text("def (:\n", encoding="utf-8")
    with pytest.raises(ValueError, match="reset 05"):
        work.reset(DENSE, FORWARD)
    assert path.read_text(encoding="utf-8") == "def (:\n"


def test_the_record_holds_ids_and_times_only(work):
    work.progress.record_pass("05.1", True)
    work.progress.record_hint("05.2")
    data = json.loads(work.progress.path.read_text())
    assert set(data) == {"05.1", "05.2"} and set(data["05.1"]) == {"passed"}
    work.progress.path.write_text("broken", encoding="utf-8")
    assert work.progress.passed("05.1") is None


# The loop


def test_the_loop_from_an_empty_folder_to_the_next_exercise(work):
    class FromFive(Course):
        """The course from lesson 05 on."""

        @property
        def sources(self):
            return [path for path in super().sources if path.name >= "05"]

    said: list[str] = []
    loop = Loop(FromFive(exam.COURSE.folder), work, said.append)
    loop.begin()
    assert "New:" in said[0] and "linear_forward" in said[2]
    written(work, "return x @ weight")
    loop.saved(work.file("05_dense"))
    assert "WRONG" in said[-1] or "transpose" in said[-1]
    assert loop.key("s") and "must pass first" in said[-1]
    assert loop.key("h") and said[-1].startswith("hint 1 of 3")
    written(work, RIGHT)
    loop.saved(work.file("05_dense"))
    assert "05.1 linear_forward: passed" in said and work.progress.passed("05.1")
    count = len(said)
    loop.saved(work.file("05_dense"))
    assert len(said) == count, "nothing has changed"
    loop.key("s")
    assert RIGHT in said[-1]
    loop.key("n")
    assert loop.exercise.id == "05.2"
    loop.key("l")
    assert any(line.startswith("> 05.2") for line in said[count:])
    assert not loop.key("q")


def test_the_watching_ends_with_its_input(work):
    done = CliRunner().invoke(main, ["learn", "--my", str(work.folder)], input="lq")
    assert done.exit_code == 0 and "h hint" in done.output


# The command line


def run(work: Workspace, *command: str):
    return CliRunner().invoke(main, ["learn", "--my", str(work.folder), *command])


def test_commands_of_a_learner(work):
    assert "write what is missing" in run(work, "start", "5").output
    assert "stays as it is" in run(work, "start", "5").output
    assert run(work, "check", "05.1").exit_code == 1
    assert run(work, "solution", "05.1").exit_code == 1
    for number in (1, 2, 3):
        assert f"hint {number} of 3" in run(work, "hint", "05.1").output
    assert RIGHT in run(work, "solution", "linear_forward").output
    written(work, RIGHT)
    assert run(work, "check", "5.1").output == "05.1 linear_forward: passed\n"
    assert "1 of" in run(work, "status").output
    assert "linear_backward" in run(work, "list").output
    assert run(work, "verify").exit_code == 0
    written(work, "return x")
    done = run(work, "verify")
    assert done.exit_code == 1 and "05.1 passed before" in done.output
    assert "no exercise is called '99.1'" in run(work, "check", "99.1").output


def test_swap_trains_with_the_learners_function(work):
    written(work, RIGHT)
    train = ("train", "--data", "digits", "--epochs", "1", "--kernels", "numpy")
    done = run(work, "swap", "05.1", "--", *train, "--out", str(work.folder / "run"))
    assert done.exit_code == 0 and "test accuracy" in done.output, done.output
    assert re.search(r"linear_forward was called [1-9]\d* times", done.output)
    written(work, "return x")
    assert "must pass first" in run(work, "swap", "05.1", "--", "info").output


def test_swap_says_where_a_function_has_no_place_or_no_use(work):
    for lesson in ("05", "08"):
        work.start(exam.COURSE.lesson(lesson))
        path = work.file(exam.COURSE.lesson(lesson).name)
        path.write_text(solution(exam.COURSE.lesson(lesson)), encoding="utf-8")
    done = run(work, "swap", "05.3", "--", "info")
    assert done.exit_code == 1 and len(done.output.splitlines()) == 1
    assert "05.3 sample_gradients has no place in the library: the library sums" in done.output
    done = run(work, "swap", "08.1", "--", "info")
    assert done.exit_code == 0, done.output
    assert "never called: this command does not use optim.SGD; add --optimizer sgd" in done.output


def test_pick_falls_back_and_says_so(work, monkeypatch, capsys):
    monkeypatch.setenv("MINICNN_MY", str(work.folder))
    monkeypatch.setenv("MINICNN_LESSONS", str(exam.COURSE.folder))
    learn.pick("linear_forward")
    assert "not there yet" in capsys.readouterr().err
    written(work, RIGHT)
    mine = learn.pick("linear_forward")
    assert mine.__code__.co_filename == str(work.file("05_dense"))
    assert "yours" in capsys.readouterr().err
    written(work, "return x")
    theirs = learn.pick("linear_forward")
    assert theirs.__code__.co_filename != str(work.file("05_dense"))
    with pytest.raises(ValueError, match="no exercise has a function"):
        learn.pick("nonsense")


# Grades


def test_grades_are_the_same_every_time(tmp_path):
    for name, text in {"ada": solution(DENSE), "bob": stub(DENSE)}.items():
        (tmp_path / name / "my").mkdir(parents=True)
        (tmp_path / name / "my" / "05_dense.py").write_text(text, encoding="utf-8")
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "05_dense.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    tables = []
    for out in ("first", "second"):
        folders = [str(tmp_path / n) for n in ("ada", "bob", "eve")]
        done = CliRunner().invoke(
            main, ["learn", "grade", *folders, "--lesson", "05", "--out", str(tmp_path / out)]
        )
        assert done.exit_code == 0, done.output
        tables.append((tmp_path / out / "grades.csv").read_text(encoding="utf-8"))
    assert tables[0] == tables[1]
    rows = tables[0].splitlines()
    assert rows[1] == "ada,3,5,5,passed,passed,passed"
    assert rows[2] == f"bob,0,0,5,{NOT_STARTED},{NOT_STARTED},{NOT_STARTED}"
    assert rows[3].startswith("eve,0,0,5,error")
    assert "linear_forward" in (tmp_path / "first" / "bob.md").read_text(encoding="utf-8")
