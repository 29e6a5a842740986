"""Network: the base of every model here. It knows which of its layers make the logits."""

from typing import ClassVar, Self

from .. import nn


class Network(nn.Module):
    """A classifier of images: (N, C, H, W) -> (N, num_classes) logits.

    ``heads`` are the paths of the layers that make logits, the main one first. All other layers
    are the backbone, which can be frozen: its parameters are not learnt then, and its batch norms
    and dropouts stay as in use also while the head is trained.
    """

    heads: ClassVar[tuple[str, ...]] = ("fc",)
    frozen: bool = False

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            heads = [self.get_submodule(path) for path in self.heads]
            for module in self.modules():
                module.training = mode and (module is self or module in heads)
        return self
