"""Lesson 01: one op at a time, in an engine whose other ops are right."""

import itertools
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...testing.doctor import Diagnosis, diagnose_engine
from .examination import Check, Functions, Wrong

PARTS = ("start", "rules", "adding up", "order")


def _record(y: float, parents: tuple[Any, ...], slopes: tuple[float, ...]) -> Any:
    """A value with a right rule, of the parents' class."""
    out = type(parents[0])(y, parents)

    def rule() -> None:
        for parent, slope in zip(parents, slopes, strict=True):
            parent.grad += slope * out.grad

    out._backward = rule
    return out


def _lifted(like: Any, number: Any) -> Any:
    return number if isinstance(number, type(like)) else type(like)(number)


def _add(a: Any, other: Any) -> Any:
    b = _lifted(a, other)
    return _record(a.data + b.data, (a, b), (1.0, 1.0))


def _mul(a: Any, other: Any) -> Any:
    b = _lifted(a, other)
    return _record(a.data * b.data, (a, b), (b.data, a.data))


def _pow(a: Any, n: float) -> Any:
    return _record(a.data**n, (a,), (n * a.data ** (n - 1),))


def _tanh(a: Any) -> Any:
    y = math.tanh(a.data)
    return _record(y, (a,), (1 - y * y,))


RIGHT = {"__add__": _add, "__mul__": _mul, "__pow__": _pow, "tanh": _tanh}


class Example:
    """A right engine with the parts of the lesson's; mistakes are made of it."""

    clock = itertools.count()

    def __init__(self, data: float, parents: tuple[Any, ...] = ()) -> None:
        self.data, self.grad, self.parents = data, 0.0, parents
        self._backward: Callable[[], None] = lambda: None
        self.age = next(Example.clock)

    def __add__(self, other: Any) -> Any:
        return _add(self, other)

    def __mul__(self, other: Any) -> Any:
        return _mul(self, other)

    def __pow__(self, n: float) -> Any:
        return _pow(self, n)

    def tanh(self) -> Any:
        return _tanh(self)

    def backward(self) -> None:
        below, todo = {self}, [self]
        while todo:
            new = set(todo.pop().parents) - below
            below |= new
            todo += new
        self.grad = 1.0
        for value in sorted(below, key=lambda v: -v.age):
            value._backward()


@contextmanager
def alone(engine: type, method: str) -> Iterator[None]:
    """The engine with right ops in the place of all but one, so that only this one is judged."""
    before = dict(vars(engine))
    now = {name: right for name, right in RIGHT.items() if name != method}
    for name, function in now.items():
        setattr(engine, name, function)
    try:
        yield
    finally:
        for name in now:
            if name in before:
                setattr(engine, name, before[name])
            else:
                delattr(engine, name)


def engine_examined(
    engine: type, parts: Collection[str], seed: int, strict: bool = False
) -> Diagnosis:
    """What the doctor finds, without the list of the ops that the lesson does not have."""
    found = diagnose_engine(engine, data="data", grad="grad", only=parts, strict=strict, seed=seed)
    return replace(found, skipped=())


def _check(method: str) -> Callable[[Functions, int], Diagnosis]:
    def run(functions: Functions, seed: int) -> Diagnosis:
        engine = functions[f"Value.{method}"]
        with alone(engine, method):
            return engine_examined(engine, PARTS, seed)

    return run


VALUES: dict[str, Callable[..., float]] = {
    "__add__": lambda a, b: a + b, "__mul__": lambda a, b: a * b, "__pow__": lambda a, n: a**n,
    "tanh": math.tanh,
}  # fmt: skip
Parts = Callable[..., tuple[float | None, ...]]


def _wrong(bug: str, method: str, parts: Parts, assigns: bool = False) -> Wrong:
    """An engine with one wrong rule must get the name; ``parts(g, y, a, b)`` are what it hands on.

    g is the upstream gradient, y the result, a and b are the operands' numbers; None is no part.
    """

    def op(a: Any, *others: Any) -> Any:
        numbers = method == "__pow__"
        parents = (a,) if numbers else (a, *(_lifted(a, n) for n in others))
        data = [*(v.data for v in parents), *(others if numbers else ())]
        out = type(a)(VALUES[method](*data), parents)

        def rule() -> None:
            for parent, part in zip(parents, parts(out.grad, out.data, *data), strict=True):
                if part is not None:
                    parent.grad = part if assigns else parent.grad + part

        out._backward = rule
        return out

    return Wrong(bug, {f"Value.{method}": type("Value", (Example,), {method: op})})


def _nothing(self: Any, *others: Any) -> None:
    """An op without a result."""


ADD = (
    _wrong("engine-overwrites", "__add__", lambda g, y, a, b: (g, g), assigns=True),
    _wrong("engine-upstream-ignored:add", "__add__", lambda g, y, a, b: (1.0, 1.0)),
    _wrong("engine-rule:add", "__add__", lambda g, y, a, b: (g, -g)),
    _wrong("engine-rule:add", "__add__", lambda g, y, a, b: (g * b, g * a)),
    _wrong("engine-operand-lost:add", "__add__", lambda g, y, a, b: (g, None)),
    Wrong("engine-returns-none",
          {"Value.__add__": type("Value", (Example,), {"__add__": _nothing})}),
)  # fmt: skip
MUL = (
    _wrong("engine-overwrites", "__mul__", lambda g, y, a, b: (g * b, g * a), assigns=True),
    _wrong("engine-upstream-ignored:mul", "__mul__", lambda g, y, a, b: (b, a)),
    _wrong("engine-rule:mul", "__mul__", lambda g, y, a, b: (g * a, g * b)),
    _wrong("engine-rule:mul", "__mul__", lambda g, y, a, b: (g, g)),
    _wrong("engine-rule:mul", "__mul__", lambda g, y, a, b: (g * b, g * y)),
    _wrong("engine-operand-lost:mul", "__mul__", lambda g, y, a, b: (None, g * a)),
)
POW = (
    _wrong("engine-overwrites", "__pow__", lambda g, y, a, n: (g * n * a ** (n - 1),), True),
    _wrong("engine-upstream-ignored:pow", "__pow__", lambda g, y, a, n: (n * a ** (n - 1),)),
    _wrong("engine-rule:pow", "__pow__", lambda g, y, a, n: (g * a ** (n - 1),)),
    _wrong("engine-rule:pow", "__pow__", lambda g, y, a, n: (g * n * y,)),
    _wrong("engine-rule:pow", "__pow__", lambda g, y, a, n: (g * (n - 1) * a ** (n - 1),)),
    _wrong("engine-rule:pow", "__pow__", lambda g, y, a, n: (g * 2 * a,)),
)
TANH = (
    _wrong("engine-overwrites", "tanh", lambda g, y, a: (g * (1 - y * y),), assigns=True),
    _wrong("engine-upstream-ignored:tanh", "tanh", lambda g, y, a: (1 - y * y,)),
    _wrong("engine-rule:tanh", "tanh", lambda g, y, a: (g * (1 - a * a),)),
    _wrong("engine-rule:tanh", "tanh", lambda g, y, a: (g * (1 - y),)),
    _wrong("engine-rule:tanh", "tanh", lambda g, y, a: (g * y * (1 - y),)),
    _wrong("engine-rule:tanh", "tanh", lambda g, y, a: (g * (y * y - 1),)),
)
CHECKS = {
    f"Value.{method}": Check(_check(method), wrong=wrong)
    for method, wrong in (("__add__", ADD), ("__mul__", MUL), ("__pow__", POW), ("tanh", TANH))
}
