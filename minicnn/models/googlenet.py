"""GoogLeNet: layers that look through windows of several sizes at once.

Paper: C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke,
A. Rabinovich, "Going deeper with convolutions", CVPR 2015 (arXiv 1409.4842), table 1.

    layer               output          what
    conv1, maxpool1       64 x 56x56    7x7 convolution, stride 2; 3x3 max pool, stride 2
    conv2, 3, maxpool2   192 x 28x28    1x1 and 3x3 convolution; max pool
    3a, 3b, maxpool3     480 x 14x14    Inception blocks, their widths in TABLE; max pool
    4a ... 4e, maxpool4  832 x 7x7      the same; auxiliary heads after 4a and 4d
    5a, 5b              1024 x 7x7      the same
    fc                  1000            global average, dropout, logits

What differs: batch norm after every convolution (Ioffe, Szegedy, 2015) replaces biases and local
response normalisation; the "5x5" convolutions are 3x3, a slip that the published weights have too;
maxpool4 is 2x2, not 3x3; the auxiliary heads average to 4x4 at any size of image.
"""

from typing import Any, NamedTuple

from .. import nn, ops
from ..tensor import Tensor
from .blocks import BasicConv2d, from_imagenet_norm
from .network import Network

# Channels: 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection
TABLE = {"3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
         "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
         "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
         "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
         "5b": (384, 192, 384, 48, 128, 128)}  # fmt: skip


class GoogLeNetOutputs(NamedTuple):
    """The logits of the three heads in training, the later auxiliary head before the earlier."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class Inception(nn.Module):
    """Four branches side by side (figure 2b): (N, C, H, W) -> (N, n1 + n3 + n5 + pool, H, W)"""

    def __init__(
        self, c: int, n1: int, reduce3: int, n3: int, reduce5: int, n5: int, pool: int
    ) -> None:
        super().__init__()
        self.out_channels = n1 + n3 + n5 + pool
        self.branch1 = BasicConv2d(c, n1, 1)
        self.branch2 = nn.Sequential(BasicConv2d(c, reduce3, 1), BasicConv2d(reduce3, n3, 3, 1, 1))
        self.branch3 = nn.Sequential(BasicConv2d(c, reduce5, 1), BasicConv2d(reduce5, n5, 3, 1, 1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), BasicConv2d(c, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return ops.concat([branch(x) for branch in branches], 1)


class InceptionAux(nn.Sequential):
    """A classifier of features halfway, for training: (N, C, H, W) -> (N, num_classes)"""

    def __init__(
        self, in_channels: int, num_classes: int, dropout: float = 0.7, width_mult: float = 1.0
    ) -> None:
        channels, hidden = int(128 * width_mult), int(1024 * width_mult)
        super().__init__({
            "avgpool": nn.AdaptiveAvgPool2d(4), "conv": BasicConv2d(in_channels, channels, 1),
            "flatten": nn.Flatten(), "fc1": nn.Linear(16 * channels, hidden), "relu": nn.ReLU(),
            "dropout": nn.Dropout(dropout), "fc2": nn.Linear(hidden, num_classes),
        })  # fmt: skip


class GoogLeNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, in training GoogLeNetOutputs.

    Train it with `auxiliary_loss`; without ``aux_logits`` there are no auxiliary heads and always
    plain logits. ``transform_input`` is for weights trained on images in [-1, 1], see
    `from_imagenet_norm`. ``width_mult`` scales the channels of all layers. ``small_images`` is for
    32x32 pixels: conv1 is 3x3 with stride 1 and there is no maxpool1, so that 3a sees 16x16.
    """

    auxiliary = ("aux1.", "aux2.")

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, aux_logits: bool = True,
        transform_input: bool = False, width_mult: float = 1.0, small_images: bool = False,
        dropout: float = 0.2, dropout_aux: float = 0.7,
    ) -> None:  # fmt: skip
        super().__init__()
        self.transform_input = transform_input
        c1, c3 = int(64 * width_mult), int(192 * width_mult)
        size, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = BasicConv2d(in_channels, c1, size, stride, size // 2)
        self.maxpool1 = nn.Identity() if small_images else nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = BasicConv2d(c1, c1, 1)
        self.conv3 = BasicConv2d(c1, c3, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        blocks, channels = [], c3
        for row in TABLE.values():
            blocks.append(Inception(channels, *(int(c * width_mult) for c in row)))
            channels = blocks[-1].out_channels
        self.inception3a, self.inception3b = blocks[:2]
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a, self.inception4b, self.inception4c, self.inception4d = blocks[2:6]
        self.inception4e = blocks[6]
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a, self.inception5b = blocks[7:]
        self.aux1 = self.aux2 = None
        if aux_logits:
            self.head_paths = ("fc", "aux1.fc2", "aux2.fc2")
            options = (num_classes, dropout_aux, width_mult)
            self.aux1 = InceptionAux(self.inception4a.out_channels, *options)
            self.aux2 = InceptionAux(self.inception4d.out_channels, *options)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        x = from_imagenet_norm(x) if self.transform_input else x
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        x = self.inception3b(self.inception3a(self.maxpool2(x)))
        x = self.inception4a(self.maxpool3(x))
        aux1 = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if aux1 is None or aux2 is None:
            return logits
        return GoogLeNetOutputs(logits, aux2, aux1)


def googlenet(**options: Any) -> GoogLeNet:
    return GoogLeNet(**options)


def googlenet_cifar(**options: Any) -> GoogLeNet:
    """For 32x32 pixels and a CPU: a quarter as wide, no auxiliary heads; 355,138 parameters."""
    small = {"num_classes": 10, "aux_logits": False, "width_mult": 0.25, "small_images": True}
    return GoogLeNet(**small | options)
