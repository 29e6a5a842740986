"""Network: the base of every model here. It knows which of its layers make the logits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from .. import nn
from ..modes import no_grad
from ..tensor import Tensor
from .preprocess import Preset

State = Mapping[str, np.ndarray]

_TOO_SMALL = "does not fit input"  # what windows say of images
_LARGEST = 1024  # pixels; no network here needs larger images


class Network(nn.Module):
    """A classifier of images: (N, C, H, W) -> (N, num_classes) logits.

    ``head_paths`` are the paths of the layers that make logits, the main one first. All other
    layers are the backbone. Weights that were loaded by name bring along ``preset``, how to prepare
    images for them, and ``classes``, the names of the logits.
    """

    head_paths: tuple[str, ...] = ("fc",)
    preset: Preset | None = None
    classes: list[str] | None = None
    frozen: bool = False

    @staticmethod
    def translate(state: State) -> tuple[State, dict[str, Any]]:
        """A file's entries in our names, and the options that a model for them must have.

        Our names are torchvision's, so for most files there is nothing to do.
        """
        return state, {}

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            return super().__call__(*inputs, **options)
        except ValueError as error:
            if _TOO_SMALL in str(error):
                error.args = (f"{error}; {self._size_rule(inputs[0])}",)
            raise

    def _size_rule(self, x: Tensor) -> str:
        n, got = self.smallest_input(x.shape[1]), "x".join(map(str, x.shape[2:]))
        return f"{type(self).__name__}: images must be at least {n}x{n}, got {got}; enlarge them"

    def smallest_input(self, channels: int = 3) -> int:
        """The least n such that all windows fit images of n x n pixels, tried on shapes alone."""
        low, high = 0, _LARGEST
        while high - low > 1:
            n = (low + high) // 2
            try:
                with no_grad():
                    self.forward(nn.shape_input(self, (2, channels, n, n)))
                high = n
            except ValueError as error:
                low, high = (n, high) if _TOO_SMALL in str(error) else (low, n)
        return high

    def head_layers(self) -> Iterator[Any]:
        """The layers that make logits."""
        return map(self.get_submodule, self.head_paths)

    @property
    def num_classes(self) -> int:
        return next(self.head_layers()).weight.shape[0]

    def replace_head(self, num_classes: int) -> Self:
        """Give every head fresh weights for another number of classes."""
        for path in self.head_paths:
            old: Any = self.get_submodule(path)
            new: nn.Module
            if isinstance(old, nn.Linear):
                new = nn.Linear(old.in_features, num_classes, old.bias is not None)
            else:  # a 1x1 convolution, in SqueezeNet
                new = nn.Conv2d(old.in_channels, num_classes, old.kernel_size)
            parent, _, name = path.rpartition(".")
            setattr(self.get_submodule(parent), name, new.to(old.weight.device))
        self.classes = None
        return self.train(self.training)

    def freeze_backbone(self, flag: bool = True) -> Self:
        """Learn the heads alone (or, with False, everything again).

        The backbone's parameters ask for no gradients; its batch norms and dropouts behave as in
        use, also after `train()`, so that its features stay what they were.
        """
        self.requires_grad_(not flag)
        self.frozen = flag
        for head in self.head_layers():
            head.requires_grad_(True)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            learning = {id(self), *map(id, self.head_layers())}
            for module in self.modules():
                module.training = mode and id(module) in learning
        return self

    def extract(self, x: Tensor, layers: Sequence[str]) -> dict[str, Any]:
        """The outputs of layers, by path, in one call of the model; of a layer's last call each.

        >>> resnet.extract(x, ["layer1", "layer3.0.conv1"])["layer1"].shape
        """
        found: dict[str, Any] = {}

        def keep(path: str) -> Any:
            return lambda module, inputs, output: found.__setitem__(path, output)

        removers = [self.get_submodule(p).register_forward_hook(keep(p)) for p in layers]
        try:
            self(x)
        finally:
            for remove in removers:
                remove()
        return {path: found[path] for path in layers if path in found}
