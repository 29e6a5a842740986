"""Each Numba kernel against the reference kernel that it overrides: milliseconds and their ratio.

    python benchmarks/kernels.py [name ...]

The two run by turns in one process, so that whatever else the machine does meets both; the figures
are medians of nine runs. float32, channels-last. `conv2d` and its gradients are always the
reference's; there the sets differ in the im2col and col2im they bring. Where other programs run,
set OPENBLAS_NUM_THREADS=1: the threads of a matrix product wait for the slowest of them.
"""

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np

from minicnn import use_kernels
from minicnn.kernels import kernel_set

Case = tuple[str, str, tuple]
RUNS = 9
random = np.random.default_rng(0)
reference = kernel_set("numpy")


def images(n: int, c: int, h: int, w: int) -> np.ndarray:
    return random.standard_normal((n, h, w, c), np.float32).transpose(0, 3, 1, 2)


def convolutions() -> Iterator[Case]:
    shapes = (
        (128, 1, 32, 28, 3, 1),  # n, channels, filters, size, kernel, padding
        (128, 32, 64, 28, 3, 1),
        (64, 6, 16, 14, 5, 0),
        (64, 3, 32, 32, 3, 1),
    )
    for n, c, o, size, k, pad in shapes:
        x, weight = images(n, c, size, size), images(o, c, k, k)
        how = ((1, 1), ((pad, pad), (pad, pad)), (1, 1))
        gy, columns = reference.conv2d(x, weight, *how, 1), reference.im2col(x, (k, k), *how)
        what = f"n{n} {c}->{o} {size}x{size} k{k}"
        yield "im2col", what, (x, (k, k), *how)
        yield "col2im", what, (columns, x.shape, *how)
        yield "conv2d", what, (x, weight, *how, 1)
        yield "conv2d_input_grad", what, (gy, weight, x.shape, *how, 1)
        yield "conv2d_weight_grad", what, (gy, x, weight.shape, *how, 1)


def depthwise() -> Iterator[Case]:
    for n, c, size, stride in (64, 64, 16, 1), (64, 32, 32, 2):
        x, weight = images(n, c, size, size), images(c, 1, 3, 3)
        how = ((stride, stride), ((1, 1), (1, 1)), (1, 1))
        gy, what = reference.depthwise_conv2d(x, weight, *how), f"n{n} {c}x{size}x{size} s{stride}"
        yield "depthwise_conv2d", what, (x, weight, *how)
        yield "depthwise_conv2d_input_grad", what, (gy, weight, x.shape, *how)
        yield "depthwise_conv2d_weight_grad", what, (gy, x, weight.shape, *how)


def pools() -> Iterator[Case]:
    for n, c, size, k, pad in (128, 32, 28, 2, 0), (64, 6, 8, 2, 0), (64, 64, 16, 3, 1):
        x, how = images(n, c, size, size), ((k, k), (2, 2), ((pad, pad), (pad, pad)))
        y, place = reference.max_pool2d(x, *how, (1, 1))
        what = f"n{n} {c}x{size}x{size} k{k} s2"
        yield "max_pool2d", what, (x, *how, (1, 1))
        yield "put_pixels", what, (y, place, x.shape)
        yield "sum_pool2d", what, (x, *how)
        yield "sum_pool2d_input_grad", what, (y, x.shape, *how)


def norms() -> Iterator[Case]:
    for n, c, size in (128, 32, 28), (64, 64, 16), (64, 6, 8):
        x, gy, weight = images(n, c, size, size), images(n, c, size, size), images(c, 1, 1, 1)[:, 0]
        how, what = ((0, 2, 3), 1e-5), f"n{n} {c}x{size}x{size}"
        _, mean, var = reference.normalize(x, weight, weight, *how)
        yield "normalize", what, (x, weight, weight, *how)
        yield "normalize_grad", what, (gy, x, weight, mean, var, *how)


def compare(name: str, what: str, args: tuple) -> None:
    times: dict[str, list[float]] = {"numpy": [], "numba": []}
    for _ in range(1 + RUNS):
        for kernels, taken in times.items():
            kernel = getattr(kernel_set(kernels), name)
            with use_kernels(kernels):
                start = time.perf_counter()
                kernel(*args)
                taken.append(1e3 * (time.perf_counter() - start))
    slow, fast = (statistics.median(taken[1:]) for taken in times.values())  # the first compiles
    print(f"{name:30} {what:22} {slow:9.2f} {fast:9.2f} {slow / fast:7.1f}")


if __name__ == "__main__":
    print(f"{'kernel':30} {'shape':22} {'numpy ms':>9} {'numba ms':>9} {'ratio':>7}")
    for family in (convolutions, depthwise, pools, norms):
        for case in family():
            if not sys.argv[1:] or case[0] in sys.argv[1:]:
                compare(*case)
