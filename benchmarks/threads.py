"""From one thread to two (and on, in powers of two, as far as there are cores).

Each number of threads has a process of its own that may use only so many cores: whatever else in it
starts threads cannot take more either.
"""

from collections.abc import Iterator
from dataclasses import asdict
from statistics import median

from .contestants import inferences, training_steps
from .fresh import in_fresh_process
from .harness import Row, compare, cores

WORKLOADS = (  # question, model, batch
    ("train", "mnist_cnn", 128), ("train", "resnet20", 128), ("infer", "resnet50", 8),
)  # fmt: skip


def rows() -> Iterator[Row]:
    counts = [2**n for n in range(len(cores()).bit_length())]
    for what, name, batch in WORKLOADS:
        found = []
        for n in counts:
            there = in_fresh_process(
                "threads", "measure", what, name, batch, processors=cores()[:n]
            )
            found.append(Row(**there))
            yield found[-1]
        last, samples = counts[-1], {}
        for contestant, one in found[0].samples.items():
            samples[contestant] = [median(one) / median(found[-1].samples[contestant])]
        yield Row(f"{what} {name} b{batch}: from 1 thread to {last}", samples, "times")


def measure(what: str, name: str, batch: int) -> dict:
    """The workload on the cores that the process has."""
    steps = training_steps(name, batch) if what == "train" else inferences(name, batch)
    steps = {peer: step for peer, step in steps.items() if "folded" not in peer}
    return asdict(compare(f"{what} {name} b{batch}, threads: {len(cores())}", steps, seconds=4.0))
