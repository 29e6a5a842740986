"""Inception v3: large windows as chains of small ones, 7x7 as 1x7 and 7x1.

Paper: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception
architecture for computer vision", CVPR 2016 (arXiv 1512.00567), table 1.

    layer                   output         what
    Conv2d_1a, 2a, 2b         64 x 73x73   3x3 convolutions, the first with stride 2; max pool
    Conv2d_3b, 4a            192 x 35x35   1x1 and 3x3 convolution; max pool
    Mixed_5b ... 5d          288 x 35x35   InceptionA
    Mixed_6a ... 6e          768 x 17x17   InceptionB, then InceptionC; after them the other head
    Mixed_7a ... 7c         2048 x 8x8     InceptionD, then InceptionE
    fc                      1000           global average, dropout, logits

What differs: the paper's stem goes on with three 3x3 convolutions where this one has 1x1, 3x3 and a
max pool; InceptionA keeps a 5x5 convolution that figure 5 splits into two of 3x3; the widths inside
the blocks, which the paper does not give, are those of the published weights.
"""

from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import BasicConv2d, from_imagenet_norm
from .inception_blocks import InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, scaled
from .network import Network


class InceptionOutputs(NamedTuple):
    """The logits of the two heads in training."""

    logits: Tensor
    aux_logits: Tensor


class InceptionAux(nn.Sequential):
    """A classifier of features halfway, for training: (N, C, 17, 17) -> (N, num_classes)

    Smaller features, from 5x5 on, are taken with ``average`` False: without the first average.
    """

    def __init__(
        self, in_channels: int, num_classes: int, width_mult: float = 1.0, average: bool = True
    ) -> None:
        n128, n768 = scaled(width_mult, 128, 768)
        super().__init__({
            "pool": nn.AvgPool2d(5, 3) if average else nn.Identity(),
            "conv0": BasicConv2d(in_channels, n128, 1), "conv1": BasicConv2d(n128, n768, 5),
            "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
            "fc": nn.Linear(n768, num_classes),
        })  # fmt: skip


class Inception3(Network):
    """(N, C, H, W) -> (N, num_classes) logits, in training InceptionOutputs.

    Train it with `auxiliary_loss`; the paper gives no weight for it, 0.4 is usual. Without
    ``aux_logits`` there is no auxiliary head and always plain logits. ``transform_input`` is for
    weights trained on images in [-1, 1], see `from_imagenet_norm`. ``width_mult`` scales the
    channels of all layers. ``small_images`` is for 32x32 pixels: Conv2d_1a has stride 1, there is
    no maxpool1, so that Mixed_5b sees 12x12, and the auxiliary head does not average first.
    """

    auxiliary = ("AuxLogits.",)

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, aux_logits: bool = True,
        transform_input: bool = False, width_mult: float = 1.0, small_images: bool = False,
        dropout: float = 0.5,
    ) -> None:  # fmt: skip
        super().__init__()
        self.transform_input = transform_input
        n32, n64, n80, n192 = scaled(width_mult, 32, 64, 80, 192)
        self.Conv2d_1a_3x3 = BasicConv2d(in_channels, n32, 3, stride=1 if small_images else 2)
        self.Conv2d_2a_3x3 = BasicConv2d(n32, n32, 3)
        self.Conv2d_2b_3x3 = BasicConv2d(n32, n64, 3, padding=1)
        self.maxpool1 = nn.Identity() if small_images else nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = BasicConv2d(n64, n80, 1)
        self.Conv2d_4a_3x3 = BasicConv2d(n80, n192, 3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = InceptionA(n192, 32, width_mult)
        self.Mixed_5c = InceptionA(self.Mixed_5b.out_channels, 64, width_mult)
        self.Mixed_5d = InceptionA(self.Mixed_5c.out_channels, 64, width_mult)
        self.Mixed_6a = InceptionB(self.Mixed_5d.out_channels, width_mult)
        self.Mixed_6b = InceptionC(self.Mixed_6a.out_channels, 128, width_mult)
        self.Mixed_6c = InceptionC(self.Mixed_6b.out_channels, 160, width_mult)
        self.Mixed_6d = InceptionC(self.Mixed_6c.out_channels, 160, width_mult)
        self.Mixed_6e = InceptionC(self.Mixed_6d.out_channels, 192, width_mult)
        self.AuxLogits = None
        if aux_logits:
            self.head_paths = ("fc", "AuxLogits.fc")
            halfway = self.Mixed_6e.out_channels
            self.AuxLogits = InceptionAux(halfway, num_classes, width_mult, not small_images)
        self.Mixed_7a = InceptionD(self.Mixed_6e.out_channels, width_mult)
        self.Mixed_7b = InceptionE(self.Mixed_7a.out_channels, width_mult)
        self.Mixed_7c = InceptionE(self.Mixed_7b.out_channels, width_mult)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.Mixed_7c.out_channels, num_classes)
        self._initialise()

    def _initialise(self) -> None:
        for path, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                std = 0.001 if path == "AuxLogits.fc" else 0.1
                nn.init.trunc_normal_(module.weight, std=std)

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        x = from_imagenet_norm(x) if self.transform_input else x
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        aux = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        logits = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return logits if aux is None else InceptionOutputs(logits, aux)


def inception_v3(**options: Any) -> Inception3:
    return Inception3(**options)


def inception_v3_cifar(**options: Any) -> Inception3:
    """For 32x32 pixels and a CPU: an eighth as wide, no auxiliary head; 346,830 parameters."""
    small = {"num_classes": 10, "width_mult": 0.125, "small_images": True, "dropout": 0.2}
    return Inception3(**small | {"aux_logits": False} | options)
