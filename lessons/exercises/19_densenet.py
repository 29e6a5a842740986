"""19 Everything is kept: DenseNet: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 19.1`. The text is in lessons/19_densenet/README.md.
"""

import numpy as np


# 19.1 block_channels   ★   10 minutes
def block_channels(channels, growth, depths):
    """The number of channels that each block gives: a list like depths, layers per block."""
    raise NotImplementedError("19.1 block_channels: your turn")


# 19.2 dense_block_forward   ★★   25 minutes
def dense_block_forward(x, weights):
    """The buffer: x, then k new channels from each layer; weights is a list of (k, channels so far)

    (N, C, H, W), L weights -> (N, C + L k, H, W)
    """
    raise NotImplementedError("19.2 dense_block_forward: your turn")


# 19.3 dense_block_backward   ★★★   40 minutes
def dense_block_backward(gy, y, weights):
    """gx (N, C, H, W), and the list of the weights' gradients; gy is shaped as the buffer y."""
    raise NotImplementedError("19.3 dense_block_backward: your turn")
