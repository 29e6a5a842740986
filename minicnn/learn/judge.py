"""Whether functions are what an exercise asks for: the doctor, then a training in the library.

Runs in the process that has the learner's functions; `check` starts one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..testing.doctor import OPS, Diagnosis, Op, diagnose
from ..testing.doctor.findings import merge
from . import trace
from .checks import check_of
from .exercise import Exercise, LessonError


def judge(
    exercise: Exercise, functions: Mapping[str, Any], seed: int = 0, training: bool = True
) -> Diagnosis:
    """The diagnosis of the exercise's functions, by name. Raises LessonError for a bad exercise."""
    if exercise.op:
        found = _by_doctor(exercise, functions, seed)
    else:
        found = check_of(exercise).run(functions, seed)
    if found.ok and exercise.hook and training:
        function = functions[exercise.functions[-1]]
        if signs := trace.signs(exercise.hook, function):
            wrong = merge(signs, {"": ["training"]})
            return replace(found, findings=wrong)
        found = replace(found, parts={**found.parts, "training": "ok"})
    return replace(found, what=exercise.title)


def _by_doctor(exercise: Exercise, functions: Mapping[str, Any], seed: int) -> Diagnosis:
    found = diagnose(*as_an_op(exercise, functions), seed=seed)
    forward, backward = halves(exercise)
    theirs = {"forward": found.parts["forward"]} if forward else {}
    if backward:
        theirs |= {k: v for k, v in found.parts.items() if k != "forward"}
    return replace(found, parts=theirs)


def as_an_op(
    exercise: Exercise, functions: Mapping[str, Any]
) -> tuple[Op, Callable[..., Any], Callable[..., Any]]:
    """The op, forward and backward. The half that the exercise has not is the doctor's own."""
    if exercise.op not in OPS:
        raise LessonError(f"exercise {exercise.title}: the doctor knows no op {exercise.op!r}")
    op, (forward, backward) = OPS[exercise.op], halves(exercise)
    if exercise.pairs:
        op = _without_excuse(op)
    return (
        op, functions[forward] if forward else _right_forward(op),
        functions[backward] if backward else _right_backward(op),
    )  # fmt: skip


def _without_excuse(op: Op) -> Op:
    """The op, whose probes with pairs (height, width) are not skipped where a function fails."""
    return replace(op, probes=lambda seed: [replace(p, kind="usual") for p in op.probes(seed)])


def halves(exercise: Exercise) -> tuple[str, str]:
    """Which of the exercise's functions is the forward pass, which the backward; "" for none."""
    backward = next((f for f in exercise.functions if f.endswith("backward")), "")
    return next((f for f in exercise.functions if f != backward), ""), backward


def _right_forward(op: Op) -> Callable[..., Any]:
    def forward(*arrays: Any, **options: Any) -> Any:
        return op.run(dict(zip(op.inputs, arrays, strict=True)), options)[0]

    return forward


def _right_backward(op: Op) -> Callable[..., Any]:
    def backward(gy: Any, *arrays: Any, **options: Any) -> Any:
        rule = op.run(dict(zip(op.inputs, arrays, strict=True)), options)[1]
        return tuple(rule(gy).values())

    return backward
