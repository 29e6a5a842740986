"""Two of the networks in DeZero (K. Saito, 2020), with the weights of ours.

DeZero turns numbers such as the 2 in x / 2 into float64 arrays, so since NumPy 2 parts of its
backward pass are computed in float64.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

np.int = int  # DeZero 0.0.13 was written for a NumPy that had this name
import dezero.functions as F  # noqa: E402
import dezero.layers as L  # noqa: E402
from dezero import Model, Parameter  # noqa: E402
from dezero.optimizers import MomentumSGD  # noqa: E402

del np.int

Part = Callable[[Any], Any]


class Dropout:
    """Zeros with probability p, while `training`; DeZero's own switch is for the whole program."""

    def __init__(self, p: float) -> None:
        self.p, self.training = p, True

    def __call__(self, x: Any) -> Any:
        return F.dropout(x, self.p) if self.training else x

    def eval(self) -> None:
        self.training = False

    def train(self) -> None:
        self.training = True


class Net(Model):
    """Layers and functions, one after the other."""

    def __init__(self, *parts: Part) -> None:
        super().__init__()
        self.parts = parts
        for n, part in enumerate(parts):
            setattr(self, f"part{n}", part)

    def forward(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def modules(self) -> Iterator[Part]:
        return iter(self.parts)


def conv(state: Iterator[np.ndarray], pad: int = 0, bias: bool = True) -> Part:
    weight = next(state)
    o, c, k, _ = weight.shape
    part = L.Conv2d(o, k, pad=pad, nobias=not bias, in_channels=c)
    part.W.data = weight
    if bias:
        part.b.data = next(state)
    return part


def dense(state: Iterator[np.ndarray]) -> Part:
    weight, bias = next(state), next(state)
    part = L.Linear(len(weight), in_size=weight.shape[1])
    part.W.data, part.b.data = weight.T.copy(), bias
    return part


def norm(state: Iterator[np.ndarray]) -> Part:
    part = L.BatchNorm()
    for name in ("gamma", "beta", "avg_mean", "avg_var"):
        setattr(part, name, Parameter(next(state), name=name))
    next(state)  # the counter of batches
    return part


def mnist_cnn(state: Iterator[np.ndarray]) -> Net:
    pool = partial(F.pooling, kernel_size=2, stride=2)
    parts: list[Part] = []
    for _ in range(2):
        parts += [conv(state, 1, bias=False), norm(state), F.relu, pool]
    parts += [F.flatten, Dropout(0.25), dense(state), F.relu, Dropout(0.25), dense(state)]
    return Net(*parts)


def mnist_1_32_64(state: Iterator[np.ndarray]) -> Net:
    pool = partial(F.pooling, kernel_size=2, stride=2)
    parts = [conv(state, 1), F.relu, pool, conv(state, 1), F.relu, pool]
    return Net(*parts, F.flatten, dense(state), F.relu, dense(state))


def lenet5(state: Iterator[np.ndarray]) -> Net:
    pool = partial(F.average_pooling, kernel_size=2, stride=2)
    parts = [conv(state, 2), F.tanh, pool, conv(state), F.tanh, pool, conv(state), F.tanh]
    return Net(*parts, F.flatten, dense(state), F.tanh, dense(state))


def build(name: str, ours: Any) -> Net:
    """The net of that name with copies of the weights of ``ours``."""
    return globals()[name](iter(ours.state_dict().values()))


def training_step(
    net: Net, x: np.ndarray, y: np.ndarray, rate: float, momentum: float
) -> Callable[[], float]:
    """Forward, softmax cross-entropy, backward and SGD with momentum."""
    optimizer, x = MomentumSGD(rate, momentum).setup(net), np.ascontiguousarray(x)

    def run() -> float:
        loss = F.softmax_cross_entropy(net(x), y)
        net.cleargrads()
        loss.backward()
        optimizer.update()
        return float(loss.data)

    return run
