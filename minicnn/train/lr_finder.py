"""Which learning rate? A sweep over all of them, in one epoch or less."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from .. import random
from ..inplace import mark_written
from ..kernels import to_device
from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor
from ..viz import plot_lr_sweep
from .tasks import Loss, find_task

_EXPLODED = 4.0  # times the smallest loss so far
_SMOOTHING = 0.9


class LRSweep(NamedTuple):
    """Losses at growing learning rates; ``smoothed`` is their running mean.

    ``suggestion`` is a tenth of the learning rate where the smoothed loss was smallest: there it
    is about to rise, a tenth leaves room. ``steepest`` is where it fell fastest per factor of lr.
    """

    lrs: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float
    steepest: float
    reason: str

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw the sweep as a PNG."""
        plot_lr_sweep(self.lrs, self.losses, self.smoothed, self.suggestion, path)

    def __str__(self) -> str:
        return (
            f"learning rate {self.suggestion:.2g}: the loss is smallest at "
            f"{10 * self.suggestion:.2g} and falls fastest at {self.steepest:.2g} "
            f"({len(self.lrs)} steps; {self.reason})"
        )


def find_lr(
    model: Module, optimizer: Optimizer, loader: Any, *, task: str = "multiclass",
    loss: Loss | None = None, low: float = 1e-6, high: float = 10.0, steps: int = 100,
) -> LRSweep:  # fmt: skip
    """Train with a learning rate that grows from ``low`` to ``high``, and leave no trace.

        lr_i = low (high / low)^(i / (steps - 1))

    Batches come from ``loader``, again from its start where it is too short. The sweep stops once
    the smoothed loss is four times its smallest value or not finite. Groups with learning rates of
    their own keep their ratios; ``low`` and ``high`` are those of the largest. Afterwards weights,
    running statistics, gradients, optimizer, random numbers and the loader's epoch are bit for bit
    what they were.

    Raises ValueError for bounds that do not grow, fewer than 10 steps, and a loss that is not
    finite from the start.
    Paper: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
    """
    if not 0 < low < high or steps < 10:
        raise ValueError(
            f"find_lr: 0 < low < high and steps of at least 10 are needed, got low={low}, "
            f"high={high}, steps={steps}"
        )
    kind = find_task(task)
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    with _restored(model, optimizer, loader), np.errstate(all="ignore"):
        model.train()
        losses = []
        reason = f"the end of the sweep, {high:.2g}, was reached"
        ratios = _ratios(optimizer)
        for lr, (images, labels) in zip(rates, _endless(loader), strict=False):
            for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
                group["lr"] = float(lr) * ratio
            losses.append(_step(model, optimizer, kind, loss or kind.loss, images, labels))
            smoothed = smooth(losses)
            if not math.isfinite(losses[-1]) or smoothed[-1] > _EXPLODED * min(smoothed):
                reason = f"the loss exploded at {lr:.2g}"
                break
    return _sweep([float(lr) for lr in rates[: len(losses)]], losses, reason)


def smooth(losses: list[float]) -> list[float]:
    """Running mean m <- 0.9 m + 0.1 loss, divided by 1 - 0.9^i, which makes up for m = 0 at first.

    Source: Kingma, Ba, "Adam", 2015, section 3 (bias correction).
    """
    mean, smoothed = 0.0, []
    for i, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed.append(mean / (1 - _SMOOTHING**i))
    return smoothed


def _sweep(lrs: list[float], losses: list[float], reason: str) -> LRSweep:
    finite = [x for x in losses if math.isfinite(x)]
    if len(finite) < 5:
        raise ValueError(
            f"find_lr: the loss must stay finite for 5 steps at least, got {len(finite)}; start "
            "with a smaller low, and see that inputs are normalised"
        )
    lrs, losses, smoothed = lrs[: len(finite)], finite, smooth(finite)
    best = max(int(np.argmin(smoothed)), 1)
    slopes = np.gradient(smoothed[: best + 1], np.log(lrs[: best + 1]))
    return LRSweep(lrs, losses, smoothed, lrs[best] / 10, lrs[int(np.argmin(slopes))], reason)


def _step(
    model: Module, optimizer: Optimizer, task: Any, loss: Loss, images: Any, labels: Any
) -> float:
    device = next((p.device for p in model.parameters()), "cpu")
    outputs = model(Tensor(images).to(device))
    logits = outputs[0] if isinstance(outputs, tuple) else outputs
    value = loss(outputs, Tensor(task.target(labels, logits)).to(device))
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.item()


def _ratios(optimizer: Optimizer) -> list[float]:
    rates = [group["lr"] for group in optimizer.param_groups]
    return [lr / max(rates) if max(rates) > 0 else 1.0 for lr in rates]


def _endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


@contextmanager
def _restored(model: Module, optimizer: Optimizer, loader: Any) -> Iterator[None]:
    tensors = [*model.parameters(), *model.buffers()]
    values = [x.data.copy() for x in tensors]
    grads, modes = [x.grad for x in tensors], [m.training for m in model.modules()]
    saved, state, epoch = optimizer.state_dict(), random.get_state(), loader.epoch
    try:
        yield
    finally:
        for x, value, grad in zip(tensors, values, grads, strict=True):
            x.data[...] = to_device(value, x.device)
            x.grad = grad
            mark_written(x, "find_lr")
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode
        optimizer.load_state_dict(saved)
        random.set_state(state)
        loader.set_epoch(epoch)
