"""Network: the base of every model here. It knows which of its layers make the logits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from .. import nn
from ..data.presets import Preset
from ..tensor import Tensor, TensorLike, as_tensor

State = Mapping[str, np.ndarray]

_TOO_SMALL = "does not fit input"  # what windows say of images
_LARGEST = 1024  # pixels; no network here needs larger images


class Network(nn.Module):
    """A classifier of images: (N, C, H, W) -> (N, num_classes) logits.

    ``head_paths`` are the paths of the layers that make logits, the main one first. All other
    layers are the backbone. Weights that were loaded by name bring along ``preset``, how to prepare
    images for them, and ``classes``, the names of the logits. ``image_size`` is the only size that
    the net takes, None where it takes several; ``auxiliary`` are the beginnings of the names of
    parts that work in training alone.
    """

    head_paths: tuple[str, ...] = ("fc",)
    preset: Preset | None = None
    classes: list[str] | None = None
    image_size: int | None = None
    needed: Mapping[str, Any] = {}  # the options that loaded weights asked for
    auxiliary: tuple[str, ...] = ()

    @staticmethod
    def translate(state: State) -> tuple[State, dict[str, Any]]:
        """A file's entries in our names, and the options that a model for them must have.

        Our names are torchvision's, so for most files there is nothing to do.
        """
        return state, {}

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        x = as_tensor((*inputs, *options.values())[0])
        size = self.image_size
        if size is not None and x.shape[2:] != (size, size):
            raise ValueError(
                f"{type(self).__name__}: images must be (N, C, {size}, {size}), got {x.shape}; "
                "resize them, or build the model with their image_size where it has that option"
            )
        try:
            return super().__call__(*inputs, **options)
        except ValueError as error:
            if _TOO_SMALL in str(error) and hasattr(error, "message"):
                error.message += f"; {self._size_rule(x)}"
                error.args = (f"{error}; {self._size_rule(x)}",)
            raise

    def _size_rule(self, x: Tensor) -> str:
        n, got = self.smallest_input(x.shape[1]), "x".join(map(str, x.shape[2:]))
        return f"{type(self).__name__}: images must be at least {n}x{n}, got {got}; enlarge them"

    def smallest_input(self, channels: int = 3) -> int:
        """The least n such that images of n x n pixels fit all layers, tried on shapes alone.

        In training mode the images must fit the auxiliary heads too.
        """
        low, high = 0, self.image_size or _LARGEST
        training = self.training
        while high - low > 1 and self.image_size is None:
            n = (low + high) // 2
            try:
                with nn.evaluating(self):
                    self.training = training  # which decides on auxiliary heads, and nothing else
                    self.forward(nn.shape_input(self, (1, channels, n, n)))
                high = n
            except ValueError as error:
                if _TOO_SMALL not in str(error):
                    raise
                low = n
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
            if old.weight.dtype == np.float64:
                new.double()
            setattr(self.get_submodule(parent), name, new.to(old.weight.device))
        self.classes = None
        return self.train(self.training)

    def freeze_backbone(self, flag: bool = True) -> Self:
        """Learn the heads alone (or, with False, everything again).

        The backbone's parameters ask for no gradients; its batch norms and dropouts behave as in
        use, also after `train()`, so that its features stay what they were. Undo it with False, not
        with `requires_grad_`, which leaves the batch norms as they are.
        """
        self.requires_grad_(not flag)
        for head in self.head_layers():
            head.requires_grad_(True)
        learning = {id(self), *map(id, self.head_layers())}
        for module in self.modules():
            module.frozen = flag and id(module) not in learning
        return self.train(self.training)

    def extract(self, x: TensorLike, layers: str | Sequence[str]) -> dict[str, Any]:
        """The outputs of layers, by path, in one call of the model; of a layer's last call each.

        Raises ValueError for a path that is none and for a layer that is not called in this mode.

        >>> resnet.extract(x, ["layer1", "layer3.0.conv1"])["layer1"].shape
        """
        layers = [layers] if isinstance(layers, str) else layers
        found: dict[str, Any] = {}

        def keep(path: str) -> Any:
            return lambda module, inputs, output: found.__setitem__(path, output)

        removers = [self.get_submodule(p).register_forward_hook(keep(p)) for p in layers]
        try:
            self(x)
        finally:
            for remove in removers:
                remove()
        silent = [path for path in layers if path not in found]
        if silent:
            raise ValueError(
                f"extract: every layer must be called, got {', '.join(silent)} that "
                f"{'training' if self.training else 'eval'} mode does not call"
            )
        return {path: found[path] for path in layers}
