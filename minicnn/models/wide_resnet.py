"""Wide ResNet: more channels instead of more layers.

Paper: S. Zagoruyko, N. Komodakis, "Wide residual networks", BMVC 2016 (arXiv 1605.07146), section
3.4 and table 8.

The 3x3 of every block has twice the channels of ResNet-50's; what enters and leaves the blocks is
as wide as there.

What differs: blocks halve the image in their 3x3, as in `resnet`; the paper's nets for CIFAR, which
compute batch norm and ReLU before each convolution, are left out.
"""

from typing import Any

from .resnet import DEPTHS, Bottleneck, ResNet


def wide_resnet50_2(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[50], width_per_group=128, **options)
