"""A lesson's source: percent cells, the exercises in them, and what a learner gets of it.

    # %% [markdown]
    r'''
    # 05 The dense layer
    ...
    '''

    # %%
    def linear_forward(x, weight, bias):
        '''y[n,o] = ...'''
        # >>> solution
        return x @ weight.T + bias
        # <<< solution

(with double quotes). The marked region lies inside one function; in the stub stands a line that
raises NotImplementedError instead. A cell `# %% tags=["keep"]` goes into the stub unchanged, of a
cell `# %% tags=["hide-input"]` the page shows what it prints and draws and not its code, and what
one with the tag "measured" prints is not shown, because it differs from run to run.
"""

import ast
import builtins
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from .exercise import Exercise, LessonError, read_exercises

BEGIN, END = "# >>> solution", "# <<< solution"
HEADER = re.compile(r"# %%(?: (?P<kind>\[markdown\]))?(?: tags=(?P<tags>\[[^\]]*\]))?$")
QUOTES = 'r"""'
TAGS = {"keep", "measured", "hide-input"}


@dataclass(frozen=True)
class Region:
    """A solution: lines ``first`` to ``last`` of its cell, with the marks, inside ``function``."""

    function: str
    first: int
    last: int


@dataclass(frozen=True)
class Cell:
    """``line`` is where the text begins in the file; ``text`` has the markers in it."""

    kind: str
    text: str
    line: int
    tags: frozenset[str] = frozenset()
    regions: tuple[Region, ...] = ()

    @property
    def exported(self) -> bool:
        return bool(self.regions) or "keep" in self.tags


@dataclass(frozen=True)
class Lesson:
    path: Path
    cells: tuple[Cell, ...]
    exercises: tuple[Exercise, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def title(self) -> str:
        """The first heading, such as "05 The dense layer"."""
        return self.cells[0].text.splitlines()[0].removeprefix("# ").strip()

    def exercise_of(self, function: str) -> Exercise:
        return next(e for e in self.exercises if function in e.functions)


def read_lesson(path: Path) -> Lesson:
    """Read NN_slug.py with NN_slug.toml, and check that both fit together.

    Raises LessonError with the file and the line.
    """
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
        raise LessonError(f"{path}: a lesson is called NN_name.py, such as 05_dense.py")
    text = path.read_text(encoding="utf-8")
    lesson = Lesson(path, tuple(_cells(path, text)), read_exercises(path.with_suffix(".toml")))
    _check_whole(lesson)
    return lesson


def _cells(path: Path, text: str) -> Iterator[Cell]:
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    if not starts or any(line.strip() and not line.startswith("#") for line in lines[: starts[0]]):
        _fail(path, 1, "must begin with a cell `# %% [markdown]`")
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        header = HEADER.fullmatch(lines[start])
        if header is None:
            _fail(path, start + 1, 'a cell begins with `# %%`, `# %% [markdown]` or `# %% '
                                   f'tags=["keep"]`, got `{lines[start]}`')  # fmt: skip
        body = "\n".join(lines[start + 1 : stop]).rstrip("\n")
        line = start + 2 + len(body) - len(body := body.lstrip("\n"))
        if header["kind"]:
            yield Cell("markdown", _markdown(path, line, body), line)
        elif body:
            tags = frozenset(json.loads(header["tags"] or "[]"))
            if unknown := tags - TAGS:
                _fail(path, start + 1, f"the tags are {sorted(TAGS)}, got {sorted(unknown)}")
            yield Cell("code", body, line, tags, tuple(_regions(path, line, body)))


def _markdown(path: Path, line: int, body: str) -> str:
    body = body.strip()
    if not (body.startswith(QUOTES) and body.endswith('"""') and body.count('"""') == 2):
        _fail(path, line, 'a markdown cell is one text in r""" and """')
    return body[len(QUOTES) : -3].strip("\n")


def _regions(path: Path, line: int, body: str) -> Iterator[Region]:
    try:
        tree = ast.parse(body)
    except SyntaxError as error:
        _fail(path, line + (error.lineno or 1) - 1, f"not Python: {error.msg}")
    marks = [(i + 1, text.strip()) for i, text in enumerate(body.splitlines())
             if text.strip() in (BEGIN, END)]  # fmt: skip
    wanted = [BEGIN, END] * ((len(marks) + 1) // 2)
    if [text for _, text in marks] != wanted:
        _fail(path, line, f"`{BEGIN}` and `{END}` must come in pairs in a cell")
    places = functions(tree).items()
    for (first, _), (last, _) in zip(marks[::2], marks[1::2], strict=True):
        inside = [
            name
            for name, node in places
            if node.body[0].lineno <= first + 1 and last <= (node.end_lineno or 0) + 1
        ]
        if len(inside) != 1:
            _fail(path, line + first - 1, "a solution must lie inside exactly one function, got "
                                          f"{', '.join(inside) or 'none'}")  # fmt: skip
        yield Region(inside[0], first, last)


def functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions and methods ("Value.__mul__") at the top; those inside them belong to them."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            inner = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            found |= {f"{node.name}.{n.name}": n for n in inner}
    return found


def _check_whole(lesson: Lesson) -> None:
    first = lesson.cells[0]
    heading = rf"# {lesson.number} \S"
    if first.kind != "markdown" or not re.match(heading, first.text):
        _fail(
            lesson.path, first.line, f'the first cell must be text with "# {lesson.number} Title"'
        )
    regions = [(c, r.function) for c in lesson.cells for r in c.regions]
    listed = [name for e in lesson.exercises for name in e.functions]
    for cell, function in regions:
        if listed.count(function) != 1:
            _fail(lesson.path, cell.line, f"{function} has a solution, so exactly one exercise of "
                  f"{lesson.name}.toml must list it, got {listed.count(function)}")  # fmt: skip
    for name in listed:
        if name not in [function for _, function in regions]:
            _fail(lesson.path, 1, f"{name} of {lesson.name}.toml must be a function with a region "
                                  f"`{BEGIN}` ... `{END}`, got none")  # fmt: skip
    _check_names(lesson)


def _check_names(lesson: Lesson) -> None:
    """What the exercises use must be in the stub: imports, builtins, cells that are kept."""
    known = set(dir(builtins)) | {"__name__", "__file__"} | set(imports(lesson))
    exported = [(cell, ast.parse(cell.text)) for cell in lesson.cells if cell.exported]
    for _, tree in exported:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.arg):
                known.add(node.arg)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                known.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
    for cell, tree in exported:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in known:
                _fail(lesson.path, cell.line + node.lineno - 1,
                      f"{node.id} is not in what the learner gets; import it, or give its cell "
                      'tags=["keep"]')  # fmt: skip


def imports(lesson: Lesson) -> dict[str, str]:
    """The names that the lesson's import lines make, each with a line that makes it alone."""
    found = {}
    for cell in lesson.cells:
        if cell.kind == "code":
            for node in ast.parse(cell.text).body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for alias in node.names:
                        single = type(node)(**{**vars(node), "names": [alias]})
                        name = alias.asname or alias.name.partition(".")[0]
                        found[name] = ast.unparse(single)
    return found


def _fail(path: Path, line: int, what: str) -> NoReturn:
    raise LessonError(f"{path.name}:{line}: {what}")
