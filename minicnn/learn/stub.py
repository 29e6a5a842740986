"""What a learner gets of a lesson: the file with blanks, and, after a pass, the solutions."""

import ast
import sys

from .exercise import Exercise
from .lesson import BEGIN, END, Cell, Lesson, Region, functions, imports

STUB = '''"""{title}: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check {first}`. The text is in lessons/{name}/README.md.
"""
'''
SOLUTION = '''"""{title}: the solutions.

Made from lessons/{name}.py. Write your own first: there is more than one
right answer.
"""
'''


def stub(lesson: Lesson) -> str:
    """The file that `minicnn learn start` copies."""
    return _file(lesson, STUB, [_cell(lesson, c, blank=True) for c in _exported(lesson)])


def solution(lesson: Lesson) -> str:
    return _file(lesson, SOLUTION, [_cell(lesson, c, blank=False) for c in _exported(lesson)])


def solution_of(lesson: Lesson, exercise: Exercise) -> str:
    """The solution's lines of one exercise, with their functions' heads."""
    text = solution(lesson)
    parts = []
    for name in exercise.functions:
        first, last = spans(text)[name]
        parts.append("\n".join(text.splitlines()[first - 1 : last]))
    return "\n\n".join(parts)


def spans(text: str) -> dict[str, tuple[int, int]]:
    """The first and last line of every function and method ("Value.__mul__"), decorators too."""
    found = {}
    for name, node in functions(ast.parse(text)).items():
        lines = [node.lineno, *(d.lineno for d in node.decorator_list)]
        found[name] = (min(lines), node.end_lineno or node.lineno)
    return found


def blanked(lesson: Lesson, cell: Cell) -> str:
    """A cell with the raising line for each solution."""
    lines = cell.text.splitlines()
    for region in reversed(cell.regions):
        lines[region.first - 1 : region.last] = [_marker(lesson, region, lines[region.first - 1])]
    return "\n".join(lines)


def solved(cell: Cell) -> str:
    """A cell without the marks."""
    return "\n".join(t for t in cell.text.splitlines() if t.strip() not in (BEGIN, END))


def _marker(lesson: Lesson, region: Region, first: str) -> str:
    indent = first[: len(first) - len(first.lstrip())]
    return indent + lesson.exercise_of(region.function).marker(region.function)


def _exported(lesson: Lesson) -> list[Cell]:
    return [cell for cell in lesson.cells if cell.exported]


def _cell(lesson: Lesson, cell: Cell, blank: bool) -> str:
    text = blanked(lesson, cell) if blank else solved(cell)
    titles = dict.fromkeys(lesson.exercise_of(r.function) for r in cell.regions)
    heads = [f"# {e.title}   {e.stars}   {e.minutes} minutes" for e in titles]
    return "\n".join([*heads, text])


def _file(lesson: Lesson, head: str, parts: list[str]) -> str:
    body = "\n\n\n".join(parts)
    first = lesson.exercises[0].id if lesson.exercises else lesson.number
    head = head.format(title=lesson.title, name=lesson.name, first=first)
    return "\n".join([head, *_imports(lesson), "", body, ""]).replace("\n\n\n\n", "\n\n\n")


def _imports(lesson: Lesson) -> list[str]:
    """NumPy and what the solutions use of the lesson's import lines, in the linters' order."""
    code = "\n".join(solved(cell) for cell in _exported(lesson))
    used = {n.id for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)} | {"np"}
    lines = sorted({line for name, line in imports(lesson).items() if name in used})
    own = [line for line in lines if _package(line) == "minicnn"]
    standard = [line for line in lines if _package(line) in sys.stdlib_module_names]
    others = [line for line in lines if line not in own + standard]
    groups = ["\n".join(group) for group in (standard, others, own) if group]
    return ["\n\n".join(groups), ""] if groups else []


def _package(line: str) -> str:
    return line.split()[1].partition(".")[0]
