"""Engines on arrays: shapes, broadcasting, and gradients that share memory."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..report import Sign
from . import programs
from .guard import Trouble
from .subject import Subject

# Square ones matter: there a sum over the wrong axis still has the right shape.
SHAPES = (
    ((5, 3), (3,)), ((5, 3), ()), ((3,), (5, 3)), ((5, 3), (5, 1)), ((5, 3), (1, 3)),
    ((3, 3), (3,)), ((3, 3), (3, 1)), ((2, 5, 3), (5, 1)), ((2, 5, 3), (3,)), ((5, 1), (1, 3)),
)  # fmt: skip
_SIGNS = {"add": "+", "mul": "*", "sub": "-", "div": "/"}


def arrays(subject: Subject) -> Iterator[Sign]:
    """Same shapes first, then broadcasting, then whether gradients have memory of their own."""
    if not subject.arrays:
        subject.skipped.append("broadcasting: this engine is for single numbers")
        return
    ops = [op for op in _SIGNS if op in subject.trusted]
    if "mul" not in ops or subject.found or subject.overwrites:
        subject.skipped.append("broadcasting: * must be trusted, and graphs right")
        return
    if subject.scale(np.asarray(2.0)) != subject.scale(np.asarray(3.0)):
        subject.skipped.append("broadcasting: backward must start from 1")
        return
    try:
        end = _ending(subject)
    except Trouble as trouble:
        subject.skipped.append(f"broadcasting: {trouble.sign.evidence}")
        return
    whole = list(_same_shape(subject, ops, end))
    yield from whole
    if not whole:
        for op in ops:
            yield from _broadcast(subject, op, end)


def _ending(subject: Subject) -> str:
    """How a program on arrays ends: with sum() where the engine needs a number for backward."""
    values = _values(subject, "a", "b", ((2, 3), (2, 3)))
    text = "y = a * b"
    try:
        subject.run(text, values)
        return ""
    except Trouble:
        subject.run("m = a * b; y = sum(m)", values)
        return "sum"


def _values(subject: Subject, x: str, y: str, shapes: tuple) -> dict[str, Any]:
    rng = np.random.default_rng(subject.seed)
    full = np.broadcast_shapes(*shapes)
    drawn = {x: shapes[0], y: shapes[1], "c": full}
    return {name: rng.uniform(0.5, 1.5, shape) for name, shape in drawn.items()}


def _text(op: str, end: str) -> str:
    # times c: the upstream gradient of the op is not all ones
    text = f"(a {_SIGNS[op]} b) * c"
    return f"y = sum({text})" if end else f"y = {text}"


def _same_shape(subject: Subject, ops: list[str], end: str) -> Iterator[Sign]:
    for op in ops:
        text, values = _text(op, end), _values(subject, "a", "b", ((2, 3), (2, 3)))
        where = subject.describe(text, values)
        run, right = subject.run(text, values), subject.right(text, values)
        for name in "ab":
            if not subject.close(run.grad(name), right[name]):
                yield Sign(
                    f"engine-array-rule:{op}", "", _differs(where, name, run, right), 2, text
                )
                return


def _broadcast(subject: Subject, op: str, end: str) -> Iterator[Sign]:
    """The shapes that fail, together, say which bug it is."""
    found = [_one_shape(subject, op, end, shapes) for shapes in SHAPES]
    signs = [sign for sign in found if sign]
    if signs:
        yield _clearest(signs)


def _one_shape(subject: Subject, op: str, end: str, shapes: tuple) -> Sign | None:
    text, values = _text(op, end), _values(subject, "a", "b", shapes)
    where = subject.describe(text, values)
    try:
        subject.forward(text, values)
    except Trouble as trouble:
        subject.skipped.append(f"broadcasting: {trouble.sign.evidence}")
        return None
    try:
        run = subject.run(text, values)
    except Trouble as trouble:
        return Sign("engine-broadcast-not-summed", "", trouble.sign.evidence, 0, text)
    right = subject.right(text, values, "ab")
    for name in "ab":
        if not subject.close(run.grad(name), right[name]):
            bug = _kind(subject, run.grad(name), _full(op, name, values), right[name])
            return Sign(bug, "", _differs(where, name, run, right), 2, text)
    return None


def _clearest(signs: list[Sign]) -> Sign:
    """Exceptions say least, and so do numbers that fit no pattern."""
    vague = {"engine-broadcast": 2, "engine-broadcast-shape": 1}
    return min(signs, key=lambda sign: (sign.tier == 0, vague.get(sign.bug, 0)))


def _full(op: str, name: str, values: dict[str, Any]) -> np.ndarray:
    """The gradient before it is summed back."""
    a, b, c = (np.broadcast_to(values[n], values["c"].shape) for n in "abc")
    text = f"y = (a {_SIGNS[op]} b) * c"
    return programs.gradients(text, {"a": a, "b": b, "c": c}, name)[name]


def _kind(subject: Subject, given: np.ndarray, full: np.ndarray, right: np.ndarray) -> str:
    if given.shape != right.shape and subject.close(given, full):
        return "engine-broadcast-not-summed"
    if given.size == right.size and subject.close(given.ravel(), right.ravel()):
        return "engine-broadcast-shape"
    if given.shape != right.shape and _stretched(subject, given, right):
        return "engine-broadcast-shape"
    axes = range(full.ndim)
    subsets = [s for n in range(1, full.ndim + 1) for s in itertools.combinations(axes, n)]
    if any(_same(subject, given, full.mean(axis=s)) and given.size == right.size for s in subsets):
        if subject.close(given.ravel() * (full.size // right.size), right.ravel()):
            return "engine-broadcast-mean"
    if any(_same(subject, given, full.sum(axis=s)) for s in subsets):
        return "engine-broadcast-axis"
    for axis in axes:
        if any(_same(subject, given, full.take(k, axis)) for k in (0, -1)):
            return "engine-broadcast-slice"
    return "engine-broadcast"


def _stretched(subject: Subject, given: np.ndarray, right: np.ndarray) -> bool:
    """Right but for its axes of length 1, and then added to zeros of the right shape."""
    thin = right.squeeze()
    return given.shape[-thin.ndim :] == thin.shape and subject.close(
        given, np.broadcast_to(thin, given.shape)
    )


def _same(subject: Subject, given: np.ndarray, other: np.ndarray) -> bool:
    return given.size == other.size and subject.close(given.ravel(), other.ravel())


def _differs(where: str, name: str, run: Any, right: dict[str, np.ndarray]) -> str:
    given, want = run.grad(name), right[name]
    if given.shape != want.shape:
        return f"{where}: your d{name} has shape {given.shape}, right is {want.shape}"
    at = np.unravel_index(int(np.argmax(np.abs(given - want))), want.shape)
    place = f"d{name}{list(map(int, at))}" if at else f"d{name}"
    return f"{where}: your {place} is {given[at]:.4g}, right is {want[at]:.4g}"


def shared(subject: Subject) -> Iterator[Sign]:
    """Backward through `a` alone must leave the gradient of `b` as it is."""
    if not subject.arrays or "add" not in subject.trusted:
        return
    rng = np.random.default_rng(subject.seed)
    values = {name: rng.uniform(0.5, 1.5, 3) for name in "ab"}
    for text in ("y = a + b", "y = sum(a + b)"):
        try:
            run = subject.run(text, values)
            a, b = run.variables["a"], run.variables["b"]
            z = subject.guard.run("z = a + a", lambda leaf=a: leaf + leaf)
            subject.again(z if text == "y = a + b" else z.sum(), "z = a + a")
            break
        except Trouble:
            continue  # if both fail, the check of arrays says so
    else:
        return
    if not np.shares_memory(_raw(subject, a), _raw(subject, b)):
        return
    before, after = run.grad("b"), subject.gradient(b)
    if after is None or before.shape != after.shape or np.array_equal(before, after):
        subject.notes.append(
            "after y = a + b both gradients are one array; the engine never writes into it, "
            "but whoever clips or scales one of them in place changes the other"
        )
        return
    evidence = (
        f"y = a + b; z = a + a; backward of y, then of z: db was {before.flat[0]:.4g} and became "
        f"{after.flat[0]:.4g}, although z does not use b"
    )
    subject.trusted.discard("add")  # graphs with + would show the same bug again
    yield Sign("engine-shared-gradients", "", evidence, 2, "y = a + b")


def _raw(subject: Subject, leaf: Any) -> np.ndarray:
    """The very array of a gradient, which may itself be a value of the engine."""
    grad = getattr(leaf, subject.grad)
    return np.asarray(grad if isinstance(grad, np.ndarray) else getattr(grad, subject.data, None))
