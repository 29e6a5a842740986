"""Lesson 20: other right answers, and changes of the solutions that make no difference."""

import numpy as np

from minicnn import nn


def dense_in_loops(weight, groups):
    filters, channels = len(weight) // groups, weight.shape[1]
    dense = np.zeros((len(weight), channels * groups, *weight.shape[2:]), weight.dtype)
    for g in range(groups):
        mine = slice(g * filters, (g + 1) * filters)
        dense[mine, g * channels : (g + 1) * channels] = weight[mine]
    return dense


def dense_by_einsum(weight, groups):
    filters, channels, *kernel = weight.shape
    parts = weight.reshape(groups, filters // groups, channels, *kernel)
    return np.einsum("gfcuv,gh->gfhcuv", parts, np.eye(groups)).reshape(filters, -1, *kernel)


def gate_in_loops(gy, x, weight):
    gx, gweight = np.zeros_like(x), np.zeros_like(weight)
    pixels = x.shape[2] * x.shape[3]
    for n in range(len(x)):
        means = x[n].sum((1, 2)) / pixels
        gate = 0.5 * (1 + np.tanh(0.5 * (weight @ means)))
        for d in range(x.shape[1]):
            r = (gy[n, d] * x[n, d]).sum() * gate[d] * (1 - gate[d])
            gweight[d] += r * means
            gx[n] += r * weight[d][:, None, None] / pixels
            gx[n, d] += gy[n, d] * gate[d]
    return gx, gweight


class OneByOne(nn.Module):
    """The layers written out."""

    def __init__(self, channels, expanded, out, kernel, stride, activation, gate=None):
        super().__init__()
        layers = nn.Sequential()
        if expanded != channels:
            layers.append(nn.Conv2d(channels, expanded, 1, bias=False))
            layers.append(nn.BatchNorm2d(expanded))
            layers.append(activation())
        how = {"stride": stride, "padding": kernel // 2, "bias": False}
        layers.append(nn.DepthwiseConv2d(expanded, kernel, **how))
        layers.append(nn.BatchNorm2d(expanded))
        layers.append(activation())
        if gate:
            layers.append(gate)
        layers.append(nn.Conv2d(expanded, out, 1, bias=False))
        layers.append(nn.BatchNorm2d(out))
        self.layers = layers
        self.skip = stride == 1 and channels == out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y


ALTERNATIVES = {
    "20.1": [{"dense_weight": f} for f in (dense_in_loops, dense_by_einsum)],
    "20.2": [{"squeeze_excite_backward": gate_in_loops}],
    "20.3": [{"InvertedResidual.__init__": OneByOne}],
}
SURVIVORS: dict[str, str] = {}
