"""A short training with the learner's function in the library: it must go as the library's goes."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from .. import nn, ops, optim, random
from ..kernels import use_kernels
from ..tensor import Tensor
from ..testing.doctor import Sign
from .hooks import swap

STEPS, RTOL = 20, 1e-9


def signs(key: str, function: Callable[..., Any]) -> list[Sign]:
    """What is wrong with a function in its place in the library; nothing where all is well."""
    calls = 0

    def counted(*given: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return function(*given, **options)

    expected = losses()
    try:
        with swap(key, counted), contextlib.closing(_train()) as found:
            wrong = _difference(found, expected)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        evidence = f"{type(error).__name__} in call {calls}: {text}"
        return [Sign("training-fails", "", evidence, 0, "training")]
    if not calls:
        return [Sign("not-called", "", f"{key} was not called in {STEPS} steps", 0, "training")]
    return [Sign("training-differs", "", wrong, 0, "training")] if wrong else []


def _difference(found: Iterable[float], expected: Iterable[float]) -> str:
    """The first step whose loss is another one; no step after it is done."""
    for step, (loss, right) in enumerate(zip(found, expected, strict=True)):
        if not abs(loss - right) <= RTOL * abs(right):
            return f"the loss in step {step + 1} is {loss:.9g}, with the library's {right:.9g}"
    return ""


@cache
def losses() -> tuple[float, ...]:
    """The library's own training."""
    return tuple(_train())


def _train() -> Generator[float, None, None]:
    """The loss of each of 20 steps in double precision; the library's randomness is left alone."""
    state = random.get_state()
    random.manual_seed(3)
    try:
        with use_kernels("numpy"), np.errstate(all="ignore"), contextlib.redirect_stdout(None):
            yield from _losses(_everything().double())
    finally:
        random.set_state(state)


def _losses(net: nn.Module) -> Iterator[float]:
    rng = np.random.default_rng(7)
    x, labels = Tensor(rng.standard_normal((6, 2, 8, 8))), rng.integers(0, 3, 6)
    parameters = list(net.parameters())
    optimizers = (
        optim.SGD(parameters[::4], lr=0.02, momentum=0.9),
        optim.Adam(parameters[1::4], lr=0.003),
        optim.RMSprop(parameters[2::4], lr=0.003),
        optim.AdamW(parameters[3::4], lr=0.003),
    )
    for _ in range(STEPS):
        net.zero_grad()
        y = net(x)
        y = ops.concat([y[:, :1], y[:, 1:]], 1)
        loss = ops.cross_entropy(y, labels) + 0.1 * ops.mse_loss(ops.softmax(y, 1), y * 0.1)
        (loss + 0.1 * _more(y, labels)).backward()
        for optimizer in optimizers:
            optimizer.step()
        yield loss.item()


def _more(y: Tensor, labels: np.ndarray) -> Tensor:
    """Ops that no layer of the network has; the first row is read twice."""
    picked = y[[0, 0, 2]] * y[1:4]
    images, stamp = ops.reshape(y, (2, 3, 3, 1)), Tensor(np.linspace(1, 2, 6).reshape(3, 1, 2, 1))
    columns = ops.global_avg_pool2d(images) + ops.mean(ops.depthwise_conv2d(images, stamp))
    best = ops.max(y, 1) * ops.max(y, 0, keepdim=True)[0, 0]
    smooth = ops.cross_entropy(y, labels, label_smoothing=0.1)
    return smooth + ops.mean(picked) + ops.mean(columns * columns) + ops.mean(best)


def _everything() -> nn.Module:
    """A small network with every layer that an exercise may take the place of."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.LeakyReLU(0.1), nn.AvgPool2d(2, 1),
        nn.Flatten(2), nn.MultiheadAttention(4, 2), nn.Flatten(),
        nn.Linear(16, 8), nn.Sigmoid(), nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.2),
        nn.Linear(8, 8), nn.GELU(), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 8), nn.Hardswish(),
        nn.Linear(8, 3),
    )  # fmt: skip
