"""What a machine can do and what three convolutions get of it, and the picture of both."""

import math
import platform
import timeit
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops
from ..kernels.threads import get_num_threads
from ..modes import no_grad
from ..tensor import Tensor

LAYERS = {"full 3x3": (9, 1), "pointwise": (1, 1), "depthwise 3x3": (9, 128)}  # taps, groups
CHANNELS = 128


def measure(images: int = 32, side: int = 28, repeat: int = 30) -> dict[str, Any]:
    """The peak and each layer in GFLOP/s, the bandwidth in GB/s, each the best of ``repeat`` runs.

    The peak is that of a product of matrices, the bandwidth that of copying an array which fits no
    cache (each byte counts twice: read and written). The layers have 128 channels, in float32.
    """
    order = 2 * side**2
    a = np.ones((order, order), np.float32)
    found: dict[str, Any] = {"machine": f"{_processor()}, {get_num_threads()} threads"}
    found["peak"] = round(2e-9 * order**3 / _seconds(lambda: a @ a, repeat), 1)
    found["bandwidth"] = _bandwidth(images << 18, repeat)
    x = Tensor(np.ones((images, side, side, CHANNELS), np.float32).transpose(0, 3, 1, 2))
    for name, (taps, groups) in LAYERS.items():
        k = math.isqrt(taps)
        weight = Tensor(np.ones((CHANNELS, CHANNELS // groups, k, k), np.float32))

        def layer(weight: Tensor = weight, k: int = k, groups: int = groups) -> Tensor:
            return ops.conv2d(x, weight, padding=k // 2, groups=groups)

        operations = 2e-9 * images * side**2 * CHANNELS**2 / groups * taps
        with no_grad():
            found[name] = round(operations / _seconds(layer, repeat), 1)
    return found


def draw(roofline: Callable[..., float], found: Mapping[str, Any]) -> Any:
    """A figure: the roof of a machine, three layers, and from each a line to its own limit.

    ``roofline(p, c, o, t, g, peak, bandwidth)`` is lesson 12's.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    axes = (fig := Figure(figsize=(6, 3), layout="constrained")).subplots()
    peak, bandwidth = found["peak"], found["bandwidth"]
    for name, (taps, groups) in LAYERS.items():
        sizes = 32 * 28**2, CHANNELS, CHANNELS, taps, groups
        intensity = roofline(*sizes, 1e9, 1)  # at 1 GB/s the slope is the intensity
        limit = roofline(*sizes, peak, bandwidth)
        axes.loglog([intensity] * 2, [found[name], limit], ":", color="gray")
        axes.loglog(intensity, found[name], "o", label=name)
    axes.loglog([1, peak / bandwidth, 1024], [bandwidth, peak, peak], color="gray", zorder=0)
    for scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log", base=2)
        axis.set_major_formatter(ScalarFormatter())
    values = [bandwidth, peak, *(found[name] for name in LAYERS)]
    axes.set(
        xlabel="operations per byte", ylabel="GFLOP/s", ylim=(min(values) / 2, max(values) * 2)
    )
    axes.set_title(found["machine"], fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return fig


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def _bandwidth(numbers: int, repeat: int) -> float:
    """Copying by all threads, each a part of its own."""
    threads = get_num_threads()
    old, new = np.ones((2, threads, numbers // threads), np.float32)
    with ThreadPoolExecutor(threads) as pool:
        time = _seconds(lambda: list(pool.map(np.copyto, new, old)), repeat)
    return round(2e-9 * old.nbytes / time, 1)


def _seconds(function: Callable[[], Any], repeat: int) -> float:
    function()  # the first call may compile
    return min(timeit.repeat(function, number=1, repeat=repeat))
