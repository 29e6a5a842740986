"""What a learner's file has of an exercise: found by reading it, before anything runs."""

import ast
from dataclasses import dataclass
from pathlib import Path

from .exercise import Exercise
from .lesson import Lesson, functions
from .stub import stub

PASSED, FAILED, NOT_STARTED, BROKEN = "passed", "failed", "not started", "error"


@dataclass(frozen=True)
class Obstacle:
    """Why an exercise cannot be checked: the status, and one line."""

    status: str
    text: str


def obstacle(lesson: Lesson, exercise: Exercise, path: Path) -> Obstacle | None:
    """What stands in the way of a check; None where there is something to check."""
    if not path.exists():
        return Obstacle(
            NOT_STARTED, f"{path}: not there yet; `minicnn learn start {lesson.number}`"
        )
    try:
        theirs = _functions(path.read_bytes())
    except SyntaxError as error:
        return Obstacle(BROKEN, f"{path.name}, line {error.lineno}: not Python: {error.msg}")
    except ValueError as error:
        return Obstacle(BROKEN, f"{path.name}: not Python: {error}")
    blank = _functions(stub(lesson).encode())
    for name in exercise.functions:
        if name not in theirs:
            return Obstacle(BROKEN, f"{path.name}: {name} is not there any more; `minicnn learn "
                                    f"reset {exercise.id}` puts its blank back")  # fmt: skip
        if _body(theirs[name]) == _body(blank[name]):
            return Obstacle(NOT_STARTED, f"not started, {path} has a blank for you")
        if _arguments(theirs[name])[: len(_arguments(blank[name]))] != _arguments(blank[name]):
            return Obstacle(BROKEN, f"{path.name}: {name} must be called with "
                                    f"({', '.join(_arguments(blank[name]))}), got "
                                    f"({', '.join(_arguments(theirs[name]))})")  # fmt: skip
    return None


def still_blank(exercise: Exercise, path: Path) -> str:
    """The function that has code and ends in the blank's line nevertheless; "" for none."""
    theirs = _functions(path.read_bytes())
    for name in exercise.functions:
        if exercise.marker(name) in {ast.unparse(n).replace("'", '"') for n in theirs[name].body}:
            return name
    return ""


def _functions(source: bytes) -> dict[str, ast.FunctionDef]:
    return functions(ast.parse(source))


def _body(function: ast.FunctionDef) -> list[str]:
    """The statements, without what changes nothing: docstrings."""
    return [ast.dump(n) for n in function.body
            if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]  # fmt: skip


def _arguments(function: ast.FunctionDef) -> list[str]:
    a = function.args
    return [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
