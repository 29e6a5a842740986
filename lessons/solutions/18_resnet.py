"""18 Skip connections: ResNet: the solutions.

Made from lessons/18_resnet.py. Write your own first: there is more than one
right answer.
"""

import numpy as np

from minicnn import nn


# 18.1 residual   ★★   20 minutes
def residual_forward(x, weight):
    """y = relu(x + weight x), with a weight per channel: (N, C, H, W), (C,) -> (N, C, H, W)"""
    return np.maximum(x + weight[:, None, None] * x, 0)


def residual_backward(gy, x, weight):
    """The gradients (gx, gweight) of residual_forward; gy is (N, C, H, W) as x."""
    w = weight[:, None, None]
    g = gy * (x + w * x > 0)
    return g + w * g, (g * x).sum((0, 2, 3))


# 18.2 branches   ★★   20 minutes
# 18.3 shortcut   ★   10 minutes
def conv_bn(channels, out, size, stride=1):
    """Convolution and batch norm: (N, channels, H, W) -> (N, out, H/stride, W/stride)"""
    return [nn.Conv2d(channels, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out)]


def basic(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, planes, H/stride, W/stride)"""
    first, second = conv_bn(channels, planes, 3, stride), conv_bn(planes, planes, 3)
    return nn.Sequential(*first, nn.ReLU(), *second)


def bottleneck(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, 4 planes, H/stride, W/stride)"""
    squeeze, look = conv_bn(channels, planes, 1), conv_bn(planes, planes, 3, stride)
    return nn.Sequential(*squeeze, nn.ReLU(), *look, nn.ReLU(), *conv_bn(planes, 4 * planes, 1))


def shortcut(channels, outputs, stride):
    """A Module beside a branch: (N, channels, H, W) -> (N, outputs, H/stride, W/stride)"""
    if stride == 1 and channels == outputs:
        return nn.Identity()
    return nn.Sequential(*conv_bn(channels, outputs, 1, stride))


# 18.4 zero_last_gamma   ★   10 minutes
def zero_last_gamma(branch):
    """Set the weight of the branch's last BatchNorm2d to 0, in place; nothing else changes."""
    norms = [module for module in branch.modules() if isinstance(module, nn.BatchNorm2d)]
    nn.init.zeros_(norms[-1].weight)
