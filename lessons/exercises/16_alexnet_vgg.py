"""16 Depth: from AlexNet to VGG: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 16.1`. The text is in lessons/16_alexnet_vgg/README.md.
"""

import math

import numpy as np

from minicnn import nn


# 16.1 receptive_field   ★   15 minutes
def receptive_field(windows):
    """The side of the receptive field after each layer; windows is a list of (kernel, stride)."""
    raise NotImplementedError("16.1 receptive_field: your turn")


# 16.2 layer_costs   ★★   30 minutes
def layer_costs(rows, shape):
    """[(shape after it, parameters, multiply-adds)] of the rows; shapes are (C, H, W) or (D,)."""
    raise NotImplementedError("16.2 layer_costs: your turn")


# 16.3 network   ★★   25 minutes
def network(rows, shape):
    """The rows as an nn.Sequential for images of shape (C, H, W): ReLU as above, not at the end.
    Layers take a row's numbers in its order; Conv2d and Linear first the size of what comes in."""
    raise NotImplementedError("16.3 network: your turn")
