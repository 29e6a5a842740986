"""Blocks that several papers share, with torchvision's names and the same order of layers."""

from collections.abc import Callable

from .. import nn
from ..tensor import Tensor

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


class Conv2dNormActivation(nn.Sequential):
    """Convolution without bias, batch norm, activation: (N, C, H, W) -> (N, O, H/stride, W/stride)

    The padding keeps the image's size at stride 1. With one group per channel the convolution is
    depthwise. ``activation`` None leaves it out.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1,
        groups: int = 1, norm: Norm = nn.BatchNorm2d, activation: Activation | None = nn.ReLU,
        padding: nn.conv.Padding | None = None,
    ) -> None:  # fmt: skip
        padding = kernel_size // 2 if padding is None else padding
        conv: nn.Module
        if groups == in_channels == out_channels:
            conv = nn.DepthwiseConv2d(in_channels, kernel_size, 1, stride, padding, bias=False)
        else:
            conv = nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
            )
        super().__init__(conv, norm(out_channels), *([activation()] if activation else []))


class SqueezeExcitation(nn.Module):
    """y = x * scale(W2 act(W1 mean(x) + b1) + b2), a factor per channel: (N, C, H, W) -> the same

    Paper: Hu, Shen, Sun, "Squeeze-and-excitation networks", 2018, section 3.
    """

    def __init__(
        self, channels: int, squeeze_channels: int, activation: Activation = nn.ReLU,
        scale_activation: Activation = nn.Sigmoid,
    ) -> None:  # fmt: skip
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return x * self.scale_activation(scale)


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to ``channels``, but not under 90 % of it.

    Source: the code that came with Sandler et al., "MobileNetV2", 2018.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
