"""MobileNet V2: residual blocks that are wide inside and narrow between.

Paper: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: inverted residuals and
linear bottlenecks", CVPR 2018 (arXiv 1801.04381), table 2.

    layer           input     t     c  n  s
    conv 3x3        224x224        32  1  2
    block           112x112   1    16  1  1
    block           112x112   6    24  2  2
    block           56x56     6    32  3  2
    block           28x28     6    64  4  2
    block           14x14     6    96  3  1
    block           14x14     6   160  3  2
    block           7x7       6   320  1  1
    conv 1x1        7x7          1280  1  1
    global average  7x7
    logits          1x1          1000

Each row is repeated n times; the first has stride s. Blocks expand t times and end in c channels.

What differs: the logits come from a linear layer after dropout, in the paper from a 1x1 convolution
of the averages, which is the same product; all channels are rounded to multiples of 8.
"""

from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import Conv2dNormActivation, initialise, make_divisible
from .network import Network

BLOCKS = (  # t (expansion), c (channels), n (repeats), s (stride)
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


class InvertedResidual(nn.Module):
    """y = bn(conv1x1(h(depthwise3x3(h(conv1x1(x)))))), h = relu6(bn(.)), plus x where it fits.

    (N, C, H, W) -> (N, C', H/stride, W/stride), with expand_ratio * C channels inside. There is no
    activation at the end: in few channels it would lose too much (the paper's section 3.2).
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, expand_ratio: int = 6
    ) -> None:
        super().__init__()
        hidden = in_channels * expand_ratio
        self.is_residual = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential()
        if expand_ratio != 1:
            self.conv.append(Conv2dNormActivation(in_channels, hidden, 1, activation=nn.ReLU6))
        self.conv.append(
            Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6)
        )
        self.conv.append(nn.Conv2d(hidden, out_channels, 1, bias=False))
        self.conv.append(nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return x + y if self.is_residual else y


class MobileNetV2(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size.

    ``width_mult`` scales the channels of all layers (under 1 not those of the last convolution),
    rounded to multiples of ``round_nearest``. ``small_images`` is for 32x32 pixels: the first two
    of the five strides of 2 are 1.
    """

    head_paths = ("classifier.1",)

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, width_mult: float = 1.0,
        round_nearest: int = 8, dropout: float = 0.2, small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels, stride = make_divisible(32 * width_mult, round_nearest), 1 if small_images else 2
        stem = Conv2dNormActivation(in_channels, channels, 3, stride, activation=nn.ReLU6)
        self.features = nn.Sequential(stem)
        for i, (t, c, n, s) in enumerate(BLOCKS):
            width = make_divisible(c * width_mult, round_nearest)
            for j in range(n):
                stride = 1 if j or (small_images and i == 1) else s
                self.features.append(InvertedResidual(channels, width, stride, t))
                channels = width
        last = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        self.features.append(Conv2dNormActivation(channels, last, 1, activation=nn.ReLU6))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def mobilenet_v2(**options: Any) -> MobileNetV2:
    return MobileNetV2(**options)


def mobilenet_v2_cifar(**options: Any) -> MobileNetV2:
    return MobileNetV2(**({"num_classes": 10, "small_images": True} | options))
