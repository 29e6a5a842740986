"""17 Branches: 1 by 1 convolutions and GoogLeNet: the solutions.

Made from lessons/17_branches.py. Write your own first: there is more than one
right answer.
"""

import numpy as np

from minicnn import nn
from minicnn import ops


# 17.1 pointwise_backward   ★★   20 minutes
def pointwise_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H, W)."""
    gx = np.einsum("nohw,oc->nchw", gy, weight)
    return gx, np.einsum("nohw,nchw->oc", gy, x), gy.sum((0, 2, 3))


# 17.2 concat_backward   ★   10 minutes
def concat_backward(gy, a, b, axis):
    """The gradients (ga, gb) of np.concatenate([a, b], axis), shaped as a and b."""
    ga, gb = np.split(gy, [a.shape[axis]], axis)
    return ga, gb


# 17.3 branches_backward   ★★   20 minutes
def branches_backward(gy, x, branches):
    """gx of the outputs forward(x), each (N, C_b, H, W), put together along axis 1; branches is a
    list of pairs of functions (forward, backward), and backward(gy_b, x) has the shape of x."""
    gx, first = np.zeros_like(x), 0
    for forward, backward in branches:
        last = first + forward(x).shape[1]
        gx += backward(gy[:, first:last], x)
        first = last
    return gx


def conv(channels, filters, kernel, stride=1):
    """Convolution without bias, batch norm, ReLU; the padding keeps the size at stride 1."""
    layer = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters, 0.001), nn.ReLU())


class Branches(nn.Sequential):
    def forward(self, x):
        return ops.concat([branch(x) for branch in self], 1)


# 17.4 inception   ★★   20 minutes
def inception(c, n1, reduce3, n3, reduce5, n5, pool, large=5):
    """The list of four branches, of conv: 1x1 to n1; 1x1 to reduce3, 3x3 to n3; 1x1 to reduce5,
    a window of large to n5; 3x3 max pool, 1x1 to pool. c is the number of channels of x."""
    return [
        conv(c, n1, 1),
        nn.Sequential(conv(c, reduce3, 1), conv(reduce3, n3, 3)),
        nn.Sequential(conv(c, reduce5, 1), conv(reduce5, n5, large)),
        nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(c, pool, 1)),
    ]
