"""20 Efficient nets: MobileNet and EfficientNet: the solutions.

Made from lessons/20_efficient.py. Write your own first: there is more than one
right answer.
"""

import numpy as np

from minicnn import nn
from minicnn.models.blocks import Conv2dNormActivation as ConvNorm


# 20.1 dense_weight   ★   15 minutes
def dense_weight(weight, groups):
    """The weight (O, C, kh, kw) of a full convolution that does what weight (O, C/G, kh, kw) does
    with G groups: group g has filters g O/G to (g + 1) O/G and channels g C/G to (g + 1) C/G.
    """
    diagonal = np.kron(np.eye(groups), np.ones((len(weight) // groups, weight.shape[1])))
    return np.where(diagonal[:, :, None, None], np.tile(weight, (1, groups, 1, 1)), 0)


# 20.2 squeeze_excite_backward   ★★★   40 minutes
def squeeze_excite_backward(gy, x, weight):
    """The gradients (gx, gweight), shaped as x (N, C, H, W) and weight (C, C)."""
    means = x.mean((2, 3))
    gate = 1 / (1 + np.exp(-means @ weight.T))
    r = (gy * x).sum((2, 3)) * gate * (1 - gate)
    through = r @ weight / np.prod(x.shape[2:])
    return gy * gate[:, :, None, None] + through[:, :, None, None], r.T @ means


# 20.3 inverted_residual   ★★   25 minutes
class InvertedResidual(nn.Module):
    def __init__(self, channels, expanded, out, kernel, stride, activation, gate=None):
        """self.layers: expand (not if channels == expanded), depthwise with the stride, gate (not
        if None), project. self.skip: can x be added? (N, channels, H, W) -> (N, out, H', W')
        """
        super().__init__()
        wide = ConvNorm(expanded, expanded, kernel, stride, expanded, activation=activation)
        layers = [wide] if gate is None else [wide, gate]
        if expanded != channels:
            layers.insert(0, ConvNorm(channels, expanded, 1, activation=activation))
        self.layers = nn.Sequential(*layers, ConvNorm(expanded, out, 1, activation=None))
        self.skip = stride == 1 and channels == out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y
