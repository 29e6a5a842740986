"""What recording costs: the time of one small op above bare NumPy.

    python benchmarks/overhead.py

Arrays of 16 numbers, so that the arithmetic itself is nothing. The bare NumPy op and the recorded
op are timed in turn in one process; the table shows medians over the rounds.
"""

import statistics
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from minicnn import Tensor, no_grad

ROUNDS, CALLS = 31, 5000


def microseconds(function: Callable[[], object]) -> float:
    """The time of one call."""
    return timeit.timeit(function, number=CALLS) / CALLS * 1e6


def main() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 16)).astype(np.float32)
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
    print(f"{'op':12}{'NumPy us':>10}{'recorded':>10}{'above':>8}{'no_grad':>10}")
    for name, (bare, recorded) in pairs.items():
        times: list[list[float]] = [[], [], []]
        for _ in range(ROUNDS):
            times[0].append(microseconds(bare))
            times[1].append(microseconds(recorded))
            with no_grad():
                times[2].append(microseconds(recorded))
        low, high, off = (statistics.median(t) for t in times)
        print(f"{name:12}{low:10.2f}{high:10.2f}{high - low:8.2f}{off:10.2f}")


if __name__ == "__main__":
    main()
