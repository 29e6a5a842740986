"""Automatic mistakes in the doctor's reference rules: an unseen set of bugs.

The source of each op's forward and gradient functions, and of helpers that they call, is
changed in one place: an operator, an index or constant, the order of arguments or operands,
a transpose, `+=` to `=`, a line left out. Each change makes one wrong implementation (or an
equivalent one), which the doctor must reject. The op that the doctor compares with is not touched:
the changed functions are copies.

    python -m tests.doctor.code_mutants            how many, and which survive
    python -m tests.doctor.code_mutants conv2d     those of one op, with what the doctor says
"""

import ast
import copy
import inspect
import itertools
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minicnn.testing.doctor import OPS, Diagnosis, Op, diagnose
from minicnn.testing.doctor.exercise import examined
from minicnn.testing.doctor.op import Mutant
from minicnn.testing.doctor.outcome import Settings
from minicnn.testing.doctor.subject import Subject

ROOM = "minicnn.testing.doctor.ops"
Change = Callable[[ast.AST], ast.AST | None]


@dataclass(frozen=True)
class CodeMutant:
    """One changed place: its line before and after, and the op made with it."""

    op: str
    function: str
    before: str
    after: str
    made: Op

    @property
    def key(self) -> str:
        return f"{self.op}: {self.function}: {self.before}  ->  {self.after}"


# What can be changed


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    swaps = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,),
             ast.Pow: (ast.Mult,), ast.FloorDiv: (ast.Div,)}  # fmt: skip
    if isinstance(node, ast.BinOp):
        for other in swaps.get(type(node.op), ()):
            yield _with(node, op=other())
        if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
            yield _with(node, left=node.right, right=node.left)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def _comparisons(node: ast.AST) -> Iterator[ast.AST]:
    swaps = {ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE), ast.Lt: (ast.LtE, ast.Gt),
             ast.LtE: (ast.Lt, ast.GtE), ast.Eq: (ast.NotEq,)}  # fmt: skip
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in swaps.get(type(node.ops[0]), ()):
            yield _with(node, ops=[other()])


def _constants(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float, bool):
        return
    if isinstance(node.value, bool):  # keepdims; zip's strict changes no result
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    else:
        yield ast.Constant(node.value * 2)


def _arguments(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and len(node.args) >= 2:
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield ast.Pass()


CHANGES = (_operators, _comparisons, _constants, _arguments, _statements)


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def changed_trees(function: ast.FunctionDef | ast.Lambda) -> Iterator[tuple[ast.AST, str, str]]:
    """Every version of a function with one change, and the changed line before and after."""
    lines = ast.unparse(function).splitlines()
    signature = {id(node) for node in ast.walk(function.args)}  # every caller gives all arguments
    for position, original in enumerate(ast.walk(function)):
        for kind in () if id(original) in signature else CHANGES:
            for number in range(len(list(kind(original)))):
                tree = copy.deepcopy(function)
                node = list(ast.walk(tree))[position]
                _replace(tree, node, list(kind(node))[number])
                changed = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
                pairs = [(p, q) for p, q in zip(lines, changed, strict=False) if p != q]
                if pairs:
                    yield tree, pairs[0][0].strip(), pairs[0][1].strip()


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if entry is old else entry for entry in value]


# Putting a changed function in the place of the right one


def reachable(op: Op) -> list[types.FunctionType]:
    """The functions of the op's rule, and those that they call, in the room of the ops."""
    found: dict[int, types.FunctionType] = {}
    stack = [op.forward, *op.gradients.values()]
    while stack:
        function = stack.pop()
        if not isinstance(function, types.FunctionType) or id(function) in found:
            continue
        if not function.__module__.startswith(ROOM):
            continue
        found[id(function)] = function
        names = {n for code in _codes(function.__code__) for n in code.co_names}
        stack += [function.__globals__[n] for n in sorted(names) if n in function.__globals__]
        stack += [cell.cell_contents for cell in function.__closure__ or ()]
    return list(found.values())


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def source_tree(function: types.FunctionType) -> ast.AST | None:
    """The function's own node in the tree of its file."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.getmodule(function))))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    line = function.__code__.co_firstlineno
    here = [n for n in nodes if n.lineno == line and _name(n) == function.__name__]
    if len(here) > 1:  # several lambdas in a line: by their code
        here = [n for n in here if _code(n, function).co_code == function.__code__.co_code
                and _code(n, function).co_names == function.__code__.co_names]  # fmt: skip
    return here[0] if here else None


def _name(node: ast.AST) -> str:
    return node.name if isinstance(node, ast.FunctionDef) else "<lambda>"


def _code(node: ast.AST, function: types.FunctionType) -> types.CodeType:
    """The compiled node, with the outer function's variables free as they are in the original."""
    free = function.__code__.co_freevars
    inner = node if isinstance(node, ast.FunctionDef) else ast.Return(node)
    body: list[ast.stmt] = [
        ast.Assign([ast.Name(n, ast.Store())], ast.Constant(None)) for n in free
    ]
    outer = ast.FunctionDef("outer", _no_arguments(), [*body, inner, ast.Pass()], [])
    module = ast.fix_missing_locations(ast.Module([outer], []))
    compiled = compile(module, function.__code__.co_filename, "exec")
    return next(c for c in _codes(compiled) if c.co_name == _name(node))


def _no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])


def remade(op: Op, changed: types.FunctionType, code: types.CodeType) -> Op:
    """The op with copies of all its functions, one of them with other code."""
    copies: dict[int, types.FunctionType] = {}
    functions = reachable(op)
    for f in functions:
        copies[id(f)] = types.FunctionType(
            code if f is changed else f.__code__, dict(f.__globals__), f.__name__, f.__defaults__,
            tuple(types.CellType(c.cell_contents) for c in f.__closure__ or ()),
        )  # fmt: skip
        copies[id(f)].__kwdefaults__ = f.__kwdefaults__
    for f in copies.values():
        for name, value in f.__globals__.items():
            f.__globals__[name] = copies.get(id(value), value)
        for cell in f.__closure__ or ():
            cell.cell_contents = copies.get(id(cell.cell_contents), cell.cell_contents)
    rules = {k: copies.get(id(f), f) for k, f in op.gradients.items()}
    return replace(op, forward=copies.get(id(op.forward), op.forward), gradients=rules)


def code_mutants(op: Op) -> Iterator[CodeMutant]:
    for function in reachable(op):
        tree = source_tree(function)
        if tree is None:
            continue
        for changed, before, after in changed_trees(tree):
            try:
                code = _code(changed, function)
            except SyntaxError:
                continue
            if before != after:
                made = remade(op, function, code)
                yield CodeMutant(op.name, function.__name__, before, after, made)


def judged(mutant: CodeMutant) -> Diagnosis:
    """The diagnosis of the mutant as a learner's function, under each convention of the op.

    The first that rejects it, or the last.
    """
    conventions = mutant.made.conventions
    for choice in itertools.product(*conventions.values()):
        chosen = dict(zip(conventions, choice, strict=True))
        made = replace(mutant.made, conventions={k: (v,) for k, v in chosen.items()})
        found = diagnose(OPS[mutant.op], learner(made), **chosen)
        if not found.ok:
            break
    return found


def learner(op: Op, mutant: Mutant | None = None) -> Callable[..., Any]:
    """The op's rule as a learner would hand it in."""

    def forward(*arrays: Any, **options: Any) -> Any:
        y, rule, _ = op.run(dict(zip(op.inputs, arrays, strict=True)), options, mutant)
        return y, lambda gy: tuple(rule(gy).values())

    return forward


def judgements(op: Op, mutant: Mutant) -> tuple[Diagnosis, Diagnosis]:
    """The diagnosis of a typical bug, with all tiers and without fingerprints."""
    settings = Settings(np.dtype(float), 1e-7, 1e-9)
    seen = examined(op, Subject(op, learner(op, mutant), None), settings)
    return seen.diagnosis(), seen.diagnosis((0, 1, 2))


def rightly_named(mutant: Mutant, found: Diagnosis) -> bool:
    return found.verdict is not None and found.verdict.bug in (mutant.bug, *mutant.also)


def main(names: list[str]) -> int:
    total = survivors = 0
    for name in names or OPS:
        for mutant in code_mutants(OPS[name]):
            total += 1
            diagnosis = judged(mutant)
            survivors += diagnosis.ok
            if diagnosis.ok or names:
                verdict = diagnosis.verdict.headline if diagnosis.verdict else "SURVIVES"
                print(f"{mutant.key}\n    {verdict}")
    print(f"{total} code mutants, {survivors} survive")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
