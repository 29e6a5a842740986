"""16 Depth: from AlexNet to VGG: the solutions.

Made from lessons/16_alexnet_vgg.py. Write your own first: there is more than one
right answer.
"""

import math

import numpy as np

from minicnn import nn


# 16.1 receptive_field   ★   15 minutes
def receptive_field(windows):
    """The side of the receptive field after each layer; windows is a list of (kernel, stride)."""
    field, jump, fields = 1, 1, []
    for kernel, stride in windows:
        field += (kernel - 1) * jump
        jump *= stride
        fields.append(field)
    return fields


# 16.2 layer_costs   ★★   30 minutes
def layer_costs(rows, shape):
    """[(shape after it, parameters, multiply-adds)] of the rows; shapes are (C, H, W) or (D,)."""
    costs = []
    for kind, *numbers in rows:
        weights = biases = uses = 0
        if kind == "conv":
            biases, kernel, stride, padding = numbers
            size = [(n + 2 * padding - kernel) // stride + 1 for n in shape[1:]]
            weights, uses = biases * shape[0] * kernel**2, math.prod(size)
            shape = (biases, *size)
        elif kind == "pool":
            kernel, stride = numbers
            shape = (shape[0], *((n - kernel) // stride + 1 for n in shape[1:]))
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "dense":
            (biases,), uses = numbers, 1
            weights, shape = biases * shape[0], (biases,)
        costs.append((shape, weights + biases, weights * uses))
    return costs


# 16.3 network   ★★   25 minutes
def network(rows, shape):
    """The rows as an nn.Sequential for images of shape (C, H, W): ReLU as above, not at the end.
    Layers take a row's numbers in its order; Conv2d and Linear first the size of what comes in."""
    layers = []
    for kind, *numbers in rows:
        if kind == "conv":
            layers += [nn.Conv2d(shape[0], *numbers), nn.ReLU()]
        elif kind == "dense":
            layers += [nn.Linear(shape[0], *numbers), nn.ReLU()]
        else:
            layer = {"pool": nn.MaxPool2d, "flatten": nn.Flatten, "dropout": nn.Dropout}[kind]
            layers.append(layer(*numbers))
        shape = layer_costs([(kind, *numbers)], shape)[0][0]
    return nn.Sequential(*layers[:-1])
