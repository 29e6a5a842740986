"""The most that the micro-kernel can do: its multiply-adds per second with nothing to wait for.

One tile (`minicnn.kernels.numba.micro`) on every thread, whose sums have very many products, always
of the same few numbers, so that memory plays no part; the best of all widths of tiles. What a
convolution does less than this, it loses in memory, between tiles, at borders and in calls.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minicnn.kernels.threads import get_num_threads

K = 1_000_000  # products in each sum


def peak() -> float:
    """Floating-point operations per second of our threads in float32; 0 without Numba."""
    try:
        from minicnn.kernels.numba.micro.tile import MOST_VECTORS
    except ImportError:
        return 0.0
    return max(map(rate, range(1, MOST_VECTORS + 1)))


def rate(vectors: int) -> float:
    """Operations per second with tiles of so many vectors, all threads together."""
    from minicnn.kernels.numba.compiled import compiled
    from minicnn.kernels.numba.micro.tile import most_pixels, strip, strip_code
    from minicnn.kernels.numba.micro.vector import REGISTERS

    pixels, width = most_pixels(vectors), vectors * REGISTERS.lanes(np.float32)
    code, low, high = strip_code(4, vectors), np.float32(-np.inf), np.float32(np.inf)

    @compiled
    def tile(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
        strip(
            code, pixels, a, 0, 1, b, 0, c, 0, width, c, -1, b, -1, (1, 1, K), (0, 0, 0),
            (0, 0, 0), width, low, high,
        )  # fmt: skip

    threads, seconds = get_num_threads(), []
    sizes = pixels, width, pixels * width
    arrays = [tuple(np.zeros(size, np.float32) for size in sizes) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(9):
            start = time.perf_counter()
            list(pool.map(lambda some: tile(*some), arrays))
            seconds.append(time.perf_counter() - start)
    return 2.0 * pixels * width * K * threads / min(seconds[1:])
