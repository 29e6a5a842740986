"""Graphs of trusted ops: is every gradient complete before it is handed on, and handed on once?"""

from collections.abc import Iterator, Mapping

import numpy as np

from ..report import Sign
from . import programs
from .guard import Trouble
from .rules import one_per_op
from .subject import Run, Subject
from .traversals import right_orders, simulate, wrong_orders

# The simplest first: the first that fails is shown. Each shape is there with both ops, with + alone
# and with * alone, for engines in which one of the two cannot be trusted.
GRAPHS = (
    "m = a * b; y = m * c",
    "m = a + b; y = m + c",
    "m = a * b; n = m * c; y = n * d",
    "y = a + a",
    "y = a * a",
    "y = a * a + a",
    "m = a * b; y = m * c + m * d",
    "m = a + b; y = (m + c) + (m + d)",
    "m = a * b; y = m + m * c * d",
    "m = a * b; y = m * c * d + m",
    "m = a + b; y = m + (m + c + d)",
    "m = a + b; y = (m + c + d) + m",
    "m = a * b; y = m * (m * c * d)",
    "m = a * b; y = (m * c * d) * m",
    "m = a * b; n = m * c + m * d; y = n * a + n * b",
    "m = a + b; n = m + m; k = n + (n + c); y = k + (k + n)",
    "m = a * b; n = m + m * c; k = n * d + n; y = k + k * a",
    "m = a * b; n = m * m; k = (n * c) * n; y = (k * d) * m",
)
# Ops beside the result: they use its values, but it does not use them.
BESIDE = (
    "m = a * b; w = m * c; v = w * w; y = m * a",
    "m = a * b; y = m * c; w = y * m; v = w * d",
    "m = a + b; w = m + c; v = w + w; y = m + a",
)


def order(subject: Subject) -> Iterator[Sign]:
    """Compare all graphs with the right numbers, then with those of every wrong traversal."""
    runs = _runs(subject, GRAPHS)
    if not runs:
        subject.skipped.append("order of the visits: neither + nor * can be trusted")
        return
    wrong = [entry for entry in runs if not _equal(subject, entry[2], entry[3])]
    if not wrong or _fits_known(subject, runs):
        return
    for bug, traversal in wrong_orders():
        if all(
            _equal(subject, run, _scaled(subject, run, simulate(text, values, traversal, assigns)))
            for assigns in [subject.overwrites]
            for text, values, run, _ in runs
        ):
            subject.found.add(bug)
            yield _sign(subject, bug, wrong, 3)
            return
    if not subject.overwrites:
        yield from _by_size(subject, wrong)


Entry = tuple[str, dict[str, float], Run, dict[str, np.ndarray]]


def _runs(subject: Subject, texts: tuple[str, ...]) -> list[Entry]:
    """The graphs that trusted ops can make, run."""
    found = []
    for text in texts:
        ops = {op for op, sign in (("add", "+"), ("mul", "*")) if sign in text}
        if ops <= subject.trusted:
            values = subject.values(text)
            found.append((text, values, subject.run(text, values), subject.right(text, values)))
    return found


def _scaled(subject: Subject, run: Run, grads: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.asarray(subject.scale(run.y) * grad) for name, grad in grads.items()}


def _equal(subject: Subject, run: Run, grads: Mapping[str, np.ndarray]) -> bool:
    return all(subject.close(run.grad(name), grad) for name, grad in grads.items())


def _fits_known(subject: Subject, runs: list[Entry]) -> bool:
    """Whether rules that are known to assign explain it all, in a right order."""
    return bool(subject.overwrites) and any(
        all(
            _equal(subject, run, _scaled(subject, run, simulate(text, values, way, assigns)))
            for text, values, run, _ in runs
        )
        for way in right_orders()
        for assigns in [subject.overwrites]
    )


def _by_size(subject: Subject, wrong: list[Entry]) -> Iterator[Sign]:
    """No known traversal: all numbers are positive, so lost parts make gradients smaller."""
    off = [
        np.sum(run.grad(name)) - np.sum(right[name])
        for _, _, run, right in wrong
        for name in right
        if not subject.close(run.grad(name), right[name])
    ]
    bug = "engine-gradient-wrong"
    if all(difference < 0 for difference in off):
        bug = "engine-order"
    elif all(difference > 0 for difference in off):
        bug = "engine-visits-again"
    subject.found.add(bug)
    yield _sign(subject, bug, wrong, 2)


def _sign(subject: Subject, bug: str, wrong: list[Entry], tier: int) -> Sign:
    """The evidence: the simplest graph that fails, beside one of the same ops that does not."""
    text, values, run, right = wrong[0]
    name = next(n for n in right if not subject.close(run.grad(n), right[n]))
    shown = f"your d{name} is {run.grad(name):.4g}, right is {right[name]:.4g}"
    return Sign(bug, "", f"{subject.describe(text, values)}: {shown}", tier, text)


def beside(subject: Subject) -> Iterator[Sign]:
    """Ops that the result does not depend on must not change its gradient."""
    if subject.found or subject.overwrites:
        return  # what is wrong within the graph shows here as well
    for text, values, run, right in _runs(subject, BESIDE):
        if not _equal(subject, run, right):
            subject.found.add("engine-side-branch")
            yield _sign(subject, "engine-side-branch", [(text, values, run, right)], 2)
            return


def chained(subject: Subject) -> Iterator[Sign]:
    """Each op below a product: does its rule multiply by what comes from above?"""
    if subject.found or subject.overwrites:
        return
    texts = tuple(f"m = {text}; y = m * c" for text in one_per_op(subject))
    for text, values, run, right in _runs(subject, texts):
        if not _equal(subject, run, right):
            subject.found.add("engine-gradient-wrong")
            yield _sign(subject, "engine-gradient-wrong", [(text, values, run, right)], 2)
            return


def cost(subject: Subject) -> Iterator[Sign]:
    """Function calls on stacked diamonds: twice as many for one diamond more is one per path."""
    step = "y = y * b + y * c" if {"add", "mul"} <= subject.trusted else "y = y + y"
    if "add" not in subject.trusted:
        step = "y = y * y"
    if not subject.trusted & {"add", "mul"}:
        subject.skipped.append("cost: neither + nor * can be trusted")
        return
    if "engine-visits-again" in subject.found:
        return
    calls: list[int] = []
    usual, subject.guard.budget = subject.guard.budget, 100_000
    for depth in (6, 8, 10):
        text = f"y = a\nfor _ in range({depth}): {step}"
        values = dict.fromkeys(programs.leaves(text), 0.6)
        before = subject.guard.calls
        try:
            subject.run(text, values)
        except Trouble as trouble:
            if trouble.sign.bug != "engine-endless":
                raise
        calls.append(subject.guard.calls - before)
    subject.guard.budget = usual
    if calls[2] > 2.5 * calls[1] > 2.5 * 2.5 * calls[0]:
        counted = f"{calls[0]:,}, {calls[1]:,} and {calls[2]:,} function calls"
        evidence = f"{step}, 6, 8 and 10 times: {counted}; the ops grow as 3 : 4 : 5"
        yield Sign("engine-exponential", "", evidence, 1, step)


def deep(subject: Subject) -> Iterator[Sign]:
    """A chain of 5,000 ops, deeper than Python's stack."""
    op = "+" if "add" in subject.trusted else "*"
    if not subject.trusted & {"add", "mul"}:
        subject.skipped.append("deep chain: neither + nor * can be trusted")
        return
    text = f"y = a\nfor _ in range(5000): y = y {op} b"
    values = {"a": 0.75, "b": 1.0}
    where = "y = a, then 5,000 times y = y " + op + " b"
    usual, subject.guard.budget = subject.guard.budget, None
    try:
        run = subject.run(text, values)
    except Trouble as trouble:
        if not isinstance(trouble.error, RecursionError):
            raise Trouble(trouble.sign.bug, f"{where}: {trouble.error}") from None
        yield Sign("engine-deep-chain", "", f"{where}: RecursionError", 0, where)
        return
    finally:
        subject.guard.budget = usual
    if subject.found or subject.overwrites:
        return
    given, right = run.grad("a"), subject.scale(run.y)
    if not abs(given - right) <= 1e4 * subject.rtol:
        evidence = f"{where}: your da is {float(given):.6g}, right is {float(right):.6g}"
        yield Sign("engine-gradient-wrong", "", evidence, 2, where)
