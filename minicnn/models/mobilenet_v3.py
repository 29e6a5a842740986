"""MobileNet V3: blocks of V2 with squeeze-and-excitation and hard-swish, found by search.

Paper: A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, W. Wang, Y. Zhu, R. Pang,
V. Vasudevan, Q. V. Le, H. Adam, "Searching for MobileNetV3", ICCV 2019 (arXiv 1905.02244), tables 1
and 2.

What differs: the last two 1x1 convolutions, of 1x1 pixel, are linear layers; channels inside a
squeeze-and-excitation are rounded to multiples of 8; the small net has none of these after its last
convolution of the 7x7 image, where table 2 has one.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import (
    Activation,
    Conv2dNormActivation,
    Norm,
    SqueezeExcitation,
    initialise,
    make_divisible,
)
from .network import Network

NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class Row(NamedTuple):
    """A block as in the paper's tables; ``se``: with squeeze-and-excitation."""

    kernel: int
    expanded: int
    out: int
    se: bool
    activation: Activation
    stride: int


LARGE = (
    Row(3, 16, 16, False, nn.ReLU, 1),
    Row(3, 64, 24, False, nn.ReLU, 2),
    Row(3, 72, 24, False, nn.ReLU, 1),
    Row(5, 72, 40, True, nn.ReLU, 2),
    Row(5, 120, 40, True, nn.ReLU, 1),
    Row(5, 120, 40, True, nn.ReLU, 1),
    Row(3, 240, 80, False, nn.Hardswish, 2),
    Row(3, 200, 80, False, nn.Hardswish, 1),
    Row(3, 184, 80, False, nn.Hardswish, 1),
    Row(3, 184, 80, False, nn.Hardswish, 1),
    Row(3, 480, 112, True, nn.Hardswish, 1),
    Row(3, 672, 112, True, nn.Hardswish, 1),
    Row(5, 672, 160, True, nn.Hardswish, 2),
    Row(5, 960, 160, True, nn.Hardswish, 1),
    Row(5, 960, 160, True, nn.Hardswish, 1),
)

SMALL = (
    Row(3, 16, 16, True, nn.ReLU, 2),
    Row(3, 72, 24, False, nn.ReLU, 2),
    Row(3, 88, 24, False, nn.ReLU, 1),
    Row(5, 96, 40, True, nn.Hardswish, 2),
    Row(5, 240, 40, True, nn.Hardswish, 1),
    Row(5, 240, 40, True, nn.Hardswish, 1),
    Row(5, 120, 48, True, nn.Hardswish, 1),
    Row(5, 144, 48, True, nn.Hardswish, 1),
    Row(5, 288, 96, True, nn.Hardswish, 2),
    Row(5, 576, 96, True, nn.Hardswish, 1),
    Row(5, 576, 96, True, nn.Hardswish, 1),
)


class InvertedResidual(nn.Module):
    """1x1 to row.expanded channels, depthwise, SE, 1x1 to row.out; plus x where the shape fits.

    (N, C, H, W) -> (N, row.out, H/stride, W/stride)
    """

    def __init__(self, in_channels: int, row: Row, norm: Norm = NORM) -> None:
        super().__init__()
        self.is_residual = row.stride == 1 and in_channels == row.out
        layer = partial(Conv2dNormActivation, norm=norm, activation=row.activation)
        hidden = row.expanded
        self.block = nn.Sequential()
        if hidden != in_channels:
            self.block.append(layer(in_channels, hidden, 1))
        self.block.append(layer(hidden, hidden, row.kernel, row.stride, groups=hidden))
        if row.se:
            squeeze = make_divisible(hidden // 4)
            se = SqueezeExcitation(hidden, squeeze, scale_activation=nn.Hardsigmoid)
            self.block.append(se)
        self.block.append(layer(hidden, row.out, 1, activation=None))

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return x + y if self.is_residual else y


class MobileNetV3(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size.

    ``width_mult`` scales the channels of all layers, rounded to multiples of 8. ``small_images`` is
    for 32x32 pixels: the first two of the five strides of 2 are 1.
    """

    head_paths = ("classifier.3",)

    def __init__(
        self, rows: Sequence[Row], last_channels: int, num_classes: int = 1000,
        in_channels: int = 3, *, width_mult: float = 1.0, dropout: float = 0.2,
        norm: Norm = NORM, small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        layer = partial(Conv2dNormActivation, norm=norm, activation=nn.Hardswish)
        channels, last = (make_divisible(c * width_mult) for c in (16, last_channels))
        self.features = nn.Sequential(layer(in_channels, channels, 3, 1 if small_images else 2))
        first_halving = [row.stride for row in rows].index(2)
        for i, row in enumerate(rows):
            expanded, out = (make_divisible(c * width_mult) for c in (row.expanded, row.out))
            stride = 1 if small_images and i == first_halving else row.stride
            row = row._replace(expanded=expanded, out=out, stride=stride)
            self.features.append(InvertedResidual(channels, row, norm))
            channels = out
        self.features.append(layer(channels, 6 * channels, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, last), nn.Hardswish(), nn.Dropout(dropout),
            nn.Linear(last, num_classes),
        )  # fmt: skip
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def mobilenet_v3_large(**options: Any) -> MobileNetV3:
    return MobileNetV3(LARGE, 1280, **options)


def mobilenet_v3_small(**options: Any) -> MobileNetV3:
    return MobileNetV3(SMALL, 1024, **options)


def mobilenet_v3_cifar(**options: Any) -> MobileNetV3:
    """The small net. Its batch norms have the usual momentum, since training has fewer steps."""
    settings: dict[str, Any] = {"num_classes": 10, "small_images": True, "norm": nn.BatchNorm2d}
    return MobileNetV3(SMALL, 1024, **(settings | options))
