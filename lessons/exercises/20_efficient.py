"""20 Efficient nets: MobileNet and EfficientNet: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 20.1`. The text is in lessons/20_efficient/README.md.
"""

import numpy as np

from minicnn import nn
from minicnn.models.blocks import Conv2dNormActivation as ConvNorm


# 20.1 dense_weight   ★   15 minutes
def dense_weight(weight, groups):
    """The weight (O, C, kh, kw) of a full convolution that does what weight (O, C/G, kh, kw) does
    with G groups: group g has filters g O/G to (g + 1) O/G and channels g C/G to (g + 1) C/G.
    """
    raise NotImplementedError("20.1 dense_weight: your turn")


# 20.2 squeeze_excite_backward   ★★★   40 minutes
def squeeze_excite_backward(gy, x, weight):
    """The gradients (gx, gweight), shaped as x (N, C, H, W) and weight (C, C)."""
    raise NotImplementedError("20.2 squeeze_excite_backward: your turn")


# 20.3 inverted_residual   ★★   25 minutes
class InvertedResidual(nn.Module):
    def __init__(self, channels, expanded, out, kernel, stride, activation, gate=None):
        """self.layers: expand (not if channels == expanded), depthwise with the stride, gate (not
        if None), project. self.skip: can x be added? (N, channels, H, W) -> (N, out, H', W')
        """
        super().__init__()
        raise NotImplementedError("20.3 InvertedResidual.__init__: your turn")

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y
