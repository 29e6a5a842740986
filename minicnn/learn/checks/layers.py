"""What a module made of layers computes, from its weights: for exercises that build networks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import nn, ops
from ...kernels import use_kernels
from ...modes import no_grad
from ...tensor import Tensor
from .examination import Examination

Array = np.ndarray


class Step(NamedTuple):
    """A convolution with batch norm, as a plan or a mistake has it."""

    outputs: int
    size: int
    stride: int = 1
    relu: bool = False


def layers_of(module: nn.Module, kind: type[Any]) -> list[Any]:
    """The layers of a kind inside a module, in order."""
    return [m for m in module.modules() if isinstance(m, kind)]


def is_module(exam: Examination, where: str, given: Any) -> bool:
    if given is None:
        exam.wrong("returns-none", where, f"{where} is None; nothing was returned", 0)
    elif not isinstance(given, nn.Module):
        exam.wrong("not-a-module", where, f"{where} is of type {type(given).__name__}", 0)
    return isinstance(given, nn.Module)


def draw(module: nn.Module, rng: np.random.Generator) -> None:
    """Other weights than those at the start, in double precision."""
    module.double()
    for p in module.parameters():
        p.data[...] = rng.uniform(0.5, 1.5, p.shape) if p.ndim == 1 else rng.normal(0, 0.5, p.shape)


def run(module: nn.Module, x: Array) -> Array:
    """In training mode, where batch norm uses the batch's own statistics."""
    with no_grad(), use_kernels("numpy"):
        return module.train()(Tensor(x)).numpy()


def computed(module: nn.Module, x: Array, plan: Sequence[Step]) -> Array:
    """What the module's weights give by a plan, one op after the other."""
    convs, batch_norms = layers_of(module, nn.Conv2d), layers_of(module, nn.BatchNorm2d)
    y = Tensor(x)
    with no_grad(), use_kernels("numpy"):
        for conv, norm, step in zip(convs, batch_norms, plan, strict=True):
            y = ops.conv2d(y, conv.weight, conv.bias, step.stride, step.size // 2)
            y = ops.batch_norm(y, None, None, norm.weight, norm.bias, training=True)
            y = ops.relu(y) if step.relu else y
    return y.numpy()


def planned(
    exam: Examination, where: str, module: nn.Module, inputs: int, plan: Sequence[Step]
) -> bool:
    """Whether the module has the plan's convolutions and batch norms; what differs is named."""
    convs, norms = layers_of(module, nn.Conv2d), layers_of(module, nn.BatchNorm2d)
    channels = [inputs, *(step.outputs for step in plan)]
    right = [(channels[i], step.outputs, step.size) for i, step in enumerate(plan)]
    found = [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convs]
    count = exam.require(len(found) == len(right), "convolution-count", where,
                         f"there are {len(found)} convolutions, right is {len(right)}")  # fmt: skip
    if not count:
        return False
    for number, (mine, plan_) in enumerate(zip(found, right, strict=True), 1):
        bug = "convolution-size" if mine[2] != plan_[2] else "convolution-channels"
        evidence = (f"convolution {number}: {mine[0]} to {mine[1]} channels, {mine[2]}x{mine[2]}; "
                    f"right is {plan_[0]} to {plan_[1]}, {plan_[2]}x{plan_[2]}")  # fmt: skip
        if not exam.require(mine == plan_, bug, where, evidence):
            return False
    biased = sum(c.bias is not None for c in convs)
    exam.require(not biased, "convolution-bias", where, f"{biased} convolutions have a bias")
    return exam.require(len(norms) == len(right), "norm-count", where,
                        f"there are {len(norms)} batch norms, right is {len(right)}")  # fmt: skip
