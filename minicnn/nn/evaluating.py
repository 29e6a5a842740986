"""A while of eval mode."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..modes import no_grad
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
