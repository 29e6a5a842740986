"""Convolutional layers. Weights start as U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases too."""

from typing import Any

from .. import ops
from ..ops.conv import Padding, Size, pad_pairs, pair
from ..tensor import Tensor
from .checks import check, check_divides, floating
from .init import weight_and_bias
from .layer import Layer


class _Convolution(Layer):
    """What the convolutions have in common: sizes as (height, width), a weight and a bias."""

    def __init__(self, kernel_size: Size, stride: Size, padding: Padding, dilation: Size) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = pair(f"{name}: kernel_size", kernel_size, 1)
        self.stride = pair(f"{name}: stride", stride, 1)
        self.dilation = pair(f"{name}: dilation", dilation, 1)
        pad_pairs(name, padding, self.kernel_size, self.stride)  # raises where it is wrong
        self.padding: Any = (padding, padding) if isinstance(padding, int) else padding


class Conv2d(_Convolution):
    """Convolution: (N, C, H, W) -> (N, O, H', W'), see `ops.conv2d`.

    weight (O, C/groups, kh, kw), bias (O,). ``padding`` is a number, a pair, "same" (H' = H; with
    stride 1) or "valid" (0). fan_in = C/groups kh kw.
    Raises ValueError for channels that groups do not divide and sizes that are not positive.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Padding = 0, dilation: Size = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, dilation)
        check_divides("Conv2d", groups, in_channels=in_channels, out_channels=out_channels)
        check("Conv2d", padding_mode=padding_mode)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(shape, out_channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv2d(
            floating("conv2d", x), self.weight, self.bias, self.stride, self.padding,
            self.dilation, self.groups,
        )  # fmt: skip


class DepthwiseConv2d(_Convolution):
    """Every channel with ``depth_multiplier`` filters of its own: (N, C, H, W) -> (N, C m, H', W').

    weight (C m, 1, kh, kw), bias (C m,): those of Conv2d(C, C m, kernel_size, groups=C).
    Paper: Howard et al., "MobileNets", 2017, section 3.1.
    """

    def __init__(
        self, in_channels: int, kernel_size: Size, depth_multiplier: int = 1, stride: Size = 1,
        padding: Padding = 0, dilation: Size = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, dilation)
        check("DepthwiseConv2d", in_channels=in_channels, depth_multiplier=depth_multiplier)
        self.in_channels, self.depth_multiplier = in_channels, depth_multiplier
        filters = in_channels * depth_multiplier
        self.weight, self.bias = weight_and_bias((filters, 1, *self.kernel_size), filters, bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.depthwise_conv2d(
            floating("depthwise_conv2d", x), self.weight, self.bias, self.stride, self.padding,
            self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_Convolution):
    """The transpose of Conv2d, to enlarge: (N, C, H, W) -> (N, O, H', W').

    H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
    weight (C, O/groups, kh, kw), bias (O,). fan_in is counted as torch does: O/groups kh kw.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size = 0, output_padding: Size = 0, groups: int = 1, bias: bool = True,
        dilation: Size = 1,
    ) -> None:  # fmt: skip
        name = "ConvTranspose2d"
        super().__init__(kernel_size, stride, pair(f"{name}: padding", padding, 0), dilation)
        check_divides(name, groups, in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.output_padding = pair(f"{name}: output_padding", output_padding, 0)
        shape = (in_channels, out_channels // groups, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(shape, out_channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv_transpose2d(
            floating("conv_transpose2d", x), self.weight, self.bias, self.stride, self.padding,
            self.output_padding, self.groups, self.dilation,
        )  # fmt: skip
