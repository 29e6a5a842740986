"""18 Skip connections: ResNet: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 18.1`. The text is in lessons/18_resnet/README.md.
"""

import numpy as np

from minicnn import nn


# 18.1 residual   ★★   20 minutes
def residual_forward(x, weight):
    """y = relu(x + weight x), with a weight per channel: (N, C, H, W), (C,) -> (N, C, H, W)"""
    raise NotImplementedError("18.1 residual_forward: your turn")


def residual_backward(gy, x, weight):
    """The gradients (gx, gweight) of residual_forward; gy is (N, C, H, W) as x."""
    raise NotImplementedError("18.1 residual_backward: your turn")


# 18.2 branches   ★★   20 minutes
# 18.3 shortcut   ★   10 minutes
def conv_bn(channels, out, size, stride=1):
    """Convolution and batch norm: (N, channels, H, W) -> (N, out, H/stride, W/stride)"""
    return [nn.Conv2d(channels, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out)]


def basic(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, planes, H/stride, W/stride)"""
    raise NotImplementedError("18.2 basic: your turn")


def bottleneck(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, 4 planes, H/stride, W/stride)"""
    raise NotImplementedError("18.2 bottleneck: your turn")


def shortcut(channels, outputs, stride):
    """A Module beside a branch: (N, channels, H, W) -> (N, outputs, H/stride, W/stride)"""
    raise NotImplementedError("18.3 shortcut: your turn")


# 18.4 zero_last_gamma   ★   10 minutes
def zero_last_gamma(branch):
    """Set the weight of the branch's last BatchNorm2d to 0, in place; nothing else changes."""
    raise NotImplementedError("18.4 zero_last_gamma: your turn")
