"""A learner's engine behind one interface: make a value, run a program, read the gradients."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import programs
from .guard import Guard, Trouble

Array = np.ndarray
DATA = ("data", "value", "val", "d", "v", "_data", "_value", "array", "x")
GRAD = ("grad", "gradient", "g", "_grad", "adjoint", "derivative")
BACKWARD = ("backward", "backprop", "back", "backpropagate")


@dataclass
class Run:
    """One program after its backward pass; ``grads`` has None where the engine left None."""

    y: Array
    grads: dict[str, Array | None]
    variables: dict[str, Any]

    def grad(self, name: str) -> Array:
        """The gradient, zero where it is None."""
        grad = self.grads[name]
        return np.zeros(()) if grad is None else grad


@dataclass
class Subject:
    """The engine, how to use it, and what the checks have learnt of it so far.

    ``wrap`` turns a number into what the constructor takes. ``start`` calls backward on a result.
    ``trusted`` are the ops whose rules are right alone: graphs are made of these. ``overwrites``
    holds (op, operand) where a rule is known to assign. ``scale(y)`` is the gradient that
    backward starts from: 1, unless that was found to be wrong.
    """

    make: Callable[..., Any]
    data: str = ""
    grad: str = ""
    backward: str = ""
    arrays: bool = False
    wrap: Callable[[Any], Any] = lambda value: value
    start: Callable[[Any], Any] = lambda y: y.backward()
    scale: Callable[[Array], Any] = lambda y: 1.0
    rtol: float = 1e-9
    seed: int = 0
    trusted: set[str] = field(default_factory=set)
    overwrites: set[tuple[str, int]] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    guard: Guard = field(default_factory=Guard)
    # Values stay alive until the end: an engine that marks nodes by their id would else meet the
    # ids of dead ones, and fail here and there at random.
    kept: list[Any] = field(default_factory=list)

    def leaf(self, value: Any) -> Any:
        """A value of the engine."""
        made = self.make(self.wrap(value))
        self.kept.append(made)
        return made

    def numbers(self, thing: Any) -> Array:
        """The numbers of an attribute: a number, an array, or a value of the engine itself."""
        for _ in range(2):
            if hasattr(thing, self.data) and not isinstance(thing, np.ndarray | np.generic):
                thing = getattr(thing, self.data)
        array = np.asarray(thing)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"must be numbers, got {type(thing).__name__}")
        array = array.astype(float)
        return array.reshape(()) if array.shape == (1,) and not self.arrays else array

    def value(self, thing: Any) -> Array:
        return self.numbers(getattr(thing, self.data))

    def gradient(self, thing: Any) -> Array | None:
        grad = getattr(thing, self.grad, None)
        return None if grad is None else self.numbers(grad).copy()

    def forward(self, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """All variables of the program; raises Trouble where the engine fails."""
        functions = {name: _method(name) for name in programs.FUNCTIONS}

        def action() -> dict[str, Any]:
            made = {name: self.leaf(values[name]) for name in programs.leaves(text)}
            return programs.run(text, made, functions)

        where = self.describe(text, values)
        variables = self.guard.run(where, action)
        self.kept.append(variables)
        if variables["y"] is None:
            raise Trouble("engine-returns-none", f"{where}: the result is None")
        if not hasattr(variables["y"], self.data):
            kind = type(variables["y"]).__name__
            raise Trouble("engine-raises", f"{where}: the result is a {kind}, no engine value")
        return variables

    def run(self, text: str, values: Mapping[str, Any]) -> Run:
        """Forward, backward, and the gradients of the leaves."""
        variables = self.forward(text, values)
        where = self.describe(text, values)
        y = self.guard.run(where, lambda: self.value(variables["y"]))
        self.again(variables["y"], where)
        return Run(y, self.read(variables, text, where), variables)

    def again(self, y: Any, where: str) -> None:
        """One call of backward."""
        self.guard.run(f"backward of {where}", lambda: self.start(y))

    def read(self, variables: Mapping[str, Any], text: str, where: str) -> dict[str, Array | None]:
        """The gradients of the program's leaves."""
        names = programs.leaves(text)
        return self.guard.run(
            f"gradients of {where}", lambda: {n: self.gradient(variables[n]) for n in names}
        )

    def right(
        self, text: str, values: Mapping[str, Any], wanted: Iterable[str] = ()
    ) -> dict[str, Array]:
        """The gradients as they should be (times the wrong start, where backward has one)."""
        found = programs.gradients(text, values, wanted)
        scale = self.scale(programs.run(text, values)["y"])
        return {name: scale * grad for name, grad in found.items()}

    def close(self, a: Any, b: Any) -> bool:
        """Equal but for the rounding of the engine's own type."""
        a, b = np.asarray(a, float), np.asarray(b, float)
        if a.shape != b.shape:
            return False
        return bool(np.all(np.abs(a - b) <= self.rtol * np.maximum(1, np.abs(b))))

    def values(self, text: str, low: float = 0.5, high: float = 1.5) -> dict[str, float]:
        """A number for each leaf, the same in every program."""
        rng = np.random.default_rng(self.seed)
        drawn = {n: round(float(rng.uniform(low, high)), 4) for n in "abcd"}
        return {n: drawn[n] for n in programs.leaves(text)}

    @staticmethod
    def describe(text: str, values: Mapping[str, Any]) -> str:
        at = ", ".join(f"{n} = {_short(values[n])}" for n in programs.leaves(text))
        return f"{programs.shown(text)} at {at}"


def _short(value: Any) -> str:
    shape = np.shape(value)
    return f"{value:.4g}" if shape == () else f"array of {shape}"


def _method(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(value, name)()


def takes_gradient(function: Callable[..., Any]) -> bool:
    """Whether a parameter must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(p.default is p.empty and p.kind in kinds for p in parameters)


def accepts(function: Callable[..., Any], keyword: str) -> bool:
    """Whether it has a parameter of that name."""
    try:
        return keyword in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
