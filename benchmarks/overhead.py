"""What recording costs: one small op, above bare NumPy.

Arrays of 16 numbers, so that the arithmetic itself is nothing; microseconds of one call.
"""

import timeit
from collections.abc import Callable, Iterator

import numpy as np

from minicnn import Tensor, no_grad

from .harness import Row
from .report import OURS

BARE = "NumPy"
ROUNDS, CALLS = 31, 2000


def rows() -> Iterator[Row]:
    a, b = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    pairs: dict[str, tuple[Callable, Callable]] = {
        "a + b": (lambda: a + b, lambda: x + y),
        "a - b": (lambda: a - b, lambda: x - y),
        "a * b": (lambda: a * b, lambda: x * y),
        "a / b": (lambda: a / b, lambda: x / y),
        "a * 2.0": (lambda: a * 2.0, lambda: x * 2.0),
        "exp(a)": (lambda: np.exp(a), lambda: x.exp()),
        "max(a, 0)": (lambda: np.maximum(a, 0), lambda: x.relu()),
    }
    for name, (bare, recorded) in pairs.items():
        samples: dict[str, list[float]] = {OURS: [], BARE: [], "no_grad": []}
        for _ in range(ROUNDS):
            samples[BARE].append(microseconds(bare))
            samples[OURS].append(microseconds(recorded))
            with no_grad():
                samples["no_grad"].append(microseconds(recorded))
        yield Row(name, samples, "us")


def microseconds(function: Callable[[], object]) -> float:
    """The time of one call."""
    return timeit.timeit(function, number=CALLS) / CALLS * 1e6
