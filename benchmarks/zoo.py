"""The zoo: what one image costs, beside torchvision where it is installed.

    python benchmarks/zoo.py [NAME]...

Milliseconds for one image in eval mode without gradients, float32: medians of runs that take turns
in one process. Threads are those that NumPy and torch choose by themselves.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from minicnn import Tensor, models, no_grad
from minicnn.testing.parity import torchvision_names, torchvision_net

RUNS = 5


def milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - start)


def medians(runs: list[Callable[[], object]]) -> list[float]:
    for run in runs:
        run()  # compiles, allocates
    rounds = [[milliseconds(run) for run in runs] for _ in range(RUNS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def measure(name: str) -> list[float]:
    """Our time, and torchvision's where it has the model."""
    net = models.create(name).eval()
    x = np.random.default_rng(0).standard_normal((1, *models.input_shape(name))).astype(np.float32)

    def ours() -> object:
        with no_grad():
            return net(Tensor(x))

    if name not in torchvision_names():
        return medians([ours])
    import torch

    theirs, y = torchvision_net(name, net.state_dict()).eval(), torch.from_numpy(x)

    def reference() -> object:
        with torch.inference_mode():
            return theirs(y)

    return medians([ours, reference])


def main() -> None:
    print("| model | input | ms | torch, ms | ratio |\n|---|---|---:|---:|---:|")
    for name in sys.argv[1:] or models.list():
        times = measure(name)
        shape = "x".join(map(str, models.input_shape(name)))
        peer = f"{times[1]:.1f} | {times[0] / times[1]:.2f}" if len(times) > 1 else " | "
        print(f"| {name} | {shape} | {times[0]:.1f} | {peer} |", flush=True)


if __name__ == "__main__":
    main()
