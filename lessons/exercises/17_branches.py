"""17 Branches: 1 by 1 convolutions and GoogLeNet: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 17.1`. The text is in lessons/17_branches/README.md.
"""

import numpy as np

from minicnn import nn
from minicnn import ops


# 17.1 pointwise_backward   ★★   20 minutes
def pointwise_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H, W)."""
    raise NotImplementedError("17.1 pointwise_backward: your turn")


# 17.2 concat_backward   ★   10 minutes
def concat_backward(gy, a, b, axis):
    """The gradients (ga, gb) of np.concatenate([a, b], axis), shaped as a and b."""
    raise NotImplementedError("17.2 concat_backward: your turn")


# 17.3 branches_backward   ★★   20 minutes
def branches_backward(gy, x, branches):
    """gx of the outputs forward(x), each (N, C_b, H, W), put together along axis 1; branches is a
    list of pairs of functions (forward, backward), and backward(gy_b, x) has the shape of x."""
    raise NotImplementedError("17.3 branches_backward: your turn")


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
    raise NotImplementedError("17.4 inception: your turn")
