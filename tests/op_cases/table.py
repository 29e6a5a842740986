"""What a row of the op table is.

A row is one call of one op (`Example`) with an independent forward reference: naive loops or a
NumPy or SciPy formula. The tests run every row through forward, gradients, gradients of gradients,
dtypes, memory orders, kernel sets and, where it is installed, torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.testing.examples import Example, examples

_EXAMPLES = examples()
_rng = np.random.default_rng(20)


def normal(*shape: int) -> np.ndarray:
    return _rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return 0.5 + _rng.random(shape)


def unit(*shape: int) -> np.ndarray:
    """In (0.05, 0.95), for probabilities."""
    return 0.05 + 0.9 * _rng.random(shape)


def distribution(*shape: int) -> np.ndarray:
    """Positive and with sum 1 over axis 1."""
    p = positive(*shape)
    return p / p.sum(1, keepdims=True)


@dataclass(frozen=True)
class Case:
    """One row.

    ``torch`` is the peer: a function of (torch, *arguments), None where torch has none, "same"
    where torch.nn.functional or torch has one of the same name and arguments. ``kinks``: the inputs
    sit on a kink or jump of the function or of its gradient, so differences cannot judge there.
    ``border``: they sit where the function ends, so there are no differences to take.
    """

    example: Example
    reference: Callable[..., Any]
    label: str
    torch: Callable[..., Any] | str | None = "same"
    kinks: bool = False
    border: bool = False

    @property
    def op(self) -> str:
        return self.example.op

    def __str__(self) -> str:
        return f"{self.op}-{self.label}"


def case(
    op: str, inputs: tuple, reference: Callable[..., Any], *, label: str = "",
    torch: Callable[..., Any] | str | None = "same", kinks: bool = False, border: bool = False,
    keywords: tuple[str, ...] = (), after: tuple = (), fixed: tuple[int, ...] = (),
    as_list: bool = False, **options: Any,
) -> Case:  # fmt: skip
    """A row; keywords that are not named here are options of the op."""
    arrays = tuple(np.asarray(x) for x in inputs)
    example = Example(op, arrays, options, keywords, after, fixed, as_list)
    return Case(example, reference, label or _label(example), torch, kinks, border)


def usual(
    op: str, reference: Callable[..., Any], torch: Callable[..., Any] | str | None = "same"
) -> Case:
    """The row of the example that the package itself keeps of this op."""
    return Case(_EXAMPLES[op], reference, "example", torch)


def _label(example: Example) -> str:
    shapes = "x".join("(" + ",".join(map(str, a.shape)) + ")" for a in example.inputs)
    options = [str(v).replace(" ", "") for v in example.after]
    options += [f"{k}={v}".replace(" ", "") for k, v in example.options.items()]
    return ",".join([shapes, *options]).replace("\n", "")
