"""Elementwise ops: gx = gy * factor(x, y). Which factor did the learner take?

The output of an elementwise op has the shape of its inputs broadcast against each other; a factor
times gy is then summed over the axes that the input was broadcast along.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from ..case import Case
from .pair import Array, Found, Pair

LONE_X = re.compile(r"(?<![a-z])x(?![a-z])")


def factors(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    """``factor:e`` (gy * e), ``times:e`` (right * e), ``ignores-upstream`` (e alone)."""
    gy = np.asarray(case.gy, np.float64)
    if not gy.ndim or not _is_elementwise(pair.right.shape, gy.shape):
        return
    for expression, e in expressions(case, name, gy).items():
        for sign, value in (("", e), ("-", -e)):
            key = _negated(expression) if sign else expression
            if pair.same(pair.given, sum_to(gy * value, pair.right.shape)):
                yield f"factor:{key}", f"yours is gy * {key} in all {pair.given.size} entries"
            if pair.same(pair.given, sum_to(value, pair.right.shape)):
                yield "ignores-upstream", f"yours is {key}, without gy"
            if expression not in ("1", "0") and _times(pair, value):
                yield f"times:{key}", f"yours / right = {key} in all {pair.given.size} entries"


def _times(pair: Pair, value: Array) -> bool:
    """given = right * value, for a value that is no constant."""
    if value.shape != pair.right.shape or np.ptp(value) <= 1e-3 * np.abs(value).max():
        return False
    return pair.same(pair.given, pair.right * value)


def _negated(expression: str) -> str:
    return f"-({expression})" if set(expression[1:]) & set("+-") else f"-{expression}"


def _is_elementwise(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def sum_to(a: Array, shape: tuple[int, ...]) -> Array:
    """a, summed over the axes along which an array of this shape was broadcast."""
    a = a.sum(tuple(range(a.ndim - len(shape))))
    thin = tuple(i for i, n in enumerate(shape) if n == 1 and a.shape[i] != 1)
    return a.sum(thin, keepdims=True)


def expressions(case: Case, name: str, gy: Array) -> dict[str, Array]:
    """The dictionary: what learners take for the factor, by its text, all of gy's shape.

    "x" is the input itself; where another input is called so, the input goes by its own name.
    """
    x = np.asarray(case.probe.inputs[name], np.float64)
    others = {
        k: np.asarray(v, np.float64)
        for k, v in case.probe.inputs.items()
        if k != name and np.asarray(v).dtype.kind == "f"
    }
    own = name if "x" in others else "x"
    found: dict[str, Array] = dict(case.op.factors(case.call)) if case.op else {}
    with np.errstate(all="ignore"):
        usual = _of_x_and_y(x, np.asarray(case.y, np.float64), gy)
        found |= {LONE_X.sub(own, text): value for text, value in usual.items()}
        found |= _of_others(own, x, others)
    arrays = {}
    for text, value in found.items():
        value = np.asarray(value, np.float64)
        if _is_elementwise(value.shape, gy.shape) and np.isfinite(value).all():
            arrays[text] = np.broadcast_to(value, gy.shape)
    return arrays


def _of_x_and_y(x: Array, y: Array, gy: Array) -> dict[str, Array]:
    return {
        "1": np.ones(()), "[x>0]": x > 0, "[x>=0]": x >= 0, "[x<0]": x < 0, "[x<=0]": x <= 0,
        "[gy>0]": gy > 0, "sign(x)": np.sign(x), "[y>0]": y > 0,
        "x": x, "y": y, "2x": 2 * x, "2y": 2 * y, "1/x": 1 / x, "1/y": 1 / y,
        "x^2": x**2, "y^2": y**2, "x^3": x**3, "1/x^2": 1 / x**2, "1/y^2": 1 / y**2, "x*y": x * y,
        "y/x": y / x, "abs(x)": np.abs(x), "sqrt(x)": np.sqrt(x), "exp(x)": np.exp(x),
        "exp(-x)": np.exp(-x), "exp(y)": np.exp(y), "log(x)": np.log(x),
        "x(1-x)": x * (1 - x), "y(1-y)": y * (1 - y), "1-x": 1 - x, "1-y": 1 - y, "1+y": 1 + y,
        "1-x^2": 1 - x**2, "1-y^2": 1 - y**2, "sigmoid(x)": 1 / (1 + np.exp(-x)),
        "tanh(x)": np.tanh(x), "sin(x)": np.sin(x), "cos(x)": np.cos(x),
    }  # fmt: skip


def _of_others(x: str, own: Array, others: Mapping[str, Array]) -> dict[str, Array]:
    """The other inputs, and what a product or a quotient makes of them and of x."""
    found: dict[str, Array] = {}
    for o, v in others.items():
        found |= {o: v, f"1/{o}": 1 / v, f"{o}^2": v**2, f"1/{o}^2": 1 / v**2}
        if _fits(own, v):
            found |= {
                f"{x}*{o}": own * v, f"{x}/{o}": own / v, f"{o}/{x}": v / own,
                f"{x}/{o}^2": own / v**2, f"{o}/{x}^2": v / own**2, f"{x}-{o}": own - v,
                f"2({x}-{o})": 2 * (own - v), f"[{x}>{o}]": own > v, f"[{x}>={o}]": own >= v,
                f"[{x}<{o}]": own < v, f"sign({x}-{o})": np.sign(own - v),
            }  # fmt: skip
    if len(others) == 1:
        found["other"] = next(iter(others.values()))
    return found


def _fits(a: Array, b: Array) -> bool:
    try:
        np.broadcast_shapes(a.shape, b.shape)
        return True
    except ValueError:
        return False
