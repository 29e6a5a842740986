"""What several papers share: blocks, with torchvision's names and order of layers, and a loss."""

from collections.abc import Callable
from typing import Any

from .. import nn, ops
from ..data.presets import IMAGENET_MEAN, IMAGENET_STD
from ..ops.conv import Size
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


class BasicConv2d(nn.Sequential):
    """Convolution without bias, batch norm, ReLU: (N, C, H, W) -> (N, O, H', W')

    The Inception nets' own: by name `conv`, `bn`, `relu`, and with eps 0.001.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: nn.conv.Padding = 0,
    ) -> None:  # fmt: skip
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        super().__init__(
            {"conv": conv, "bn": nn.BatchNorm2d(out_channels, 0.001), "relu": nn.ReLU()}
        )


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


def from_imagenet_norm(x: Tensor) -> Tensor:
    """Images scaled by ImageNet's mean and deviation -> scaled to [-1, 1]: (N, 3, H, W)

    y_c = x_c std_c / 0.5 + (mean_c - 0.5) / 0.5, for weights that were trained on [-1, 1].
    """
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(
            f"transform_input: images must be (N, 3, H, W), got {x.shape}; build the net with "
            "transform_input=False"
        )
    channels = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
    scaled = [
        x[:, c : c + 1] * (std / 0.5) + (mean - 0.5) / 0.5 for c, (mean, std) in enumerate(channels)
    ]
    return ops.concat(scaled, 1)


def auxiliary_loss(
    outputs: Any, labels: Tensor, weight: float = 0.3,
    loss: Callable[[Tensor, Tensor], Tensor] = ops.cross_entropy,
) -> Tensor:  # fmt: skip
    """loss(logits) + weight * (the sum of the losses of auxiliary heads), as `fit` takes it.

    ``outputs`` are what a net returns: a tuple of logits in training, the main ones first, or the
    logits alone. Szegedy et al., "Going deeper with convolutions", 2015, section 5: weight 0.3.
    """
    main, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
    return sum((weight * loss(logits, labels) for logits in auxiliary), loss(main, labels))


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to ``channels``, but not under 90 % of it.

    Raises ValueError for channels that are not positive.
    Source: the code that came with Sandler et al., "MobileNetV2", 2018.
    """
    if not channels > 0:
        raise ValueError(
            f"make_divisible: channels must be positive, got {channels}; use a larger width_mult"
        )
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def initialise(net: nn.Module) -> None:
    """Convolutions as He et al., 2015, by fan-out; linear layers N(0, 0.01^2); biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.DepthwiseConv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
