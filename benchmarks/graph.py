"""What the graph costs: a deep chain, shared branches, and the memory that recorded ops hold."""

import time
import tracemalloc
from collections.abc import Iterator

import numpy as np

from minicnn import Tensor, record

from .harness import Row
from .report import OURS


def rows() -> Iterator[Row]:
    yield Row("chain of 100,000 ops, forward and backward", {OURS: [deep_chain()]}, "s")
    yield Row("chain of 40 diamonds", {OURS: [diamonds()]}, "runs of the rule")
    held, peak = held_by_adds()
    yield Row("20 chained adds of 4 MB: held at the end", {OURS: [held]}, "MB")
    yield Row("20 chained adds of 4 MB: peak", {OURS: [peak]}, "MB")


def deep_chain(length: int = 100_000) -> float:
    """Seconds for a chain of multiplications, forward and backward."""
    start = time.perf_counter()
    y = Tensor(1.0, requires_grad=True)
    for _ in range(length):
        y = y * 1.0
    y.backward()
    return time.perf_counter() - start


def diamonds(length: int = 40) -> int:
    """How often a backward rule runs in a chain of diamonds; by paths it would be 2^length."""
    runs = 0

    def join(x: Tensor) -> Tensor:
        def backward(gy: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal runs
            runs += 1
            return gy, gy

        return record("join", x.data + x.data, (x, x), backward)

    y = Tensor(1.0, requires_grad=True)
    for _ in range(length):
        y = join(y)
    y.backward()
    return runs


def held_by_adds(count: int = 20) -> tuple[float, float]:
    """MB held at the end and at the peak by chained additions of a tensor of 4 MB."""
    x = Tensor(np.zeros((1024, 1024), np.float32), requires_grad=True)
    tracemalloc.start()
    y = x
    for _ in range(count):
        y = y + x
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 2**20, peak / 2**20
