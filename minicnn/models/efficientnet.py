"""EfficientNet: one small net, made wider, deeper and of higher resolution by one rule.

Paper: M. Tan, Q. V. Le, "EfficientNet: rethinking model scaling for convolutional neural networks",
ICML 2019 (arXiv 1905.11946), table 1.

    layer             input     channels  n     of B0
    conv 3x3          224x224         32  1
    MBConv1, 3x3      112x112         16  1
    MBConv6, 3x3      112x112         24  2
    MBConv6, 5x5      56x56           40  2
    MBConv6, 3x3      28x28           80  3
    MBConv6, 5x5      14x14          112  3
    MBConv6, 5x5      14x14          192  4
    MBConv6, 3x3      7x7            320  1
    conv 1x1, logits  7x7           1280  1

What differs: the widths and depths of B1 to B7 are those of the authors' code, not exact powers of
the paper's 1.1 and 1.2; dropout grows from 0.2 to 0.5 in steps, each of two nets; the batch norms
of B0 to B4 have eps 1e-5 and momentum 0.1, those of B5 to B7 1e-3 and 0.01 as the authors'.
"""

import math
from functools import partial
from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import Conv2dNormActivation, Norm, SqueezeExcitation, initialise, make_divisible
from .network import Network

STAGES = (  # expansion, kernel, stride, channels, blocks
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip
SCALES = (  # width, depth, dropout of B0 to B7
    (1.0, 1.0, 0.2), (1.0, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.4),
    (1.6, 2.2, 0.4), (1.8, 2.6, 0.5), (2.0, 3.1, 0.5),
)  # fmt: skip


class MBConv(nn.Module):
    """1x1 to expand_ratio C channels, depthwise, SE, 1x1 to C'; plus x where the shape fits.

    (N, C, H, W) -> (N, C', H/stride, W/stride). In training, a residual block is skipped with
    probability ``drop_path``, for each sample by itself (Huang et al., 2016, "stochastic depth").
    """

    def __init__(
        self, in_channels: int, out_channels: int, expand_ratio: int = 6, kernel_size: int = 3,
        stride: int = 1, drop_path: float = 0.0, norm: Norm = nn.BatchNorm2d,
    ) -> None:  # fmt: skip
        super().__init__()
        self.is_residual = stride == 1 and in_channels == out_channels
        layer = partial(Conv2dNormActivation, norm=norm, activation=nn.SiLU)
        hidden = make_divisible(in_channels * expand_ratio)
        self.block = nn.Sequential()
        if hidden != in_channels:
            self.block.append(layer(in_channels, hidden, 1))
        self.block.append(layer(hidden, hidden, kernel_size, stride, groups=hidden))
        self.block.append(SqueezeExcitation(hidden, max(1, in_channels // 4), nn.SiLU))
        self.block.append(layer(hidden, out_channels, 1, activation=None))
        self.stochastic_depth = nn.DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return self.stochastic_depth(y) + x if self.is_residual else y


class EfficientNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size.

    ``width_mult`` scales the channels of all layers, rounded to multiples of 8, ``depth_mult`` the
    blocks per stage, rounded up. Blocks are skipped with a probability that grows from 0 at the
    first towards ``stochastic_depth_prob``. ``small_images`` is for 32x32 pixels: the first two of
    the five strides of 2 are 1.
    """

    head_paths = ("classifier.1",)

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, width_mult: float = 1.0,
        depth_mult: float = 1.0, dropout: float = 0.2, stochastic_depth_prob: float = 0.2,
        norm: Norm = nn.BatchNorm2d, small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        layer = partial(Conv2dNormActivation, norm=norm, activation=nn.SiLU)
        channels = make_divisible(32 * width_mult)
        self.features = nn.Sequential(layer(in_channels, channels, 3, 1 if small_images else 2))
        depths = [math.ceil(blocks * depth_mult) for *_, blocks in STAGES]
        for i, (expand_ratio, kernel, stride, c, _) in enumerate(STAGES):
            stage, out = nn.Sequential(), make_divisible(c * width_mult)
            for j in range(depths[i]):
                s = 1 if j or (small_images and i == 1) else stride
                p = stochastic_depth_prob * (sum(depths[:i]) + j) / sum(depths)
                stage.append(MBConv(channels, out, expand_ratio, kernel, s, p, norm))
                channels = out
            self.features.append(stage)
        self.features.append(layer(channels, 4 * channels, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * channels, num_classes))
        initialise(self)
        nn.init.uniform_(self.classifier[1].weight, -(num_classes**-0.5), num_classes**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _scaled(b: int, options: dict[str, Any]) -> EfficientNet:
    width, depth, dropout = SCALES[b]
    settings: dict[str, Any] = {"width_mult": width, "depth_mult": depth, "dropout": dropout}
    if b >= 5:
        settings["norm"] = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
    return EfficientNet(**(settings | options))


def efficientnet_b0(**options: Any) -> EfficientNet:
    return _scaled(0, options)


def efficientnet_b1(**options: Any) -> EfficientNet:
    return _scaled(1, options)


def efficientnet_b2(**options: Any) -> EfficientNet:
    return _scaled(2, options)


def efficientnet_b3(**options: Any) -> EfficientNet:
    return _scaled(3, options)


def efficientnet_b4(**options: Any) -> EfficientNet:
    return _scaled(4, options)


def efficientnet_b5(**options: Any) -> EfficientNet:
    return _scaled(5, options)


def efficientnet_b6(**options: Any) -> EfficientNet:
    return _scaled(6, options)


def efficientnet_b7(**options: Any) -> EfficientNet:
    return _scaled(7, options)


def efficientnet_cifar(**options: Any) -> EfficientNet:
    return _scaled(0, {"num_classes": 10, "small_images": True} | options)
