"""Whole networks as functions that a gradient check can afford."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import Tensor, nn


def along_random_directions(net: nn.Module, x: Tensor) -> Callable[[Tensor], Any]:
    """The net's output, a function of three steps, each along a direction in all parameters."""
    rng, net = np.random.default_rng(7), net.double()
    parts = []
    for path, p in list(net.named_parameters()):
        layer, _, name = path.rpartition(".")
        directions = [rng.standard_normal(p.shape) for _ in range(3)]
        module = net.get_submodule(layer)
        parts.append((module, name, p.detach(), directions))
        delattr(module, name)  # a Parameter cannot be replaced by a Tensor that depends on others

    def run(steps):
        for module, name, p, (a, b, c) in parts:
            setattr(module, name, p + steps[0] * a + steps[1] * b + steps[2] * c)
        return net(x)

    return run
