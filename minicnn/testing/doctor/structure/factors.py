"""Elementwise ops: gx = gy * factor(x, y). Which factor did the learner take?

The output of an elementwise op has the shape of its inputs broadcast against each other; a factor
times gy is then summed over the axes that the input was broadcast along.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from ..case import Case
from .broadcast import fits, placed, sum_to
from .pair import Array, Found, Pair

LONE_X = re.compile(r"(?<![a-z])x(?![a-z])")


def factors(case: Case, name: str, pair: Pair) -> Iterator[Found]:
    """``factor:e`` (gy * e), ``times:e`` (right * e), ``ignores-upstream`` (e alone)."""
    gy = np.asarray(case.gy, np.float64)
    shape = placed(case, name, pair.right.shape)
    if not gy.ndim or shape is None:
        return
    for text, positive in expressions(case, name, gy).items():
        for key, e in ((text, positive), (_negated(text), -positive)):
            if pair.same(pair.given, sum_to(gy * e, shape).reshape(pair.right.shape)):
                yield f"factor:{key}", f"yours is gy * {key} in all {pair.given.size} entries"
            if pair.same(pair.given, sum_to(e, shape).reshape(pair.right.shape)):
                yield "ignores-upstream", f"yours is {key}, without gy"
            if _times(pair, e):
                yield f"times:{key}", f"yours / right = {key} in all {pair.given.size} entries"


def _times(pair: Pair, value: Array) -> bool:
    """given = right * value, for a value that is no constant."""
    if value.shape != pair.right.shape or np.ptp(value) <= 1e-3 * np.abs(value).max():
        return False
    return pair.same(pair.given, pair.right * value)


def _negated(expression: str) -> str:
    return f"-({expression})" if set(expression[1:]) & set("+-") else f"-{expression}"


def expressions(case: Case, name: str, gy: Array) -> dict[str, Array]:
    """The dictionary: what learners take for the factor, by its text, all of gy's shape.

    "x" is the input itself; where another input is called so, the input goes by its own name.
    """
    inputs = _inputs(case)
    x, others = inputs[name], {k: v for k, v in inputs.items() if k != name}
    own = name if "x" in others else "x"
    found: dict[str, Array] = dict(case.op.factors(case.call)) if case.op else {}
    with np.errstate(all="ignore"):
        usual = _of_x_and_y(x, np.asarray(case.y, np.float64), gy)
        found |= {LONE_X.sub(own, text): value for text, value in usual.items()}
        found |= _of_others(own, x, others)
    arrays = {}
    for text, value in found.items():
        value = np.asarray(value, np.float64)
        if fits(value.shape, gy.shape) and np.isfinite(value).all():
            arrays[text] = np.broadcast_to(value, gy.shape)
    return arrays


def _inputs(case: Case) -> dict[str, Array]:
    """The inputs that can be broadcast against y, with axes in the places of those of y."""
    found = {}
    for name, value in case.probe.inputs.items():
        array = np.asarray(value)
        shape = placed(case, name, array.shape)
        if array.dtype.kind == "f" and shape is not None:
            found[name] = array.astype(np.float64).reshape(shape)
    return found


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
        found |= {
            f"{x}*{o}": own * v, f"{x}/{o}": own / v, f"{o}/{x}": v / own,
            f"{x}/{o}^2": own / v**2, f"{o}/{x}^2": v / own**2, f"{x}-{o}": own - v,
            f"2({x}-{o})": 2 * (own - v), f"[{x}>{o}]": own > v, f"[{x}>={o}]": own >= v,
            f"[{x}<{o}]": own < v, f"sign({x}-{o})": np.sign(own - v),
        }  # fmt: skip
    if len(others) == 1:
        found["other"] = next(iter(others.values()))
    return found
