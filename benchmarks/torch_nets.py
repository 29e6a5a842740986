"""The networks of the benchmarks, built from torch.nn, with the weights of ours.

Layers come in the order of ours, so weights are handed over by position. Everything is a Sequential
or a `Residual` of Sequentials; activations work in place, as torchvision's do, which is faster.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

Net = nn.Module


class Residual(nn.Module):
    """act(body(x) + shortcut(x))"""

    def __init__(self, body: Net, shortcut: Net | None = None, activation: Net | None = None):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x) + (x if self.shortcut is None else self.shortcut(x))
        return y if self.activation is None else self.activation(y)


class Scale(nn.Module):
    """x * body(x): squeeze and excitation"""

    def __init__(self, *body: Net) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.body(x)


class ZeroPad(nn.Module):
    """Every other pixel, and zeros for the new channels: (N, C, H, W) -> (N, 2C, H/2, W/2)"""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))


def layer(
    c: int, o: int, k: int = 3, stride: int = 1, groups: int = 1,
    activation: Callable[..., Net] | None = nn.ReLU, bias: bool = False,
) -> list[Net]:  # fmt: skip
    """Convolution, batch norm, activation."""
    conv = nn.Conv2d(c, o, k, stride, k // 2, groups=groups, bias=bias)
    return [conv, nn.BatchNorm2d(o), *([activation(inplace=True)] if activation else [])]


def mean_then_linear(c: int, classes: int) -> list[Net]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]


def mnist_cnn() -> Net:
    return nn.Sequential(
        *layer(1, 32), nn.MaxPool2d(2), *layer(32, 64), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.25), nn.Linear(3136, 128), nn.ReLU(inplace=True), nn.Dropout(0.25),
        nn.Linear(128, 10),
    )  # fmt: skip


def mnist_1_32_64() -> Net:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 128), nn.ReLU(inplace=True), nn.Linear(128, 10),
    )  # fmt: skip


def lenet5() -> Net:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def resnet20() -> Net:
    layers, c = layer(3, 16), 16
    for o in (16, 32, 64):
        for _ in range(3):
            body = nn.Sequential(*layer(c, o, 3, o // c), *layer(o, o, activation=None))
            layers.append(Residual(body, None if c == o else ZeroPad(), nn.ReLU(inplace=True)))
            c = o
    return nn.Sequential(*layers, *mean_then_linear(64, 10))


def _vgg(depths: tuple[int, ...], norm: bool, *head: Net) -> Net:
    layers: list[Net] = []
    c = 3
    for o, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            conv, bn, relu = layer(c, o, bias=True)
            layers += [conv, bn, relu] if norm else [conv, relu]
            c = o
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), *head)


def _dense(*sizes: int) -> list[Net]:
    """Linear layers with ReLU and dropout between."""
    layers: list[Net] = []
    for i, o in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(i, o), nn.ReLU(inplace=True), nn.Dropout()]
    return layers[:-2]


def vgg11_bn_cifar() -> Net:
    return _vgg((1, 1, 2, 2, 2), True, *_dense(512, 512, 512, 10))


def vgg16() -> Net:
    return _vgg((2, 2, 3, 3, 3), False, *_dense(25088, 4096, 4096, 1000))


def alexnet() -> Net:
    def conv(c: int, o: int, k: int, *how: int) -> list[Net]:
        return [nn.Conv2d(c, o, k, *how), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *conv(3, 64, 11, 4, 2), nn.MaxPool2d(3, 2), *conv(64, 192, 5, 1, 2), nn.MaxPool2d(3, 2),
        *conv(192, 384, 3, 1, 1), *conv(384, 256, 3, 1, 1), *conv(256, 256, 3, 1, 1),
        nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(), *_dense(9216, 4096, 4096, 1000),
    )  # fmt: skip


def mobilenet_v1_cifar() -> Net:
    layers, c = layer(3, 32), 32
    pairs = [(64, 1), (128, 1), (128, 1), (256, 2), (256, 1), (512, 2)]
    for o, stride in [*pairs, *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        layers += [*layer(c, c, 3, stride, c), *layer(c, o, 1)]
        c = o
    return nn.Sequential(*layers, *mean_then_linear(c, 10))


def mobilenet_v2(classes: int = 1000, first_strides: tuple[int, int] = (2, 2)) -> Net:
    stem, second = first_strides
    layers, c = layer(3, 32, 3, stem, activation=nn.ReLU6), 32
    table = (
        (1, 16, 1, 1), (6, 24, 2, second), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
        (6, 160, 3, 2), (6, 320, 1, 1),
    )  # fmt: skip
    for t, o, count, stride in table:
        for i in range(count):
            s, h = 1 if i else stride, c * t
            body = nn.Sequential(
                *(layer(c, h, 1, activation=nn.ReLU6) if t > 1 else []),
                *layer(h, h, 3, s, h, nn.ReLU6), *layer(h, o, 1, activation=None),
            )  # fmt: skip
            layers.append(Residual(body) if s == 1 and c == o else body)
            c = o
    layers += [*layer(c, 1280, 1, activation=nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(1280, classes))


def mobilenet_v2_cifar() -> Net:
    return mobilenet_v2(10, (1, 1))


def efficientnet_b0() -> Net:
    layers, c = layer(3, 32, 3, 2, activation=nn.SiLU), 32
    table = (
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
    )  # fmt: skip
    for t, k, stride, o, count in table:
        for i in range(count):
            s, h = 1 if i else stride, c * t
            scale = Scale(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(h, c // 4, 1), nn.SiLU(inplace=True),
                nn.Conv2d(c // 4, h, 1), nn.Sigmoid(),
            )  # fmt: skip
            body = nn.Sequential(
                *(layer(c, h, 1, activation=nn.SiLU) if t > 1 else []),
                *layer(h, h, k, s, h, nn.SiLU), scale, *layer(h, o, 1, activation=None),
            )  # fmt: skip
            layers.append(Residual(body) if s == 1 and c == o else body)
            c = o
    layers += [*layer(c, 1280, 1, activation=nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(1280, 1000))


def resnet50() -> Net:
    layers, c = [*layer(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            s, o = 1 if i else stride, 4 * width
            body = nn.Sequential(
                *layer(c, width, 1), *layer(width, width, 3, s),
                *layer(width, o, 1, activation=None),
            )  # fmt: skip
            short = None if i else nn.Sequential(*layer(c, o, 1, s, activation=None))
            layers.append(Residual(body, short, nn.ReLU(inplace=True)))
            c = o
    return nn.Sequential(*layers, *mean_then_linear(c, 1000))


State = list[torch.Tensor]


def state_of(ours: Any) -> State:
    """The weights and buffers of one of our nets, in order, in torch's own memory."""
    return [torch.from_numpy(np.asarray(a)).clone() for a in ours.state_dict().values()]


def build(name: str, state: State | None = None, channels_last: bool = False) -> Net:
    """The net of that name, on these very tensors; in channels_last its 4-D weights are copies.

    Without ``state`` it has random weights. Raises ValueError or RuntimeError where a state does
    not fit.
    """
    if state is None:
        net = globals()[name]()
    else:
        with torch.device("meta"):  # no memory and no time for weights that are replaced at once
            net = globals()[name]()
        net.load_state_dict(dict(zip(net.state_dict(), state, strict=True)), assign=True)
        for p in net.parameters():
            p.requires_grad_(True)
    return net.to(memory_format=torch.channels_last) if channels_last else net


def folded(net: Net) -> Net:
    """A copy in which each batch norm has become part of the convolution before it."""
    net = deepcopy(net).eval()
    for module in list(net.modules()):
        if isinstance(module, nn.Sequential):
            for i in range(len(module) - 1):
                if isinstance(module[i + 1], nn.BatchNorm2d):
                    module[i] = fuse_conv_bn_eval(module[i], module[i + 1])
                    module[i + 1] = nn.Identity()
    return net


# What is timed


def as_torch(x: np.ndarray, channels_last: bool) -> torch.Tensor:
    """A copy in torch's own memory; the memory format matters to arrays of four axes only."""
    last = channels_last and x.ndim == 4
    form = torch.channels_last if last else torch.contiguous_format
    return torch.from_numpy(np.array(x)).clone(memory_format=form)


def training_step(
    net: Net, x: np.ndarray, y: np.ndarray, channels_last: bool, rate: float, momentum: float
) -> Callable[[], float]:
    """Forward, cross-entropy, backward and SGD; of torch's SGDs the fused one is the fastest."""
    inputs, targets = as_torch(x, channels_last), torch.from_numpy(y)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum, fused=True)

    def step() -> float:
        loss = F.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(net: Net, x: np.ndarray, channels_last: bool) -> Callable[[], torch.Tensor]:
    inputs = as_torch(x, channels_last)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return net(inputs)

    return run
