"""Lesson 16: other right answers, and changes of the solutions that make no difference."""

import math

import numpy as np

from minicnn import nn


def fields_from_the_top(windows):
    """Down from one unit: n neighbours need (n - 1) stride + kernel units of the layer below."""
    fields = []
    for last in range(1, len(windows) + 1):
        n = 1
        for kernel, stride in windows[:last][::-1]:
            n = (n - 1) * stride + kernel
        fields.append(n)
    return fields


def fields_by_cumulation(windows):
    kernels, strides = np.array(windows).T
    jumps = np.cumprod([1, *strides[:-1]])
    return 1 + np.cumsum((kernels - 1) * jumps)


def costs_of_layers(rows, shape):
    """As lists, by kind in a table of functions."""

    def conv(filters, kernel, stride, padding):
        c, *size = shape
        after = [filters, *(len(range(0, n + 2 * padding - kernel + 1, stride)) for n in size)]
        return after, filters + filters * c * kernel * kernel, math.prod(after) * c * kernel**2

    def pool(kernel, stride):
        return [shape[0], *(len(range(kernel, n + 1, stride)) for n in shape[1:])], 0, 0

    kinds = {
        "conv": conv, "pool": pool, "dropout": lambda p: (shape, 0, 0),
        "flatten": lambda: ([int(np.prod(shape))], 0, 0),
        "dense": lambda units: ([units], units + units * shape[0], units * shape[0]),
    }  # fmt: skip
    found = []
    for kind, *numbers in rows:
        found.append(kinds[kind](*numbers))
        shape = found[-1][0]
    return found


def network_in_two_parts(rows, shape):
    """Features and classifier apart, the dense layer's inputs counted by running the features."""
    features, head = nn.Sequential(), nn.Sequential()
    channels, dense = shape[0], [i for i, row in enumerate(rows) if row[0] in ("conv", "dense")]
    for i, (kind, *numbers) in enumerate(rows):
        if kind == "conv":
            features.append(nn.Conv2d(channels, *numbers))
            features.append(nn.ReLU())
            channels = numbers[0]
        elif kind == "pool":
            features.append(nn.MaxPool2d(*numbers))
        elif kind == "flatten":
            channels = features(nn.shape_input(features, (1, *shape))).flatten(1).shape[1]
            head.append(nn.Flatten())
        elif kind == "dropout":
            head.append(nn.Dropout(*numbers))
        else:
            head.append(nn.Linear(channels, *numbers))
            channels = numbers[0]
            if i != dense[-1]:
                head.append(nn.ReLU())
    return nn.Sequential(features, head) if len(head) else features[:-1]


ALTERNATIVES = {
    "16.1": [{"receptive_field": f} for f in (fields_from_the_top, fields_by_cumulation)],
    "16.2": [{"layer_costs": costs_of_layers}],
    "16.3": [{"network": network_in_two_parts}],
}
FLAT = "a flat shape has one entry"
SURVIVORS = {
    "16.2: weights, shape = (biases * shape[0], (biases,))  ->  "
    "weights, shape = (biases * shape[-1], (biases,))": FLAT,
    "16.3: layers += [nn.Linear(shape[0], *numbers), nn.ReLU()]  ->  "
    "layers += [nn.Linear(shape[-1], *numbers), nn.ReLU()]": FLAT,
    "16.3: shape = layer_costs([(kind, *numbers)], shape)[0][0]  ->  "
    "shape = layer_costs([(kind, *numbers)], shape)[-1][0]": "one row has one entry",
}
