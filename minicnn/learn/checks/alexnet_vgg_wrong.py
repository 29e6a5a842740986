"""Lesson 16: typical mistakes. The checks name them, and the exam plants them."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ... import nn
from .examination import Wrong

Costs = list[tuple[tuple[int, ...], int, int]]


def fields_with(
    windows: list[tuple[int, int]], own: bool = False, spans: int = -1, start: int = 1,
    grow: Callable[[int, int], int] = lambda jump, stride: jump * stride,
) -> Iterator[int]:  # fmt: skip
    """The fields after each window, with a step as a typical mistake has it."""
    field, jump = start, 1
    for kernel, stride in windows:
        field += (kernel + spans) * (grow(jump, stride) if own else jump)
        jump = grow(jump, stride)
        yield field


FIELDS: dict[str, Callable[[Any], list[int]]] = {
    "own-stride-counted": lambda w: list(fields_with(w, own=True)),
    "strides-forgotten": lambda w: list(fields_with(w, grow=lambda jump, stride: 1)),
    "strides-added": lambda w: list(fields_with(w, grow=lambda jump, stride: jump + stride)),
    "last-stride-only": lambda w: list(fields_with(w, grow=lambda jump, stride: stride)),
    "window-one-too-long": lambda w: list(fields_with(w, spans=0)),
    "field-starts-at-zero": lambda w: list(fields_with(w, start=0)),
    "last-field-only": lambda w: list(fields_with(w))[-1:],
}
FIELDS_WRONG = (
    *(Wrong(bug, {"receptive_field": function}) for bug, function in FIELDS.items()),
    Wrong("last-field-only", {"receptive_field": lambda w: list(fields_with(w))[-1]}),
    Wrong("returns-none", {"receptive_field": lambda w: None}),
)


def costs_with(
    rows: Any, shape: Any, bias: int = 1, used: int = 0, operations: int = 1, power: int = 2,
    pads: int = 2, more: int = 1, pooled: bool = True, at_input: bool = False,
    quotient: Callable[[int, int], int] = lambda n, stride: n // stride,
    flat: Callable[[Any], int] = math.prod,
) -> Costs:  # fmt: skip
    """The costs of rows, with a step as a typical mistake has it."""
    costs: Costs = []
    for kind, *numbers in rows:
        weights = units = uses = 0
        if kind in ("conv", "pool"):
            units, kernel, stride, padding = numbers if kind == "conv" else (0, *numbers, 0)
            size = tuple(quotient(n + pads * padding - kernel, stride) + more for n in shape[1:])
            weights = units * shape[0] * kernel**power
            uses = math.prod(shape[1:] if at_input else size)
            if kind == "conv" or pooled:
                shape = (units or shape[0], *size)
        elif kind == "flatten":
            shape = (flat(shape),)
        elif kind == "dense":
            (units,), uses = numbers, 1
            weights, shape = units * shape[0], (units,)
        multiply_adds = operations * (weights + used * units) * uses
        costs.append((tuple(shape), weights + bias * units, multiply_adds))
    return costs


COSTS: dict[str, Callable[[Any, Any], Costs]] = {
    "counted-without-bias": partial(costs_with, bias=0),
    "multiply-adds-with-bias": partial(costs_with, used=1),
    "flops-for-multiply-adds": partial(costs_with, operations=2),
    "kernel-not-squared": partial(costs_with, power=1),
    "costs-at-input-size": partial(costs_with, at_input=True),
    "padding-once": partial(costs_with, pads=1),
    "size-rounded-up": partial(costs_with, quotient=lambda n, stride: -(-n // stride)),
    "last-window-lost": partial(costs_with, more=0),
    "pool-keeps-size": partial(costs_with, pooled=False),
    "flatten-channels": partial(costs_with, flat=lambda shape: shape[0]),
}
COSTS_WRONG = (
    *(Wrong(bug, {"layer_costs": function}) for bug, function in COSTS.items()),
    Wrong("returns-none", {"layer_costs": lambda rows, shape: None}),
)


def network_with(
    rows: Any, shape: Any, relu: tuple[str, ...] = ("conv", "dense"), end: bool = True,
    bias: bool = True, pool: Any = nn.MaxPool2d, late: bool = False, p: float | None = None,
) -> nn.Sequential:  # fmt: skip
    """The network of rows, with a step as a typical mistake has it; ``late`` moves dropout on."""
    layers: list[nn.Module] = []
    waiting: list[nn.Module] = []
    images = shape
    last = max(i for i, row in enumerate(rows) if row[0] in ("conv", "dense"))
    for i, (kind, *numbers) in enumerate(rows):
        if kind == "conv":
            filters, kernel, stride, padding = numbers
            layers.append(nn.Conv2d(shape[0], filters, kernel, stride, padding, bias=bias))
        elif kind == "dense":
            layers.append(nn.Linear(shape[0], numbers[0], bias=bias))
        elif kind == "dropout" and late:
            waiting.append(nn.Dropout(*numbers))
        elif kind == "dropout":
            layers.append(nn.Dropout(numbers[0] if p is None else p))
        else:
            layers.append(pool(*numbers) if kind == "pool" else nn.Flatten())
        if kind in relu and not (end and i == last):
            layers.append(nn.ReLU())
        if kind == "dense":
            layers += waiting
            waiting.clear()
        shape = costs_with(rows[: i + 1], images)[-1][0]
    return nn.Sequential(*layers)


NETWORK_WRONG = (
    Wrong("relu-at-the-end", {"network": partial(network_with, end=False)}),
    Wrong("relu-left-out", {"network": partial(network_with, relu=("conv",))}),
    Wrong("relu-left-out", {"network": partial(network_with, relu=("dense",))}),
    Wrong("relu-left-out", {"network": partial(network_with, relu=())}),
    Wrong("bias-left-out", {"network": partial(network_with, bias=False)}),
    Wrong("average-for-max", {"network": partial(network_with, pool=nn.AvgPool2d)}),
    Wrong("dropout-misplaced", {"network": partial(network_with, late=True)}),
    Wrong("dropout-misplaced", {"network": lambda rows, shape: network_with(
        [row for row in rows if row[0] != "dropout"], shape)}),
    Wrong("dropout-misplaced", {"network": partial(network_with, p=0.1)}),
    Wrong("returns-none", {"network": lambda rows, shape: None}),
)  # fmt: skip
