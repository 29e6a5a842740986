"""Depthwise convolution against PyTorch: milliseconds and their ratio, for each of its kernels.

    python benchmarks/depthwise.py [threads]

Ours and torch's run by turns in one process, on the same arrays, float32 and channels-last, so
that whatever else the machine does meets both. Figures are the least and the median of all rounds.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from minicnn.kernels import kernel_set
from minicnn.kernels.threads import set_num_threads

SHAPES = (  # n, channels, size, kernel, stride
    (128, 32, 32, 3, 1), (64, 64, 16, 3, 1), (64, 128, 16, 3, 2),
    (1, 144, 56, 3, 1), (1, 96, 112, 3, 2), (16, 576, 14, 3, 1), (16, 960, 7, 3, 1),
    (64, 512, 4, 3, 1), (64, 1024, 2, 3, 1), (1, 240, 28, 5, 1), (1, 672, 14, 5, 2),
)  # fmt: skip
ROUNDS = 60


def kernels(
    n: int, c: int, size: int, kernel: int, stride: int
) -> dict[str, tuple[Callable, Callable]]:
    """The name of each kernel: (ours, torch's)."""
    random, ours, pad = np.random.default_rng(0), kernel_set("numba"), kernel // 2
    x = random.standard_normal((n, size, size, c), np.float32).transpose(0, 3, 1, 2)
    weight = random.standard_normal((c, 1, kernel, kernel), np.float32)
    how = (stride, stride), ((pad, pad), (pad, pad)), (1, 1)
    gy = ours.depthwise_conv2d(x, weight, *how)
    tx, tw, tgy = (torch.from_numpy(a) for a in (x, weight, gy))

    def backward(*wanted: bool) -> Callable:
        sizes = [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], c
        return lambda: torch.ops.aten.convolution_backward(tgy, tx, tw, None, *sizes, wanted)

    return {
        "forward": (
            lambda: ours.depthwise_conv2d(x, weight, *how),
            lambda: torch.nn.functional.conv2d(tx, tw, None, stride, pad, 1, c),
        ),
        "input gradient": (
            lambda: ours.depthwise_conv2d_input_grad(gy, weight, x.shape, *how),
            backward(True, False, False),
        ),
        "weight gradient": (
            lambda: ours.depthwise_conv2d_weight_grad(gy, x, weight.shape, *how),
            backward(False, True, False),
        ),
    }


def times(*functions: Callable) -> list[list[float]]:
    """Milliseconds of each function in each round; the first two rounds compile and warm up."""
    taken: list[list[float]] = [[] for _ in functions]
    for _ in range(2 + ROUNDS):
        for function, row in zip(functions, taken, strict=True):
            start = time.perf_counter()
            function()
            row.append(1e3 * (time.perf_counter() - start))
    return [row[2:] for row in taken]


if __name__ == "__main__":
    threads = int(sys.argv[1]) if sys.argv[1:] else 1
    set_num_threads(threads)
    torch.set_num_threads(threads)
    print(f"threads {threads}; milliseconds: least (median)")
    print(f"{'shape':22} {'kernel':16} {'ours':>16} {'torch':>16} {'least':>6} {'median':>6}")
    with torch.inference_mode():
        for shape in SHAPES:
            for name, pair in kernels(*shape).items():
                ours, theirs = times(*pair)
                least = min(ours), min(theirs)
                middle = statistics.median(ours), statistics.median(theirs)
                cells = [f"{a:.3f} ({b:.3f})" for a, b in zip(least, middle, strict=True)]
                ratios = f"{least[0] / least[1]:6.2f} {middle[0] / middle[1]:6.2f}"
                print(f"{shape!s:22} {name:16} {cells[0]:>16} {cells[1]:>16} {ratios}", flush=True)
