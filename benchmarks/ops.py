"""Each op beside torch's, at the shapes of real layers: forward, and the gradient of one input.

float32. GFLOP/s count a multiply-add as two; the peak is what the cores reach in `peak.py`. Only
the gradient that the row names is computed. Of torch's optimizers both forms are shown.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import minicnn
from minicnn import Tensor, nn, no_grad, ops, optim

from .contestants import create, has, images, labels, torch_nets
from .harness import Row, compare
from .peak import peak
from .report import LAST, OURS, TORCH

SECONDS = 1.0  # for one row
FUSED = "torch fused"

Function = Callable[..., Any]


class Case(NamedTuple):
    """An op on arrays: ours, torch's (by its name there), and which gradients are of interest."""

    name: str
    ours: Function
    theirs: Function
    arrays: tuple[np.ndarray, ...]
    gradients: tuple[str, ...] = ("input",)  # of the arrays, in this order
    work: float = 0.0


def rows() -> Iterator[Row]:
    limit = peak()
    for case in cases():
        for part, wanted in parts(case):
            runs = {OURS: our_run(case, wanted)}
            if has("torch"):
                formats = (TORCH, LAST) if case.arrays[0].ndim == 4 else (TORCH,)
                runs |= {name: torch_run(case, wanted, name == LAST) for name in formats}
            check(part, runs)
            yield compare(part, runs, seconds=SECONDS, work=case.work, peak=limit)
    yield from optimizers()


def cases() -> Iterator[Case]:
    for family in (convolutions, depthwise, dense, norms, pools, activations, losses):
        yield from family()


def parts(case: Case) -> Iterator[tuple[str, int | None]]:
    """What is measured of an op: forward (None), and the gradient of one of the arrays."""
    yield f"{case.name}, forward", None
    for i, name in enumerate(case.gradients):
        yield f"{case.name}, {name} gradient", i


def check(workload: str, runs: dict[str, Callable[[], Any]]) -> None:
    """Raise RuntimeError where the contestants do not compute the same."""
    results = {name: run() for name, run in runs.items()}
    arrays = {
        name: np.asarray((found[0] if isinstance(found, tuple) else found).numpy())
        for name, found in results.items()
    }
    scale = 1e-3 * abs(arrays[OURS]).max()
    for name, found in arrays.items():
        if not np.allclose(found, arrays[OURS], rtol=0, atol=scale):
            worst = abs(found - arrays[OURS]).max()
            raise RuntimeError(f"{workload}: {OURS} and {name} must agree, differ by {worst}")


def our_run(case: Case, wanted: int | None) -> Callable[[], object]:
    inputs = [Tensor(a, requires_grad=i == wanted) for i, a in enumerate(case.arrays)]

    def forward() -> object:
        with no_grad():
            return case.ours(*inputs)

    if wanted is None:
        return forward
    y = case.ours(*inputs)
    gy, x = Tensor(cotangent(y.shape)), inputs[wanted]
    return lambda: minicnn.grad(y, x, gy)


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """The gradient that arrives: random numbers, since ones would hide errors."""
    if len(shape) == 4:
        return images(*shape, seed=1)
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def torch_run(case: Case, wanted: int | None, last: bool) -> Callable[[], object]:
    nets = torch_nets()
    torch = nets.torch
    inputs = [nets.as_torch(a, last).requires_grad_(i == wanted) for i, a in enumerate(case.arrays)]

    def forward() -> object:
        with torch.no_grad():
            return case.theirs(*inputs)

    if wanted is None:
        return forward
    y = case.theirs(*inputs)
    gy, x = nets.as_torch(cotangent(y.shape), last), inputs[wanted]
    return lambda: torch.autograd.grad(y, x, gy, retain_graph=True)


def functional(name: str) -> Function:
    """torch's function of that name, or nothing to call where torch is missing."""
    return getattr(torch_nets().F, name) if has("torch") else print


def convolutions() -> Iterator[Case]:
    shapes = (  # n, channels, filters, size, kernel, stride
        (128, 3, 16, 32, 3, 1), (128, 16, 16, 32, 3, 1), (128, 32, 32, 16, 3, 1),
        (128, 64, 64, 8, 3, 1), (128, 16, 32, 32, 3, 2), (64, 64, 64, 32, 3, 1),
        (64, 512, 512, 4, 3, 1), (1, 64, 64, 56, 3, 1), (1, 256, 256, 14, 3, 1),
        (8, 64, 256, 56, 1, 1), (8, 256, 512, 56, 1, 2), (64, 512, 512, 4, 1, 1),
        (128, 6, 16, 14, 5, 1),
    )  # fmt: skip
    for n, c, o, size, k, stride in shapes:
        x, weight = images(n, c, size, size), images(o, c, k, k)
        how = {"stride": stride, "padding": k // 2}
        work = 2.0 * n * o * (-(-size // stride)) ** 2 * c * k * k
        name = f"conv {k}x{k}/{stride} ({n}, {c}, {size}, {size}) to {o}"
        pair = partial(ops.conv2d, **how), partial(functional("conv2d"), **how)
        yield Case(name, *pair, (x, weight), ("input", "weight"), work)


def depthwise() -> Iterator[Case]:
    shapes = ((128, 32, 32, 3, 1), (64, 128, 16, 3, 2), (1, 144, 56, 3, 1), (16, 576, 14, 3, 1),
              (1, 240, 28, 5, 1))  # fmt: skip
    for n, c, size, k, stride in shapes:
        how = {"stride": stride, "padding": k // 2}
        pair = (
            partial(ops.depthwise_conv2d, **how),
            partial(functional("conv2d"), groups=c, **how),
        )
        arrays = images(n, c, size, size), images(c, 1, k, k)
        name = f"depthwise {k}x{k}/{stride} ({n}, {c}, {size}, {size})"
        yield Case(name, *pair, arrays, ("input", "weight"))


def dense() -> Iterator[Case]:
    for n, i, o in (128, 3136, 128), (128, 784, 512), (64, 512, 512), (1, 9216, 4096):
        arrays = images(n, i, 1, 1)[:, :, 0, 0], images(o, i, 1, 1)[:, :, 0, 0]
        work = 2.0 * n * i * o
        yield Case(f"linear ({n}, {i}) to {o}", ops.linear, functional("linear"), arrays,
                   ("input", "weight"), work)  # fmt: skip


def norms() -> Iterator[Case]:
    for n, c, size in (128, 16, 32), (128, 64, 8), (64, 64, 32), (64, 512, 4):
        ours = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU())
        theirs: Function = print
        if has("torch"):
            kit = torch_nets().nn
            theirs = kit.Sequential(kit.BatchNorm2d(c), kit.ReLU())
        name = f"batch norm and ReLU ({n}, {c}, {size}, {size})"
        yield Case(name, ours, theirs, (images(n, c, size, size),))


def pools() -> Iterator[Case]:
    for n, c, size, k, pad in (128, 32, 28, 2, 0), (8, 64, 112, 3, 1), (128, 6, 28, 2, 0):
        how = {"kernel_size": k, "stride": 2, "padding": pad}
        for name in "max_pool2d", "avg_pool2d":
            pair = partial(getattr(ops, name), **how), partial(functional(name), **how)
            yield Case(f"{name} {k}x{k}/2 ({n}, {c}, {size}, {size})", *pair,
                       (images(n, c, size, size),))  # fmt: skip


def activations() -> Iterator[Case]:
    x = images(128, 16, 32, 32)
    for name in "relu", "silu", "gelu", "sigmoid", "tanh":
        theirs = getattr(torch_nets().torch, name, None) if has("torch") else print
        yield Case(f"{name} {x.shape}", getattr(ops, name), theirs or functional(name), (x,))


def losses() -> Iterator[Case]:
    for n, classes in (128, 10), (64, 1000):
        y = labels(n, classes)
        targets = torch_nets().torch.from_numpy(y) if has("torch") else y
        theirs = partial(functional("cross_entropy"), target=targets)
        ours = partial(ops.cross_entropy, target=y)
        yield Case(f"cross_entropy ({n}, {classes})", ours, theirs,
                   (images(n, classes, 1, 1)[:, :, 0, 0],))  # fmt: skip


def optimizers() -> Iterator[Row]:
    """One step on all parameters of a net."""
    for kind, options in ("SGD", {"lr": 1e-3, "momentum": 0.9}), ("Adam", {"lr": 1e-3}):
        for name in "resnet20", "mobilenet_v2", "vgg11_bn_cifar":
            parameters = list(create(name).parameters())
            shapes = [p.shape for p in parameters]
            for p in parameters:
                p.grad = Tensor(np.ones_like(p.data))  # in the order in which backward leaves it
            runs = {OURS: getattr(optim, kind)(parameters, **options).step}
            if has("torch"):
                runs |= torch_optimizers(kind, shapes, options)
            count = f"{sum(p.numel() for p in parameters):,}"
            title = f"{kind} step, {count} parameters in {len(shapes)} ({name})"
            yield compare(title, runs, seconds=SECONDS)


def torch_optimizers(kind: str, shapes: list, options: dict) -> dict[str, Callable]:
    torch, runs = torch_nets().torch, {}
    for name, more in (TORCH, {}), (FUSED, {"fused": True}):
        parameters = [torch.ones(shape, requires_grad=True) for shape in shapes]
        for p in parameters:
            p.grad = torch.ones_like(p)
        runs[name] = getattr(torch.optim, kind)(parameters, **options, **more).step
    return runs
