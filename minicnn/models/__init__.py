"""Networks by name, one file per paper."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

from ..nn import Module
from .lenet import LeNet5, lenet5, lenet5_small
from .mnist_cnn import MnistCNN, mnist_cnn

__all__ = [
    "LeNet5", "MnistCNN", "create", "input_shape", "lenet5", "lenet5_small", "list", "mnist_cnn",
]  # fmt: skip


class _Entry(NamedTuple):
    build: Callable[..., Module]
    input_shape: tuple[int, int, int]


_MODELS = {
    "lenet5": _Entry(lenet5, (1, 28, 28)),
    "lenet5_small": _Entry(lenet5_small, (1, 8, 8)),
    "mnist_cnn": _Entry(mnist_cnn, (1, 28, 28)),
}


def create(name: str, **options: Any) -> Module:
    """Build a model with fresh weights: `create("lenet5", num_classes=10)`.

    Raises ValueError for an unknown name, TypeError for an option that the model does not have.
    """
    return _entry(name).build(**options)


def input_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the images that the model was made for."""
    return _entry(name).input_shape


def list() -> tuple[str, ...]:
    """The names that `create` knows."""
    return tuple(_MODELS)


def _entry(name: str) -> _Entry:
    if name not in _MODELS:
        near = get_close_matches(str(name).lower(), _MODELS, n=3, cutoff=0.4)
        advice = f"did you mean {' or '.join(near)}?" if near else "choose one of them"
        raise ValueError(f"model: name must be one of {', '.join(_MODELS)}, got {name!r}; {advice}")
    return _MODELS[name]
