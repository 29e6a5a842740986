"""The way of a 3x3 convolution to the machine's peak, one idea at a time.

64 to 64 channels, four images of 56x56 pixels, as in a ResNet; float32, all with the same threads.
docs/convolution.md explains the rungs. The peak is that of the micro-kernel, see `peak.py`.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from minicnn import Tensor, no_grad, ops, use_kernels
from minicnn.kernels.reference.conv import im2col, pad_nhwc
from minicnn.kernels.threads import get_num_threads

from .contestants import has, images, torch_nets
from .harness import Row, compare
from .peak import peak
from .report import LAST, OURS

Run = Callable[[], np.ndarray]
N, C, SIZE, K = 4, 64, 56, 3
BAND = 4  # rows of y, whose windows are half a megabyte: they stay in the second cache


def rows() -> Iterator[Row]:
    x = images(N, C, SIZE, SIZE)
    weight = np.random.default_rng(1).standard_normal((C, C, K, K), np.float32) * np.float32(0.05)
    rungs = {
        "seven loops": loops(x, weight),
        "windows as a matrix (im2col)": whole(x, weight),
        "the same in bands of rows": banded(x, weight),
        "micro-kernel": ours(x, weight),
    }
    right, limit = rungs["windows as a matrix (im2col)"](), peak()
    torch = {LAST: torch_run(x, weight)} if has("torch") else {}
    work = 2.0 * N * C * C * K * K * SIZE * SIZE
    for name, run in rungs.items():
        if not np.allclose(run(), right, atol=1e-4):
            raise RuntimeError(f"ladder: {name} must compute what the others do, differs")
        yield compare(name, {OURS: run} | torch, seconds=2.0, work=work, peak=limit)


def loops(x: np.ndarray, weight: np.ndarray) -> Run:
    """The definition, compiled; every thread has its share of the output channels."""
    from minicnn.kernels.numba.compiled import compiled_parallel

    @compiled_parallel
    def convolve(part: int, parts: int, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
        images, channels, height, width = y.shape
        for n in range(images):
            for o in range(channels * part // parts, channels * (part + 1) // parts):
                for i in range(height):
                    for j in range(width):
                        total = np.float32(0)
                        for c in range(w.shape[1]):
                            for u in range(w.shape[2]):
                                for v in range(w.shape[3]):
                                    total += x[n, c, i + u, j + v] * w[o, c, u, v]
                        y[n, o, i, j] = total

    def run() -> np.ndarray:
        y = np.empty(x.shape, x.dtype)
        convolve(get_num_threads(), np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), weight, y)
        return y

    return run


def whole(x: np.ndarray, weight: np.ndarray) -> Run:
    """All windows as rows of a matrix, and one product of matrices: the reference kernel."""

    def run() -> np.ndarray:
        with use_kernels("numpy"), no_grad():
            return ops.conv2d(Tensor(x), Tensor(weight), padding=1).numpy()

    return run


def banded(x: np.ndarray, weight: np.ndarray) -> Run:
    """Windows of a few rows of y at a time, which are still in the cache when they are needed."""
    filters = np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, C))

    def run() -> np.ndarray:
        padded = pad_nhwc(x, ((1, 1), (1, 1))).transpose(0, 3, 1, 2)
        y = np.empty((N, SIZE, SIZE, C), x.dtype)
        for n, i in product(range(N), range(0, SIZE, BAND)):
            band = padded[n : n + 1, :, i : i + BAND + K - 1]
            columns = im2col(band, (K, K), (1, 1), ((0, 0), (0, 0)), (1, 1))
            rows = y[n, i : i + BAND].reshape(-1, C)
            np.matmul(columns.reshape(-1, K * K * C), filters, out=rows)
        return y.transpose(0, 3, 1, 2)

    return run


def ours(x: np.ndarray, weight: np.ndarray) -> Run:
    def run() -> np.ndarray:
        with no_grad():
            return ops.conv2d(Tensor(x), Tensor(weight), padding=1).numpy()

    return run


def torch_run(x: np.ndarray, weight: np.ndarray) -> Callable[[], Any]:
    theirs = torch_nets()
    inputs, w = theirs.as_torch(x, True), theirs.as_torch(weight, True)

    def run() -> Any:
        with theirs.torch.inference_mode():
            return theirs.F.conv2d(inputs, w, padding=1)

    return run
