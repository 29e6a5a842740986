"""Pooling layers: (N, C, H, W) -> (N, C, H', W'); formulas stand at the ops of the same names."""

from .. import ops
from .layer import OpLayer


class MaxPool2d(OpLayer):
    """MaxPool2d(kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False): largest values.

    Stride None is the kernel_size.
    """

    op = ops.max_pool2d


class AvgPool2d(OpLayer):
    """The mean of each window, the padding's zeros counted if ``count_include_pad``.

    AvgPool2d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None)
    """

    op = ops.avg_pool2d


class AdaptiveAvgPool2d(OpLayer):
    """AdaptiveAvgPool2d(output_size): the means of H' x W' windows; 1 is global average pooling."""

    op = ops.adaptive_avg_pool2d


class AdaptiveMaxPool2d(OpLayer):
    """AdaptiveMaxPool2d(output_size): the largest values of H' x W' windows."""

    op = ops.adaptive_max_pool2d
