"""Probes as text: one and the same line runs on an engine, on numbers, and in the report.

    values = {"a": 0.7, "b": 1.3}
    run("m = a * b; y = m + a", values)        0.7 * 1.3 + 0.7
    gradients("m = a * b; y = m + a", values)  {"a": 2.3, "b": 0.7}

The right gradients come from complex steps, exact but for rounding:

    dy/da = Im y(a + ih) / h        with h = 1e-30
"""

import re
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

import numpy as np

FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: x * (np.real(x) > 0),
    "sin": np.sin,
    "cos": np.cos,
    "sqrt": np.sqrt,
    "sum": np.sum,
}
_STEP = 1e-30
_compiled: dict[str, CodeType] = {}


def leaves(text: str) -> list[str]:
    """The inputs of a program: those of the letters a, b, c, d that it reads."""
    return sorted(set(re.findall(r"\b[a-d]\b", text)))


def shown(text: str) -> str:
    """The program on one line."""
    return " ".join(text.split())


def run(text: str, values: Mapping[str, Any], functions: Mapping[str, Any] = FUNCTIONS) -> dict:
    """All variables after the program has run."""
    if text not in _compiled:
        _compiled[text] = compile(text, "<probe>", "exec")
    names = {**functions, **values}
    exec(_compiled[text], {"range": range}, names)
    return names


def gradients(
    text: str, values: Mapping[str, Any], wanted: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """The right gradient of sum(y) for the wanted leaves (or each one), by complex steps."""
    found = {}
    for name in wanted or leaves(text):
        value = np.asarray(values[name], float)
        found[name] = np.empty(value.shape)
        for i in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[i] += 1j * _STEP
            y = run(text, {**values, name: moved if value.ndim else complex(moved)})["y"]
            found[name][i] = np.sum(np.imag(y)) / _STEP
    return found
