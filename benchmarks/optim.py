"""Optimizer steps beside PyTorch, float32: milliseconds and ratios to torch's best variant.

    python benchmarks/optim.py [threads]

Parameters of ResNet-20 (0.27 million numbers in 65 arrays), MobileNetV2 (3.5 million in 158) and
one of 11 million. All run by turns in one process; each figure is the least of many runs, and the
median in brackets. torch: the default (foreach) and fused=True, the better of them. Needs torch.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from minicnn import Tensor, models, nn, optim
from minicnn.kernels.threads import set_num_threads

RUNS = 30
OPTIONS = {
    "SGD": {"lr": 1e-4, "momentum": 0.9, "weight_decay": 1e-4},
    "Adam": {"lr": 1e-4},
    "AdamW": {"lr": 1e-4},
    "RMSprop": {"lr": 1e-4},
    "Adagrad": {"lr": 1e-4},
}


def by_turns(*calls: Callable[[], object]) -> list[tuple[float, float]]:
    """(least, median) milliseconds of each call."""
    seconds: list[list[float]] = [[] for _ in calls]
    for run in range(RUNS + 2):
        for call, own in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if run > 1:
                own.append(time.perf_counter() - start)
    return [(1e3 * min(own), 1e3 * statistics.median(own)) for own in seconds]


def ours(shapes: list[tuple[int, ...]]) -> list[nn.Parameter]:
    random, params = np.random.default_rng(0), []
    for shape in shapes:
        p = nn.Parameter(random.standard_normal(shape, np.float32))
        p.grad = Tensor(random.standard_normal(shape, np.float32))
        params.append(p)
    return params


def torch_copies(params: list[nn.Parameter]) -> list[torch.nn.Parameter]:
    copies = []
    for p in params:
        copy = torch.nn.Parameter(torch.tensor(p.data))
        copy.grad = torch.tensor(p.grad.data)
        copies.append(copy)
    return copies


def compare(name: str, what: str, shapes: list[tuple[int, ...]]) -> str:
    options, params = OPTIONS[name], ours(shapes)
    mine = getattr(optim, name)(params, **options)
    peers = []
    for variant in ({}, {"fused": True}):
        try:
            peers.append(getattr(torch.optim, name)(torch_copies(params), **options, **variant))
        except (TypeError, RuntimeError):  # there is no fused RMSprop
            continue
    own, *others = by_turns(mine.step, *(peer.step for peer in peers))
    best = min(others)
    return (
        f"{name:8} {what:28} {own[0]:8.3f} ({own[1]:8.3f})   "
        f"torch {best[0]:8.3f} ({best[1]:8.3f})   ratio {own[0] / best[0]:5.2f}"
    )


def clipping(what: str, shapes: list[tuple[int, ...]]) -> str:
    params = ours(shapes)
    copies = torch_copies(params)
    own, other = by_turns(
        lambda: optim.clip_grad_norm_(params, 1e9),
        lambda: torch.nn.utils.clip_grad_norm_(copies, 1e9),
    )
    return (
        f"clipping {what:28} {own[0]:8.3f} ({own[1]:8.3f})   "
        f"torch {other[0]:8.3f} ({other[1]:8.3f})   ratio {own[0] / other[0]:5.2f}"
    )


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    torch.set_num_threads(threads)
    set_num_threads(threads)
    sets = {
        name: [p.shape for p in models.create(name).parameters()]
        for name in ("resnet20", "mobilenet_v2")
    } | {"11 million": [(11_000_000,)]}
    for what, shapes in sets.items():
        for name in OPTIONS:
            print(compare(name, what, shapes), flush=True)
        print(clipping(what, shapes), flush=True)


if __name__ == "__main__":
    main()
