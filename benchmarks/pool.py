"""Pooling beside PyTorch (channels-last), float32: milliseconds forward and backward, and ratios.

    python benchmarks/pool.py [threads]

The two run by turns in one process; each figure is the least of many runs, and the median in
brackets. Backward is the gradient by the input alone. Needs torch.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from minicnn import Tensor, grad, ops
from minicnn.kernels.threads import set_num_threads

RUNS = 40
CASES = [
    ("max_pool2d", (128, 32, 28, 28), 2, 2, 0),
    ("max_pool2d", (128, 64, 14, 14), 2, 2, 0),
    ("max_pool2d", (64, 64, 32, 32), 2, 2, 0),
    ("max_pool2d", (8, 64, 112, 112), 3, 2, 1),
    ("max_pool2d", (1, 64, 112, 112), 3, 2, 1),
    ("max_pool2d", (128, 6, 28, 28), 2, 2, 0),
    ("max_pool2d", (128, 16, 10, 10), 2, 2, 0),
    ("avg_pool2d", (128, 32, 28, 28), 2, 2, 0),
    ("avg_pool2d", (64, 64, 32, 32), 2, 2, 0),
    ("avg_pool2d", (128, 6, 28, 28), 2, 2, 0),
    ("avg_pool2d", (8, 192, 28, 28), 3, 1, 1),
]


def by_turns(*calls: Callable[[], object]) -> list[tuple[float, float]]:
    """(least, median) milliseconds of each call."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(RUNS):
        for call, own in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            own.append(time.perf_counter() - start)
    return [(1e3 * min(own), 1e3 * statistics.median(own)) for own in seconds]


def compare(name: str, shape: tuple[int, ...], *how: int) -> str:
    n, c, h, w = shape
    x = np.random.default_rng(0).standard_normal((n, h, w, c), np.float32).transpose(0, 3, 1, 2)
    ours = Tensor(x, requires_grad=True)
    theirs = torch.from_numpy(x).requires_grad_()
    op, peer = getattr(ops, name), getattr(torch.nn.functional, name)
    y, z = op(ours, *how), peer(theirs, *how)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-5, atol=1e-6)
    gy, gz = Tensor(y.data), z.detach()
    figures = by_turns(
        lambda: op(ours, *how),
        lambda: peer(theirs, *how),
        lambda: grad(y, [ours], gy),
        lambda: torch.autograd.grad(z, theirs, gz, retain_graph=True),
    )
    columns = [f"{least:8.3f} ({median:7.3f})" for least, median in figures]
    ratios = [figures[i][0] / figures[i + 1][0] for i in (0, 2)]
    what = f"{name} {shape} k{how[0]} s{how[1]} p{how[2]}"
    return (
        f"{what:46} forward {columns[0]} torch {columns[1]} = {ratios[0]:5.2f}   "
        f"backward {columns[2]} torch {columns[3]} = {ratios[1]:5.2f}"
    )


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    torch.set_num_threads(threads)
    set_num_threads(threads)
    for case in CASES:
        print(compare(*case), flush=True)


if __name__ == "__main__":
    main()
