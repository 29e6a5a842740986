"""ResNet for 32x32 pixels: three stages of 16, 32 and 64 channels.

Paper: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016
(arXiv 1512.03385), section 4.2 and table 6.

    stage    output   layers   channels
    conv1    32x32    1           16
    layer1   32x32    2n          16
    layer2   16x16    2n          32
    layer3   8x8      2n          64
    fc       1x1      global average, 10 logits

    n   net          parameters (shortcut A)   error on CIFAR-10
    3   ResNet-20         0.27M                    8.75 %
    5   ResNet-32         0.46M                    7.51 %
    7   ResNet-44         0.66M                    7.17 %
    9   ResNet-56         0.85M                    6.97 %
    18  ResNet-110        1.7M                     6.43 %

What differs: nothing; shortcut="B" has 1x1 convolutions where the shape changes, as the paper's
ImageNet nets do and its CIFAR nets do not.
"""

from typing import Any, Literal

from .. import nn, ops
from ..nn.blocks import norm_act
from ..tensor import Tensor
from .network import Network, State
from .resnet import BasicBlock


class ZeroPadShortcut(nn.Module):
    """Every stride-th row and column of x between channels of zeros (the paper's option A)

    (N, C, H, W) -> (N, O, ceil(H / stride), ceil(W / stride)). Half of the new channels come before
    those of x. No parameters.
    """

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.stride, new = stride, planes - inplanes
        self.padding = (new // 2, new - new // 2)

    def forward(self, x: Tensor) -> Tensor:
        return ops.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *self.padding))


class CifarBlock(BasicBlock):
    """ResNet's block of two 3x3 convolutions, with shortcut A or B where the shape changes."""

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, shortcut: Literal["A", "B"] = "A"
    ) -> None:
        super().__init__(inplanes, planes, stride)
        if shortcut == "A" and not isinstance(self.downsample, nn.Identity):
            self.downsample = ZeroPadShortcut(inplanes, planes, stride)


class CifarResNet(Network):
    """(N, C, H, W) -> (N, num_classes) logits of 6 n + 2 layers, for images of any size.

    ``width_mult`` scales the channels of all layers.

    Raises ValueError for a shortcut other than "A" and "B".
    """

    @staticmethod
    def translate(state: State) -> tuple[State, dict[str, Any]]:
        """Some published files say linear for fc; 1x1 convolutions are option B."""
        ours = {key.replace("linear.", "fc."): array for key, array in state.items()}
        has_b = any(".downsample." in key for key in ours)
        return ours, {"shortcut": "B"} if has_b else {}

    def __init__(
        self, n: int, num_classes: int = 10, in_channels: int = 3, *,
        shortcut: Literal["A", "B"] = "A", width_mult: float = 1.0, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if shortcut not in ("A", "B"):
            raise ValueError(
                f'CifarResNet: shortcut must be "A" or "B", got {shortcut!r}; A has no parameters, '
                "B has 1x1 convolutions"
            )
        planes = [int(16 * 2**i * width_mult) for i in range(3)]
        self.conv1 = nn.Conv2d(in_channels, planes[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.relu = nn.ReLU()
        inplanes, stages = planes[0], []
        for i, width in enumerate(planes):
            stage = nn.Sequential()
            for j in range(n):
                stage.append(CifarBlock(inplanes, width, 2 if i and not j else 1, shortcut))
                inplanes = width
            stages.append(stage)
        self.layer1, self.layer2, self.layer3 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(inplanes, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = norm_act(self.bn1, self.relu, self.conv1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.dropout(self.avgpool(x).flatten(1)))


def resnet20(**options: Any) -> CifarResNet:
    return CifarResNet(3, **options)


def resnet32(**options: Any) -> CifarResNet:
    return CifarResNet(5, **options)


def resnet44(**options: Any) -> CifarResNet:
    return CifarResNet(7, **options)


def resnet56(**options: Any) -> CifarResNet:
    return CifarResNet(9, **options)


def resnet110(**options: Any) -> CifarResNet:
    return CifarResNet(18, **options)
