"""Looking at what a model does: in eval mode for a while, and on shapes alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..kernels import shape_only, to_device
from ..modes import no_grad
from ..tensor import Tensor
from .module import Module


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Inside, eval mode and no recording; afterwards every module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def shape_input(model: Module, shape: Sequence[int]) -> Tensor:
    """An input that shows what the model does with shapes, at no cost where the CPU computes."""
    like = next(model.parameters(), Tensor(0.0))
    if like.device == "cpu":
        return Tensor(shape_only(shape, like.dtype))
    return Tensor(to_device(np.zeros(tuple(shape), like.dtype), like.device))
