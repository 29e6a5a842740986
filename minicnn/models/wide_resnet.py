"""Wide ResNet: more channels instead of more layers.

Paper: S. Zagoruyko, N. Komodakis, "Wide residual networks", BMVC 2016 (arXiv 1605.07146), section
3.4 and table 8.

The 3x3 of every block has twice the channels of ResNet-50's; what enters and leaves the blocks is
as wide as there.
"""

from typing import Any

from .resnet import DEPTHS, Bottleneck, ResNet


def wide_resnet50_2(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[50], width_per_group=128, **options)
