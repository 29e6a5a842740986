"""Automatic mistakes in a solution: its source with one change, which the check must reject.

An operator, a comparison, a constant or an index, the order of arguments or operands, a transpose,
an axis, `+=` to `=`, a statement left out, a function of NumPy for its neighbour.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minicnn.learn.exercise import Exercise
from minicnn.learn.lesson import Lesson, functions
from minicnn.learn.stub import solution

OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,), ast.FloorDiv: (ast.Mult,), ast.MatMult: (ast.Mult,),
}  # fmt: skip
COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE), ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
NEIGHBOURS = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "argmax": "argmin", "abs": "sign",
    "maximum": "minimum", "minimum": "maximum", "exp": "expm1", "log": "log1p", "zeros": "ones",
    "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "sqrt": "square",
    "append": "extend", "tanh": "arctan",
}  # fmt: skip


@dataclass(frozen=True)
class CodeMutant:
    """``source`` is the whole file of solutions with one line changed from ``before``."""

    key: str
    source: str

    def functions(self, exercise: Exercise) -> dict[str, Any]:
        return load(self.source, exercise)


def load(source: str, exercise: Exercise) -> dict[str, Any]:
    """The exercise's functions (for a method, its class) of a file."""
    names: dict[str, Any] = {"__name__": "solutions"}
    exec(compile(source, f"{exercise.lesson}.py", "exec"), names)
    return {f: names[f.partition(".")[0]] for f in exercise.functions}


def code_mutants(lesson: Lesson, exercise: Exercise) -> Iterator[CodeMutant]:
    """Every version of the exercise's functions with one change in their bodies, each once."""
    text = solution(lesson)
    seen = set()
    for name in exercise.functions:
        count = len(list(ast.walk(functions(ast.parse(text))[name])))
        for position in range(count):
            for number in range(9):
                tree = ast.parse(text)
                function = functions(tree)[name]
                node = list(ast.walk(function))[position]
                given = any(node is n for n in ast.walk(function.args))  # defaults of options
                options = [] if given else list(_changes(node, function))
                if number >= len(options):
                    break
                before = ast.unparse(_statement_of(function, node))
                after = _replaced(function, node, options[number])
                key = f"{exercise.id}: {before}  ->  {after}"
                if before != after and key not in seen:
                    seen.add(key)
                    yield CodeMutant(key, ast.unparse(ast.fix_missing_locations(tree)))


def _changes(node: ast.AST, function: ast.FunctionDef) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), ()):
            yield _with(node, op=other())
        if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div | ast.Pow):
            yield _with(node, left=node.right, right=node.left)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARISONS.get(type(node.ops[0]), ()):
            yield _with(node, ops=[other()])
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Attribute):
        if node.attr in ("T", "mT"):
            yield node.value
        elif node.attr in NEIGHBOURS:
            yield _with(node, attr=NEIGHBOURS[node.attr])
    elif isinstance(node, ast.Call) and len(node.args) >= 2:
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
        if len(node.args) == 3:
            yield _with(node, args=[node.args[0], node.args[2], node.args[1]])
    else:
        yield from _statements(node, function)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node.value, float):
        yield ast.Constant(node.value * 2)


def _statements(node: ast.AST, function: ast.FunctionDef) -> Iterator[ast.AST]:
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield ast.Pass()
    elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
        yield ast.Pass()
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.If):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        first, second, *rest = node.value.elts
        yield ast.Return(ast.Tuple([second, first, *rest], ast.Load()))
    elif isinstance(node, ast.Break | ast.Continue):
        yield ast.Pass()


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _statement_of(function: ast.AST, node: ast.AST) -> ast.AST:
    """The smallest statement around a node."""
    around = [n for n in ast.walk(function) if isinstance(n, ast.stmt)
              and any(child is node for child in ast.walk(n))]  # fmt: skip
    return min(around, key=lambda n: sum(1 for _ in ast.walk(n)))


def _replaced(function: ast.AST, old: ast.AST, new: ast.AST) -> str:
    """Put ``new`` in the place of ``old``; the statement afterwards."""
    line = _statement_of(function, old)
    for parent in ast.walk(function):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if entry is old else entry for entry in value]
    return ast.unparse(ast.fix_missing_locations(new if line is old else line))
