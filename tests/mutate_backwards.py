"""Mutation proof: break every backward on purpose, and see the op table reject each break.

    python -m tests.mutate_backwards            everything; exit status 1 if a break survives
    python -m tests.mutate_backwards conv2d     only ops and rules of these names

Two things are broken. *Ops*: the whole backward of each public op, which the rows of that op alone
must notice. *Rules*: what the library records under one name (`silu` records `sigmoid` and `mul`;
the backward of `conv2d` records `conv2d_input_grad`), which any row that uses the rule may notice.
Each is broken in five ways:

    sign     every gradient negated
    factor   every gradient doubled
    missing  the gradient of one input lost, for each input in turn
    ignored  the upstream gradient replaced by ones
    cut      right numbers that depend on nothing, which only gradients of gradients can notice

A rule is broken where the ops look up `record`; no file is edited.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import minicnn
from minicnn import Tensor, grad, ops
from minicnn.ops.pool import take_pixels
from minicnn.tensor import record as true_record
from minicnn.testing import gradcheck, gradgradcheck

from .op_cases import CASES, Case
from .op_cases.run import NO_GRADIENT, cotangent, differentiable, outputs

Rule = Callable[[Tensor], Any]
Mutation = Callable[[Rule], Rule]
Call = Callable[..., Any]
MODULES = [
    m for name, m in sorted(sys.modules.items())
    if name.startswith("minicnn.") and getattr(m, "record", None) is true_record
]  # fmt: skip
CUT_OFF = "no output depends on an input"


# The five ways to break a rule. Each takes the rule and returns a wrong one.


def each(rule: Rule, change: Callable[[int, Tensor], Tensor | None]) -> Rule:
    """The rule with every gradient passed through ``change(position, gradient)``."""

    def wrong(gy: Tensor) -> Any:
        answer = rule(gy)
        entries = answer if isinstance(answer, tuple) else (answer,)

        def later(i: int, entry: Any) -> Tensor | None:
            gx = entry() if callable(entry) else entry
            return None if gx is None else change(i, gx)

        return tuple(lambda i=i, e=e: later(i, e) for i, e in enumerate(entries))

    return wrong


def mutations(inputs: Iterable[int], cut: bool) -> Iterator[tuple[str, Mutation]]:
    """All breaks, by name; ``inputs`` are the positions of those that want a gradient."""
    yield "sign", lambda rule: each(rule, lambda i, gx: gx * -1.0)
    yield "factor", lambda rule: each(rule, lambda i, gx: gx * 2.0)
    for lost in sorted(inputs):
        yield (
            f"missing {lost}",
            lambda rule, n=lost: each(rule, lambda i, gx: None if i == n else gx),
        )
    yield "ignored", lambda rule: lambda gy: rule(Tensor(np.ones(gy.shape, gy.dtype)))
    if cut:
        yield "cut", lambda rule: each(rule, lambda i, gx: Tensor(gx.data))


def broken_op(call: Call, mutation: Mutation) -> Call:
    """The same op with its whole backward broken."""

    def broken(*xs: Tensor) -> Any:
        ys = call(*xs)
        leaves = tuple(x for x in xs if x.requires_grad)

        def output(y: Tensor) -> Tensor:
            def rule(gy: Tensor) -> tuple[Tensor, ...]:
                return grad(y, leaves, gy, create_graph=minicnn.is_recording())

            return true_record("op", y.data, leaves, mutation(rule)) if y.requires_grad else y

        return tuple(map(output, ys)) if isinstance(ys, tuple) else output(ys)

    return broken


@contextmanager
def broken_rule(name: str, mutation: Mutation) -> Iterator[None]:
    """Inside, every op that records under ``name`` gets the mutated rule."""

    def record(op: str, data: Any, inputs: tuple, backward: Rule, **options: Any) -> Tensor:
        rule = mutation(backward) if op == name else backward
        return true_record(op, data, inputs, rule, **options)

    for module in MODULES:
        module.record = record
    try:
        yield
    finally:
        for module in MODULES:
            module.record = true_record


# What there is to break


class Use(NamedTuple):
    """How a row uses a rule."""

    inputs: frozenset[int]  # positions of inputs that want a gradient
    forward: bool  # recorded by the op itself, not only by its backward


def uses(case: Case) -> dict[str, Use]:
    """The rules that a row records, in its forward and in its backward."""
    found: dict[str, Use] = {}

    def watch(forward: bool) -> Callable[..., None]:
        def note(name: str, y: Tensor, inputs: tuple[Tensor, ...], options: dict) -> None:
            if y.node is not None:
                before = found.get(name, Use(frozenset(), False))
                wanted = {i for i, x in enumerate(inputs) if x.node is not None}
                found[name] = Use(before.inputs | wanted, before.forward or forward)

        return note

    xs = case.example.tensors()
    with minicnn.observe(watch(True)):
        ys = outputs(case.example, xs)
    leaves = [x for x in xs if x.requires_grad]
    for y in ys:
        gy = Tensor(cotangent(y.data), requires_grad=True)
        with minicnn.observe(watch(False)):
            grad(y, leaves, gy, create_graph=True)
    return found


def leaves_of(case: Case) -> list[Tensor]:
    return [x for x in case.example.tensors() if x.requires_grad]


def size(case: Case) -> int:
    return sum(a.size for a in case.example.inputs)


ROWS = sorted((c for c in CASES if differentiable(c)), key=size)  # small ones first


@cache
def rules() -> dict[str, list[tuple[Case, Use]]]:
    """Every rule with the rows that use it."""
    found: dict[str, list[tuple[Case, Use]]] = defaultdict(list)
    for case in ROWS:
        for name, use in uses(case).items():
            found[name].append((case, use))
    return dict(sorted(found.items()))


# Rules that no row can show: astype, because differences need float64; clone, which is a method
# only; take_pixels, which the third derivative of max_pool2d is the first to need.


def astype_is_right() -> bool:
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal(5, np.float32), requires_grad=True)
    gy = Tensor(rng.standard_normal(5), requires_grad=True)
    v = rng.standard_normal(5, np.float32)
    (gx,) = grad(x.astype(np.float64), x, gy, create_graph=True)
    if not gx.requires_grad:
        return False
    (back,) = grad(gx, gy, v)
    return bool((gx.data == gy.data.astype(np.float32)).all() and (back.data == v).all())


def clone_is_right() -> bool:
    x = Tensor(np.random.default_rng(0).standard_normal(5), requires_grad=True)
    return gradcheck(lambda x: x.clone() * x, x, raise_exception=False).ok


def take_pixels_is_right() -> bool:
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((1, 2, 2, 3)), requires_grad=True)
    winner, how = rng.integers(0, 2, (1, 2, 2, 2)), ((1, 2), (1, 1), ((0, 0), (0, 0)), (1, 1))
    return gradcheck(lambda x: take_pixels(x, winner, *how), x, raise_exception=False).ok


EXTRA = {
    "astype": astype_is_right, "clone": clone_is_right, "take_pixels": take_pixels_is_right,
}  # fmt: skip


# The verdict


def rejects(case: Case, call: Call, order: int) -> bool:
    """Whether the table's check of this order finds the row's gradients wrong."""
    check = gradcheck if order == 1 else gradgradcheck
    try:
        return not check(call, case.example.tensors(), raise_exception=False).ok
    except ValueError as error:
        if CUT_OFF in str(error):
            return True
        raise


def op_survives(op: str, name: str, mutation: Mutation) -> bool:
    order = 2 if name == "cut" else 1
    rows = [case for case in ROWS if case.op == op]
    return not any(rejects(c, broken_op(c.example, mutation), order) for c in rows)


def rule_survives(rule: str, name: str, mutation: Mutation, rows: list[tuple[Case, Use]]) -> bool:
    """A rule that only backwards record shows in gradients of gradients alone."""
    with broken_rule(rule, mutation):
        first = (c for c, use in rows if use.forward and name != "cut")
        if any(rejects(case, case.example, 1) for case in first):
            return False
        return not any(rejects(case, case.example, 2) for case, _ in rows)


Verdicts = dict[str, bool]  # name of the break -> whether it survives


def break_ops(names: list[str] | None = None) -> Iterator[tuple[str, Verdicts]]:
    """Break the backward of every public op."""
    for op in sorted(set(ops.__all__) - NO_GRADIENT):
        if not names or op in names:
            leaves = max(len(leaves_of(case)) for case in ROWS if case.op == op)
            breaks = mutations(range(leaves), cut=True)
            yield op, {name: op_survives(op, name, mutation) for name, mutation in breaks}


def break_rules(names: list[str] | None = None) -> Iterator[tuple[str, Verdicts]]:
    """Break every recorded rule. ``cut`` applies where an op itself records the rule."""
    for rule, rows in rules().items():
        if not names or rule in names:
            inputs = frozenset().union(*(use.inputs for _, use in rows))
            breaks = mutations(inputs, cut=any(use.forward for _, use in rows))
            yield rule, {name: rule_survives(rule, name, m, rows) for name, m in breaks}
    for rule, is_right in EXTRA.items():
        if not names or rule in names:
            verdicts = {}
            for name, mutation in mutations([0], cut=False):
                with broken_rule(rule, mutation):
                    verdicts[name] = is_right()
            yield rule, verdicts


def table(found: Iterable[tuple[str, Verdicts]]) -> Iterator[str]:
    """One line per op or rule."""
    for name, verdicts in found:
        entries = (f"{kind} {'SURVIVES' if v else 'rejected'}" for kind, v in verdicts.items())
        missing = "" if "cut" in verdicts else ", cut not applicable"
        yield f"{name:34} {', '.join(entries)}{missing}"


def main(names: list[str]) -> int:
    survivors = 0
    for title, found in (("ops", list(break_ops(names))), ("rules", list(break_rules(names)))):
        print(f"{title}:", *table(found), sep="\n")
        planted = sum(len(verdicts) for _, verdicts in found)
        alive = sum(sum(verdicts.values()) for _, verdicts in found)
        print(f"{len(found)} {title} broken in {planted} ways, {planted - alive} rejected\n")
        survivors += alive
    print(f"{survivors} survive" if survivors else "no break survives")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
