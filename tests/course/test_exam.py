"""The exam: an exercise is given to learners only if its check passes this."""

import ast
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from minicnn.learn.check import check
from minicnn.learn.exercise import Exercise
from minicnn.learn.judge import judge
from minicnn.learn.stub import solution, solution_of, stub
from minicnn.learn.trace import losses, signs
from minicnn.learn.work import NOT_STARTED, PASSED, obstacle, still_blank

from . import exam
from .code_mutants import code_mutants

every_exercise = pytest.mark.parametrize("exercise", exam.EXERCISES, ids=exam.label)


def judged(exercise: Exercise, functions, seed: int = 0):
    """The diagnosis; a loop that never ends is ended by an exception, which is a finding."""
    with within(exercise):
        return judge(exercise, functions, seed, training=False)


@contextmanager
def within(exercise: Exercise):
    """The exercise's seconds of computing: a machine that is busy elsewhere fails nothing."""

    def ring(*_):
        raise TimeoutError("it does not end")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, exercise.limit, 0.1)  # again, should somebody catch it
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@every_exercise
def test_the_stub_is_not_started(exercise, tmp_path):
    path = tmp_path / f"{exercise.lesson}.py"
    path.write_text(stub(exam.lesson_of(exercise)), encoding="utf-8")
    result = check(exam.COURSE, exercise, path)
    assert result.status == NOT_STARTED and not result.ok
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {})


def passes_in_a_process(exercise: Exercise, folder: Path) -> None:
    path = folder / f"{exercise.lesson}.py"
    path.write_text(solution(exam.lesson_of(exercise)), encoding="utf-8")
    result = check(exam.COURSE, exercise, path)
    assert result.status == PASSED, result.text


def hardest(exercises):
    """The one that comes nearest to the limits of a process: it trains, and is a long one."""
    return max(exercises, key=lambda e: (bool(e.hook), e.difficulty))


# A process is the same for all exercises of a file; their checks and their training run in this
# one: `test_the_solution_passes_50_seeds` and `test_the_function_runs_in_the_library`.
@pytest.mark.parametrize("lesson", [x for x in exam.COURSE.lessons if x.exercises],
                         ids=lambda lesson: lesson.name)  # fmt: skip
def test_the_solution_passes_in_a_process(lesson, tmp_path):
    passes_in_a_process(hardest(lesson.exercises), tmp_path)


@pytest.mark.slow
@every_exercise
def test_every_solution_passes_in_a_process_of_its_own(exercise, tmp_path):
    passes_in_a_process(exercise, tmp_path)


@every_exercise
def test_nothing_stands_in_the_way_of_the_solution(exercise, tmp_path):
    path = tmp_path / f"{exercise.lesson}.py"
    path.write_text(solution(exam.lesson_of(exercise)), encoding="utf-8")
    assert obstacle(exam.lesson_of(exercise), exercise, path) is None
    assert still_blank(exercise, path) == ""


@every_exercise
def test_the_solution_passes_50_seeds(exercise):
    functions = exam.right(exercise)
    failed = {seed: str(d) for seed in range(50) if not (d := judged(exercise, functions, seed)).ok}
    assert not failed


@every_exercise
def test_another_right_answer_passes(exercise):
    answers = exam.extra(exercise, "ALTERNATIVES").get(exercise.id, [])
    assert answers, f"tests/course/alternatives/{exercise.slug}.py must have another right answer"
    for functions in answers:
        diagnosis = judged(exercise, functions)
        assert diagnosis.ok, diagnosis


@every_exercise
def test_known_mistakes_are_rejected_and_named(exercise):
    found = list(exam.mistakes(exercise))
    assert found, "there must be mistakes to reject"
    missed, misnamed = [], []
    for mistake in found:
        diagnosis = judged(exercise, mistake.functions)
        if diagnosis.ok:
            missed.append(mistake.name)
        elif not {f.bug for f in diagnosis.findings[:1]} & (mistake.bugs | exam.ENDS):
            misnamed.append((mistake.name, [f.bug for f in diagnosis.findings]))
    assert not missed
    assert not misnamed


@every_exercise
def test_changes_of_the_solution_are_rejected(exercise):
    lesson = exam.lesson_of(exercise)
    reasons = exam.extra(exercise, "SURVIVORS")
    survivors, tried = set(), set()
    for mutant in code_mutants(lesson, exercise):
        tried.add(mutant.key)
        try:
            functions = mutant.functions(exercise)
        except Exception:
            continue  # it does not even load
        with within(exercise):
            if exam.accepted(exercise, functions):
                survivors.add(mutant.key)
    assert tried
    assert survivors - set(reasons) == set()
    stale = {key for key in reasons if key.startswith(exercise.id)} - survivors
    assert not stale, "these are rejected now"


@every_exercise
def test_an_exercise_has_a_place_in_the_library_or_a_reason(exercise):
    assert bool(exercise.hook) != bool(exercise.nowhere), "give it `hook` or `nowhere`"
    assert not exercise.nowhere or len(exercise.nowhere.split()) > 6, "a reason is a sentence"


HOOKED = [e for e in exam.EXERCISES if e.hook]


@pytest.mark.parametrize("exercise", HOOKED, ids=exam.label)
def test_the_function_runs_in_the_library(exercise):
    name = exercise.functions[-1]
    function, calls = exam.right(exercise)[name], []

    def sentinel(*arrays, **options):
        calls.append(name)
        return function(*arrays, **options)

    assert signs(exercise.hook, sentinel) == []
    assert calls
    assert losses()[-1] < losses()[0], "the training that it takes part in must learn"

    def spoilt(*arrays, **options):
        y = function(*arrays, **options)
        if y is None:  # what it was asked to fill
            arrays[2][...] *= 1.01
        if callable(y):  # a rule of two values
            return lambda: (y(), setattr(arrays[0], "grad", 1.01 * arrays[0].grad))
        if y is None or isinstance(y, list):
            return y and y[:-1]
        return tuple(1.01 * a for a in y) if isinstance(y, tuple) else 1.01 * y

    assert [s.bug for s in signs(exercise.hook, spoilt)] == ["training-differs"]


@every_exercise
def test_the_hints_do_not_contain_the_answer(exercise):
    text = solution_of(exam.lesson_of(exercise), exercise)
    tree = ast.parse(text if not text.startswith(" ") else f"class C:\n{text}")
    bodies = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    lines = [line for f in bodies for s in f.body for line in ast.unparse(s).splitlines()
             if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]  # fmt: skip
    longest = _plain(max(lines, key=len).removeprefix("return "))
    for hint in exercise.hints:
        assert longest not in _plain(hint)
    assert len(set(exercise.hints)) == 3


def _plain(text: str) -> str:
    return "".join(text.split()).replace("`", "")
