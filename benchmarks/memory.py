"""Peak resident memory of a few training steps in a process of their own.

The first row is the libraries alone, imported. minicnn's kernels are compiled beforehand.
"""

from collections.abc import Iterator

from minicnn.kernels.threads import get_num_threads

from .contestants import has, input_shape
from .fresh import in_fresh_process
from .harness import Row
from .report import LAST, OURS, TORCH
from .training import WORKLOADS

STEPS = 4


def rows() -> Iterator[Row]:
    yield measured("imports alone", *WORKLOADS[0][:2], 0)
    for name, batch, _ in WORKLOADS:
        in_fresh_process("child", "ours", name, batch, 1)  # compiles
        yield measured(f"train {name} b{batch}", name, batch, STEPS)


def measured(workload: str, name: str, batch: int, steps: int) -> Row:
    samples = {OURS: [in_fresh_process("child", "ours", name, batch, steps)["memory"]]}
    if has("torch"):
        for peer, last in ((TORCH, False), (LAST, True)):
            how = (name, batch, steps, input_shape(name), get_num_threads(), last)
            samples[peer] = [in_fresh_process("child", "torchs", *how)["memory"]]
    return Row(workload, samples, "MB")
