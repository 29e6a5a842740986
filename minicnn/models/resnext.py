"""ResNeXt: ResNet whose 3x3 convolutions work in groups.

Paper: S. Xie, R. Girshick, P. Dollar, Z. Tu, K. He, "Aggregated residual transformations for deep
neural networks", CVPR 2017 (arXiv 1611.05431), table 1.

A block of "32x4d" has 32 groups ("cardinality") of 4 channels in its 3x3 in the first stage, twice
as many per group in each further one. The rest is ResNet-50.

What differs: nothing; the paper too halves the image in the 3x3 of a block.
"""

from typing import Any

from .resnet import DEPTHS, Bottleneck, ResNet


def resnext50_32x4d(**options: Any) -> ResNet:
    return ResNet(Bottleneck, DEPTHS[50], groups=32, width_per_group=4, **options)
