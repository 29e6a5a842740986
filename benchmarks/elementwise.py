"""Activations, softmax, losses and sums, forward and backward, against PyTorch.

    python -m benchmarks.elementwise [name ...]

The kernels that ops call, on arrays; torch's functions on tensors of the same values, and for the
gradient the functions that its autograd calls. The two run by turns in one process with as many
threads; the table shows the least and the median time of ROUNDS calls, in milliseconds. float32;
2 million numbers, which at 8 MB per array is what a batch of small images has.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from minicnn.kernels import kernel_set
from minicnn.kernels.threads import get_num_threads

ROUNDS = 60
Case = tuple[str, Callable[[], Any], Callable[[], Any]]
random = np.random.default_rng(0)
ours = kernel_set("numba")
aten = torch.ops.aten
SETTINGS: dict[str, tuple[float, ...]] = {
    "elu": (1.0,), "hardtanh": (0.0, 6.0), "leaky_relu": (0.01,),
}  # fmt: skip


def both(*shape: int) -> tuple[np.ndarray, torch.Tensor]:
    """The same normal numbers for both; images are channels-last."""
    x = random.standard_normal(shape, np.float32)
    x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1) if len(shape) == 4 else x
    return x, torch.from_numpy(x)


def in_torch(tx: torch.Tensor, tgy: torch.Tensor) -> dict[str, tuple[Callable, Callable]]:
    """torch's function and its gradient, by our name."""
    ty = {"sigmoid": torch.sigmoid(tx), "tanh": torch.tanh(tx)}
    return {
        "relu": (torch.relu, lambda: aten.threshold_backward(tgy, tx, 0)),
        "leaky_relu": (
            torch.nn.functional.leaky_relu,
            lambda: aten.leaky_relu_backward(tgy, tx, 0.01, False),
        ),
        "hardtanh": (torch.nn.functional.relu6, lambda: aten.hardtanh_backward(tgy, tx, 0, 6)),
        "hardsigmoid": (
            torch.nn.functional.hardsigmoid, lambda: aten.hardsigmoid_backward(tgy, tx)
        ),
        "hardswish": (torch.nn.functional.hardswish, lambda: aten.hardswish_backward(tgy, tx)),
        "sigmoid": (torch.sigmoid, lambda: aten.sigmoid_backward(tgy, ty["sigmoid"])),
        "silu": (torch.nn.functional.silu, lambda: aten.silu_backward(tgy, tx)),
        "tanh": (torch.tanh, lambda: aten.tanh_backward(tgy, ty["tanh"])),
        "elu": (
            torch.nn.functional.elu, lambda: aten.elu_backward(tgy, 1.0, 1, 1, False, tx)
        ),
        "softplus": (
            torch.nn.functional.softplus, lambda: aten.softplus_backward(tgy, tx, 1, 20)
        ),
        "gelu": (torch.nn.functional.gelu, lambda: aten.gelu_backward(tgy, tx)),
        "gelu_tanh": (
            lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
            lambda: aten.gelu_backward(tgy, tx, approximate="tanh"),
        ),
    }  # fmt: skip


def activations() -> Iterator[Case]:
    (x, tx), (gy, tgy) = both(128, 16, 32, 32), both(128, 16, 32, 32)
    yield "exp", lambda: ours.exp(x), lambda: torch.exp(tx)
    for name, (forward, backward) in in_torch(tx, tgy).items():
        options, grad = SETTINGS.get(name, ()), f"{name}_grad"
        yield name, partial(getattr(ours, name), x, *options), partial(forward, tx)
        yield grad, partial(getattr(ours, grad), gy, x, *options), backward


def rows() -> Iterator[Case]:
    for shape in ((64, 3, 197, 197), (128, 1000)):
        x, gy = (random.standard_normal(shape, np.float32) for _ in range(2))
        tx, tgy = torch.from_numpy(x), torch.from_numpy(gy)
        ty, what = torch.softmax(tx, -1), "x".join(map(str, shape))
        back = partial(aten._softmax_backward_data, tgy, ty, -1, torch.float32)
        yield f"softmax {what}", partial(ours.softmax, x, -1), partial(torch.softmax, tx, -1)
        yield f"softmax_grad {what}", partial(ours.softmax_grad, gy, x, -1), back
        log_softmax = partial(torch.log_softmax, tx, -1)
        yield f"log_softmax {what}", partial(ours.log_softmax, x, -1), log_softmax
    for n, c in ((128, 1000), (128, 10)):
        x, tx = both(n, c)
        labels = random.integers(0, c, n)
        leaf, t = tx.clone().requires_grad_(), torch.from_numpy(labels)
        step, peer = partial(ours_both_ways, x, labels), partial(torch_both_ways, leaf, t)
        yield f"cross_entropy {n}x{c}, both ways", step, peer


def ours_both_ways(x: np.ndarray, labels: np.ndarray) -> None:
    ours.cross_entropy(x, labels)
    ours.cross_entropy_grad(np.ones((), np.float32), x, labels)


def torch_both_ways(x: torch.Tensor, labels: torch.Tensor) -> None:
    torch.nn.functional.cross_entropy(x, labels).backward()


def sums() -> Iterator[Case]:
    for n, c, size in ((128, 16, 32), (128, 64, 8), (64, 512, 7), (1, 2048, 7)):
        x, tx = both(n, c, size, size)
        for axes in ((2, 3), (0, 2, 3)):
            what = f"sum over {axes} of {n}x{c}x{size}x{size}"
            yield what, partial(ours.sum, x, axes), partial(tx.sum, axes, keepdim=True)


def compare(name: str, mine: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    mine(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, taken in zip((mine, theirs), times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - start))
    figures = [figure(taken) for figure in (min, statistics.median) for taken in times]
    ratios = f"{figures[0] / figures[1]:7.2f}{figures[2] / figures[3]:8.2f}"
    print(f"{name:36}" + "".join(f"{t:9.3f}" for t in figures) + ratios, flush=True)


def main() -> None:
    torch.set_num_threads(get_num_threads())
    print(f"{get_num_threads()} threads; times are minicnn, torch, by least and by median, ms")
    print(f"{'':36}{'least':>9}{'torch':>9}{'median':>9}{'torch':>9}{'ratio':>7}{'ratio':>8}")
    for family in (activations, rows, sums):
        for case in family():
            if not sys.argv[1:] or case[0].split()[0].removesuffix("_grad") in sys.argv[1:]:
                compare(*case)


if __name__ == "__main__":
    main()
