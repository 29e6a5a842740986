"""The course as the exam sees it: its exercises, solutions, other right answers, known mistakes."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.learn.checks import check_of
from minicnn.learn.course import Course
from minicnn.learn.exercise import Exercise
from minicnn.learn.judge import as_an_op, halves, judge
from minicnn.learn.lesson import Lesson
from minicnn.learn.stub import solution
from minicnn.testing.doctor import OPS
from minicnn.testing.doctor.contract import examine
from minicnn.testing.doctor.outcome import Settings
from minicnn.testing.doctor.subject import Subject
from minicnn.testing.doctor.watching import preserved

from .code_mutants import load

COURSE = Course(Path(__file__).parents[2] / "lessons")
EXERCISES = COURSE.exercises
# A mistake may also show as one of these, whatever it is: it stops everything else.
ENDS = {"raises", "wrong-shape", "forward-shape"}


def label(exercise: Exercise) -> str:
    """A test's name: `05_dense-linear_backward`."""
    return f"{exercise.lesson}-{exercise.name}"


def lesson_of(exercise: Exercise) -> Lesson:
    return COURSE.lesson(exercise.id)


def right(exercise: Exercise) -> dict[str, Any]:
    """The course's own functions."""
    return load(solution(lesson_of(exercise)), exercise)


def extra(exercise: Exercise, name: str) -> Any:
    """ALTERNATIVES or SURVIVORS of the lesson, for this exercise."""
    module = f"tests.course.alternatives.{exercise.slug}"
    if importlib.util.find_spec(module) is None:
        return {}
    return getattr(importlib.import_module(module), name, {})


def accepted(exercise: Exercise, functions: Mapping[str, Any]) -> bool:
    """Whether the functions pass. At the first probe that fails it is over: nobody asks for why."""
    if not exercise.op:
        return judge(exercise, functions, training=False).ok
    op, *halves_of_it = as_an_op(exercise, functions)
    settings = Settings(np.dtype(float), 1e-7, 1e-9, tuple(halves_of_it))
    subject = Subject(op, *halves_of_it)
    with preserved():
        return not any(examine(op, subject, probe, settings).failed for probe in op.probes(0))


@dataclass(frozen=True)
class Mistake:
    """Functions with a known bug, and the names that are right for it."""

    name: str
    functions: Mapping[str, Any]
    bugs: frozenset[str]


def mistakes(exercise: Exercise) -> Iterator[Mistake]:
    """The catalogue's bugs in the part that the exercise asks for, or those of its own check."""
    if not exercise.op:
        for number, wrong in enumerate(check_of(exercise).wrong):
            bugs = frozenset({wrong.bug, *wrong.also})
            yield Mistake(f"{number} {wrong.bug}", wrong.functions, bugs)
        return
    forward, backward = halves(exercise)
    for mutant in OPS[exercise.op].mutants:
        in_forward, in_backward = mutant.forward is not None, bool(mutant.gradients)
        if (in_forward and not forward) or (in_backward and not backward):
            continue
        functions = {}
        if forward:
            functions[forward] = _forward(exercise.op, mutant)
        if backward:
            functions[backward] = _backward(exercise, backward, mutant)
        yield Mistake(mutant.name, functions, frozenset({mutant.bug, *mutant.also}))


def _forward(op: str, mutant: Any) -> Callable[..., Any]:
    def forward(*arrays: Any, **options: Any) -> Any:
        return OPS[op].run(dict(zip(OPS[op].inputs, arrays, strict=True)), options, mutant)[0]

    return forward


def _backward(exercise: Exercise, name: str, mutant: Any) -> Callable[..., Any]:
    """A backward of the inputs, whatever the exercise's own is given (the output, a cache)."""

    def backward(gy: Any, *arrays: Any, **options: Any) -> Any:
        op = OPS[exercise.op]
        rule = op.run(dict(zip(op.inputs, arrays, strict=True)), options, mutant)[1]
        gradients = tuple(rule(gy).values())
        return gradients if len(gradients) > 1 else gradients[0]

    return backward
