"""softmax over the last axis."""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Gradient, Mutant, Op, Probe
from ..report import Sign
from .detect import forward_equals, forward_is_right, proportional
from .draw import usual


def _softmax_probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    scales = usual(rng, 3, 5) + np.array([[0.0], [-740.0], [-742.0]])  # e^-740 has two digits
    return [
        Probe("usual", {"x": usual(rng, 5, 3)}),
        Probe("square", {"x": usual(rng, 3, 3)}),
        Probe("blocks", {"x": usual(rng, 2, 5, 3)}),
        Probe("large", {"x": usual(rng, 2, 7) + 1000.0}, kind="extreme"),
        Probe("rows of different scales", {"x": scales}, kind="extreme"),
        Probe("a score far above its row", {"x": np.array([[1000.0, 0, 2], [1, 3, 1001]])},
              kind="extreme"),
    ]  # fmt: skip


def _softmax(x: Array, axis: int | None = -1, shift: Array | float | None = None) -> Array:
    shift = x.max(axis=axis, keepdims=True) if shift is None else shift
    e = np.exp(x - shift)
    return e / e.sum(axis=axis, keepdims=True)


def _rows(a: Array, axis: int | None = -1) -> Array:
    return a.sum(axis=axis, keepdims=True)


# The right rule is y (gy - rows(gy y)); a known bug is another combination of the same parts.
_WRONG: dict[str, Callable[[Array, Array], Array]] = {
    "row-sum-lost": lambda gy, y: y * gy,
    "jacobian-diagonal-only": lambda gy, y: y * (1 - y) * gy,
    "output-factor-lost": lambda gy, y: gy - _rows(gy * y),
    "row-sum-unweighted": lambda gy, y: y * (gy - _rows(gy)),
    "row-sum-added": lambda gy, y: y * (gy + _rows(gy * y)),
    "row-sum-over-batch": lambda gy, y: y * (gy - _rows(gy * y, None)),
    "softmax-over-wrong-axis": lambda gy, y: y * (gy - _rows(gy * y, 0)),
    "cross-entropy-rule": lambda gy, y: y - gy,
    "log-softmax-rule": lambda gy, y: gy - y * _rows(gy),
    "slope-lost": lambda gy, y: gy,
}


def _by(rule: Callable[[Array, Array], Array]) -> Gradient:
    return lambda gy, c: rule(gy, c.y)


def _softmax_gradient(case: Case) -> Iterator[Sign]:
    if "x" in case.wrong() and forward_is_right(case):
        wrong = {bug: rule(case.gy, case.call.y) for bug, rule in _WRONG.items()}
        yield from proportional(case, "x", wrong)


def _softmax_forward(case: Case) -> Iterator[Sign]:
    x = case.call.x
    yield from forward_equals(case, {"softmax-over-everything": _softmax(x, None)})
    for axis in range(x.ndim - 1):
        yield from forward_equals(case, {"softmax-over-wrong-axis": _softmax(x, axis)})
    if case.probe.kind == "extreme":
        y = _softmax(x, shift=x.max())
        yield from forward_equals(case, {"shift-by-global-maximum": y, "exp-overflow": y})
        y = _softmax(x, shift=0.0) if x.max() < 700 else y
        yield from forward_equals(case, {"exp-overflow": y})


softmax = Op(
    "softmax", {"x": ""}, "", forward=lambda c: _softmax(c.x),
    gradients={"x": lambda gy, c: c.y * (gy - _rows(gy * c.y))},
    probes=_softmax_probes,
    names={
        "ratio:-1": "sign-flipped", "forward nan": "exp-overflow",
        "forward fp-warning": "exp-overflow",
        "gx factor:y": "row-sum-lost", "gx factor:y(1-y)": "jacobian-diagonal-only",
        "gx factor:1": "slope-lost",
    },
    detectors=(_softmax_gradient, _softmax_forward),
    mutants=(
        *(Mutant(bug.replace("-", "_"), bug, gradients={"x": _by(rule)})
          for bug, rule in _WRONG.items()),
        Mutant("no_shift", "exp-overflow", forward=lambda c: _softmax(c.x, shift=0.0),
               also=("nan", "fp-warning")),
        Mutant("shift_by_minimum", "exp-overflow", also=("nan", "fp-warning"),
               forward=lambda c: _softmax(c.x, shift=c.x.min(axis=-1, keepdims=True))),
        Mutant("shift_by_global_maximum", "shift-by-global-maximum",
               forward=lambda c: _softmax(c.x, shift=c.x.max()),
               also=("exp-overflow",)),
        Mutant("axis_0", "softmax-over-wrong-axis", forward=lambda c: _softmax(c.x, 0),
               gradients={"x": lambda gy, c: c.y * (gy - _rows(gy * c.y, 0))}),
        Mutant("all_axes", "softmax-over-everything", forward=lambda c: _softmax(c.x, None)),
    ),
)  # fmt: skip

OPS = (softmax,)
