"""Lesson 18: other right answers, and changes of the solutions that make no difference."""

import numpy as np

from minicnn import nn


def forward_by_channel(x, weight):
    y = np.empty_like(x)
    for c, w in enumerate(weight):
        total = (1 + w) * x[:, c]
        y[:, c] = np.where(total > 0, total, 0)
    return y


def backward_by_channel(gy, x, weight):
    gx, gweight = np.zeros_like(x), np.zeros_like(weight)
    for c, w in enumerate(weight):
        g = np.where(x[:, c] * (1 + w) > 0, gy[:, c], 0)
        gx[:, c] = (1 + w) * g
        gweight[c] = np.vdot(g, x[:, c])
    return gx, gweight


class Branch(nn.Module):
    """All convolutions first, then all batch norms, and one ReLU that is called again."""

    def __init__(self, channels, sizes):
        super().__init__()
        self.convs = []
        for outputs, size, stride in sizes:
            padding = (size - 1) // 2
            self.convs.append(nn.Conv2d(channels, outputs, size, stride, padding, bias=False))
            channels = outputs
        self.norms = [nn.BatchNorm2d(conv.out_channels) for conv in self.convs]
        self.relu = nn.ReLU()

    def forward(self, x):
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(self.relu(x) if i else x))
        return x


def basic_class(channels, planes, stride):
    return Branch(channels, [(planes, 3, stride), (planes, 3, 1)])


def bottleneck_class(channels, planes, stride):
    return Branch(channels, [(planes, 1, 1), (planes, 3, stride), (planes * 4, 1, 1)])


def shortcut_in_one(channels, outputs, stride):
    layers = []
    if (channels, 1) != (outputs, stride):
        layers = [nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers)


def zero_by_loop(branch):
    for module in branch.modules():
        if isinstance(module, nn.BatchNorm2d):
            last = module
    last.weight.data[:] = 0


def zero_by_multiplying(branch):
    weights = [p for name, p in branch.named_parameters() if p.ndim == 1 and "weight" in name]
    weights[-1].data *= 0


ALTERNATIVES = {
    "18.1": [{"residual_forward": forward_by_channel, "residual_backward": backward_by_channel}],
    "18.2": [{"basic": basic_class, "bottleneck": bottleneck_class}],
    "18.3": [{"shortcut": shortcut_in_one}],
    "18.4": [{"zero_last_gamma": f} for f in (zero_by_loop, zero_by_multiplying)],
}
SURVIVORS = {
    "18.1: g = gy * (x + w * x > 0)  ->  g = gy * (x + w * x >= 0)": (
        "no sum of the doctor's probes is exactly 0, where ReLU has no slope"
    ),
    "18.1: return np.maximum(x + weight[:, None, None] * x, 0)  ->  "
    "return np.maximum(0, x + weight[:, None, None] * x)": "the larger of two numbers",
}
