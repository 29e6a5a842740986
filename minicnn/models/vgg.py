"""VGG: nothing but 3x3 convolutions and 2x2 pools, made deep.

Paper: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015 (arXiv 1409.1556), table 1, configurations A, B, D and E.

    stage    output    convolutions of the 11, 13, 16, 19-layer net, and their channels
    1        112x112   1  2  2  2     64      (each stage ends with
    2        56x56     1  2  2  2    128       a 2x2 max pool)
    3        28x28     2  2  3  4    256
    4        14x14     2  2  3  4    512
    5        7x7       2  2  3  4    512
    fc                 4096, 4096, 1000 features, dropout after the first two

What differs: batch norm (vgg11_bn ... vgg19_bn) came after the paper, which trained the deep nets
from the weights of configuration A; here they start as He et al. (2015) propose. The pooling to 7x7
before the fully connected layers changes nothing for images of 224x224, and lets in other sizes;
the paper made those layers convolutions for this. Configurations C and A-LRN are left out.
"""

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import initialise
from .network import Network

DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class VGG(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size from 32x32.

    ``layers`` counts the convolutions of each stage. ``width_mult`` scales the channels and
    features of all layers. ``small_images`` is for 32x32 pixels, of which the stages leave one: the
    pooling is to 1x1, and the first two fully connected layers have 512 features.
    """

    head_paths = ("classifier.6",)

    def __init__(
        self, layers: Sequence[int], num_classes: int = 1000, in_channels: int = 3, *,
        batch_norm: bool = False, width_mult: float = 1.0, dropout: float = 0.5,
        small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        size, features = (1, 512) if small_images else (7, 4096)
        hidden = int(features * width_mult)
        self.features = nn.Sequential()
        channels = in_channels
        for width, depth in zip(CHANNELS, layers, strict=True):
            for _ in range(depth):
                self._add_convolution(channels, int(width * width_mult), batch_norm)
                channels = int(width * width_mult)
            self.features.append(nn.MaxPool2d(2))
        self.avgpool = nn.AdaptiveAvgPool2d(size)
        self.classifier = nn.Sequential(
            nn.Linear(channels * size * size, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        initialise(self)

    def _add_convolution(self, in_channels: int, out_channels: int, batch_norm: bool) -> None:
        # Batch norm makes the bias superfluous, but the published weights have it.
        self.features.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        if batch_norm:
            self.features.append(nn.BatchNorm2d(out_channels))
        self.features.append(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def vgg11(**options: Any) -> VGG:
    return VGG(DEPTHS[11], **options)


def vgg13(**options: Any) -> VGG:
    return VGG(DEPTHS[13], **options)


def vgg16(**options: Any) -> VGG:
    return VGG(DEPTHS[16], **options)


def vgg19(**options: Any) -> VGG:
    return VGG(DEPTHS[19], **options)


def vgg11_bn(**options: Any) -> VGG:
    return VGG(DEPTHS[11], batch_norm=True, **options)


def vgg13_bn(**options: Any) -> VGG:
    return VGG(DEPTHS[13], batch_norm=True, **options)


def vgg16_bn(**options: Any) -> VGG:
    return VGG(DEPTHS[16], batch_norm=True, **options)


def vgg19_bn(**options: Any) -> VGG:
    return VGG(DEPTHS[19], batch_norm=True, **options)


def vgg11_bn_cifar(num_classes: int = 10, **options: Any) -> VGG:
    """For images of 32x32 pixels. 9.76 million parameters."""
    return vgg11_bn(num_classes=num_classes, **({"small_images": True} | options))


def vgg16_bn_cifar(num_classes: int = 10, **options: Any) -> VGG:
    """For images of 32x32 pixels. 15.25 million parameters."""
    return vgg16_bn(num_classes=num_classes, **({"small_images": True} | options))
