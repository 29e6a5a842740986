"""What runs in processes of their own for `memory` and `compile`: training steps of one contestant.

Imports are inside the functions, because what they cost is measured too: minicnn is not loaded
where torch is measured, nor torch where minicnn is.
"""

import resource
import sys
import time
from collections.abc import Callable

Make = Callable[[], Callable[[], float]]


def ours(name: str, batch: int, steps: int) -> dict[str, float]:
    """Seconds and memory of some training steps of a model of ours; of imports alone with 0."""
    start = time.perf_counter()
    from . import contestants

    def make() -> Callable[[], float]:
        shape = contestants.input_shape(name)
        x, y = contestants.images(batch, *shape), contestants.labels(batch)
        return contestants.our_step(contestants.create(name), x, y)

    return _measured(start, make, steps)


def torchs(
    name: str, batch: int, steps: int, shape: list[int], threads: int, channels_last: bool
) -> dict[str, float]:
    """The same with torch."""
    start = time.perf_counter()
    import numpy as np

    from . import torch_nets

    torch_nets.torch.set_num_threads(threads)

    def make() -> Callable[[], float]:
        random = np.random.default_rng(0)
        x = random.standard_normal((batch, *shape), np.float32)
        net = torch_nets.build(name, None, channels_last)
        return torch_nets.training_step(net, x, random.integers(0, 10, batch), channels_last,
                                        1e-3, 0.9)  # fmt: skip

    return _measured(start, make, steps)


def _measured(start: float, make: Make, steps: int) -> dict[str, float]:
    found = {"imports": time.perf_counter() - start}
    step = make() if steps else None
    for n in range(steps):
        begin = time.perf_counter()
        step()
        found[f"step {n + 1}"] = time.perf_counter() - begin
    return found | {"memory": peak_memory()}


def peak_memory() -> float:
    """The largest resident memory of this process so far, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)  # Linux counts in KB
