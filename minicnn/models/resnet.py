"""ResNet: layers that learn what to add to their input.

Paper: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016
(arXiv 1512.03385), table 1.

    stage    output    blocks of the 18, 34, 50, 101, 152-layer net, and their planes
    conv1    112x112   7x7 convolution, stride 2, then 3x3 max pool, stride 2
    layer1   56x56      2   3   3   3   3      64
    layer2   28x28      2   4   4   4   8     128
    layer3   14x14      2   6   6  23  36     256
    layer4   7x7        2   3   3   3   3     512
    fc       1x1       global average, 1000 logits

What differs: blocks of three convolutions halve the image in their 3x3 ("v1.5", which gains half a
point of accuracy for 6 % more multiply-adds), in the paper in their first 1x1: v1=True.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import nn
from ..nn.blocks import norm_act, norm_add_act
from ..tensor import Tensor
from .network import Network

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3),
          152: (3, 8, 36, 3)}  # fmt: skip


class BasicBlock(nn.Module):
    """y = relu(x + bn(conv3x3(relu(bn(conv3x3(x)))))): (N, C, H, W) -> (N, planes, H', W')"""

    expansion: ClassVar[int] = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.downsample = shortcut(inplanes, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = norm_act(self.bn1, self.relu, self.conv1(x))
        return norm_add_act(self.bn2, self.downsample, self.relu, self.conv2(y), x)


class Bottleneck(nn.Module):
    """1x1 to planes * width_per_group / 64 * groups channels, 3x3, 1x1 to 4 planes; plus x"""

    expansion: ClassVar[int] = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, groups: int = 1,
        width_per_group: int = 64, v1: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        width = int(planes * width_per_group / 64) * groups
        first, second = (stride, 1) if v1 else (1, stride)
        self.conv1 = nn.Conv2d(inplanes, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU()
        self.downsample = shortcut(inplanes, planes * 4, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = norm_act(self.bn1, self.relu, self.conv1(x))
        y = norm_act(self.bn2, self.relu, self.conv2(y))
        return norm_add_act(self.bn3, self.downsample, self.relu, self.conv3(y), x)


def shortcut(inplanes: int, outplanes: int, stride: int) -> nn.Module:
    """x itself, or a 1x1 convolution where the shape changes (the paper's option B)."""
    if stride == 1 and inplanes == outplanes:
        return nn.Identity()
    conv = nn.Conv2d(inplanes, outplanes, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outplanes))


class ResNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits, for images of any size.

    ``width_mult`` scales the channels of all layers. ``small_images`` is for 32x32 pixels: conv1 is
    3x3 with stride 1 and there is no max pool. ``zero_init_residual`` starts each block as the
    identity (Goyal et al., 2017, section 5.1). The other options are those of the block.
    """

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], layers: Sequence[int],
        num_classes: int = 1000, in_channels: int = 3, *, width_mult: float = 1.0,
        small_images: bool = False, zero_init_residual: bool = False, dropout: float = 0.0,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        planes = [int(64 * 2**i * width_mult) for i in range(4)]
        size, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, planes[0], size, stride, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, padding=1)
        inplanes, stages = planes[0], []
        for i, (width, depth) in enumerate(zip(planes, layers, strict=True)):
            stage = nn.Sequential()
            for j in range(depth):
                stage.append(block(inplanes, width, 2 if i and not j else 1, **options))
                inplanes = width * block.expansion
            stages.append(stage)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool, self.dropout = nn.AdaptiveAvgPool2d(1), nn.Dropout(dropout)
        self.fc = nn.Linear(inplanes, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(module, BasicBlock | Bottleneck):
                last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(norm_act(self.bn1, self.relu, self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.dropout(self.avgpool(x).flatten(1)))


def resnet18(**options: Any) -> ResNet:
    return ResNet(BasicBlock, DEPTHS[18], **options)


def resnet18_cifar(num_classes: int = 10, **options: Any) -> ResNet:
    return ResNet(BasicBlock, DEPTHS[18], num_classes, small_images=True, **options)


def resnet34(**options: Any) -> ResNet:
    return ResNet(BasicBlock, DEPTHS[34], **options)


def resnet50(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[50], **options)


def resnet101(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[101], **options)


def resnet152(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[152], **options)
