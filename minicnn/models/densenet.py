"""DenseNet: every layer sees what all layers before it found.

Paper: G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely connected convolutional
networks", CVPR 2017 (arXiv 1608.06993), table 1; the net for 32x32 pixels: table 2.

    stage          output    dense layers of DenseNet-121, 161, 169, 201 (k = 32, of 161 48)
    conv0          112x112   7x7 convolution to 2k channels, stride 2, then 3x3 max pool, stride 2
    denseblock1    56x56      6   6   6   6    a dense layer adds k channels: 1x1 to 4k, 3x3 to k
    denseblock2    28x28     12  12  12  12    between the blocks a transition halves the image and
    denseblock3    14x14     24  36  32  48    the channels: 1x1 convolution, 2x2 average pool
    denseblock4    7x7       16  24  32  32
    classifier     1x1       global average, 1000 logits

What differs: DenseNet-161 is not in the paper's table but among its authors' published weights.
Where training images are not varied, the paper drops a fifth of what each convolution but the first
makes; drop_rate acts on the 3x3 ones alone.
"""

import re
from collections.abc import Sequence
from typing import Any

from .. import nn, ops
from ..nn.blocks import norm_act
from ..tensor import Tensor
from .network import Network, State

_OLD_NAME = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")


class DenseLayer(nn.Module):
    """y = conv3x3(relu(bn(conv1x1(relu(bn(x)))))) of the list x: (N, C_i, H, W) -> (N, k, H, W)"""

    def __init__(
        self, in_channels: int, growth_rate: int, bn_size: int = 4, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(drop_rate)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        x = self.conv1(norm_act(self.norm1, self.relu1, ops.concat(features, dim=1)))
        return self.dropout(self.conv2(norm_act(self.norm2, self.relu2, x)))


class DenseBlock(nn.Sequential):
    """x and what each layer makes of all before it: (N, C, H, W) -> (N, C + layers k, H, W)"""

    def __init__(self, layers: int, in_channels: int, growth_rate: int, *options: Any) -> None:
        super().__init__({
            f"denselayer{i + 1}": DenseLayer(in_channels + i * growth_rate, growth_rate, *options)
            for i in range(layers)
        })  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self:
            features.append(layer(features))
        return ops.concat(features, dim=1)


class Transition(nn.Sequential):
    """y = avgpool2x2(conv1x1(relu(bn(x)))): (N, C, H, W) -> (N, out_channels, H/2, W/2)"""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        norm = nn.BatchNorm2d(in_channels)
        super().__init__({"norm": norm, "relu": nn.ReLU(), "conv": conv, "pool": nn.AvgPool2d(2)})


class DenseNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size from 29x29.

    The layers of ``block_config`` each add ``growth_rate`` (k) channels, squeezed to ``bn_size`` k
    before their 3x3. ``width_mult`` scales k and ``num_init_features``, and so all layers.
    ``small_images`` is for 32x32 pixels: conv0 is 3x3 with stride 1, without norm and max pool.
    """

    head_paths = ("classifier",)

    @staticmethod
    def translate(state: State) -> tuple[State, dict[str, Any]]:
        """The published files say norm.1.weight for norm1.weight."""
        return {_OLD_NAME.sub(r"\1\2", key): array for key, array in state.items()}, {}

    def __init__(
        self, growth_rate: int = 32, block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64, num_classes: int = 1000, in_channels: int = 3, *,
        bn_size: int = 4, drop_rate: float = 0.0, width_mult: float = 1.0,
        small_images: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        growth_rate, channels = (int(n * width_mult) for n in (growth_rate, num_init_features))
        layers = _stem(in_channels, channels, small_images)
        for i, depth in enumerate(block_config, start=1):
            layers[f"denseblock{i}"] = DenseBlock(depth, channels, growth_rate, bn_size, drop_rate)
            channels += depth * growth_rate
            if i < len(block_config):
                layers[f"transition{i}"] = Transition(channels, channels // 2)
                channels //= 2
        layers["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.relu, self.avgpool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.relu(self.features(x))).flatten(1))


def _stem(in_channels: int, channels: int, small_images: bool) -> dict[str, nn.Module]:
    if small_images:
        return {"conv0": nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)}
    return {
        "conv0": nn.Conv2d(in_channels, channels, 7, 2, padding=3, bias=False),
        "norm0": nn.BatchNorm2d(channels),
        "relu0": nn.ReLU(),
        "pool0": nn.MaxPool2d(3, 2, padding=1),
    }


def densenet121(**options: Any) -> DenseNet:
    return DenseNet(32, (6, 12, 24, 16), 64, **options)


def densenet161(**options: Any) -> DenseNet:
    return DenseNet(48, (6, 12, 36, 24), 96, **options)


def densenet169(**options: Any) -> DenseNet:
    return DenseNet(32, (6, 12, 32, 32), 64, **options)


def densenet201(**options: Any) -> DenseNet:
    return DenseNet(32, (6, 12, 48, 32), 64, **options)


def densenet_cifar(
    num_classes: int = 10, growth_rate: int = 12, block_config: Sequence[int] = (16, 16, 16),
    **options: Any,
) -> DenseNet:  # fmt: skip
    options = {"num_classes": num_classes, "small_images": True} | options
    return DenseNet(growth_rate, block_config, 2 * growth_rate, **options)
