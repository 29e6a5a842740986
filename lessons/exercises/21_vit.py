"""21 A vision transformer in the same engine: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 21.1`. The text is in lessons/21_vit/README.md.
"""

import numpy as np

from minicnn import ops


# 21.1 patches   ★★   20 minutes
def patches(x, p):
    """(N, C, H, W) -> (N, T, C p p): the patches row by row, each by channel, row, column"""
    raise NotImplementedError("21.1 patches: your turn")


# 21.2 attention_forward   ★★   20 minutes
def attention_forward(q, k, v):
    """y = P v, P = softmax over the keys of q k^T / sqrt(D): three times (B, T, D) -> (B, T, D)"""
    raise NotImplementedError("21.2 attention_forward: your turn")


# 21.3 attention_backward   ★★★   45 minutes
def attention_backward(gy, q, k, v):
    """The gradients (gq, gk, gv) of attention_forward; all arrays are (B, T, D)."""
    raise NotImplementedError("21.3 attention_backward: your turn")


# 21.4 layer_norm_backward   ★★   30 minutes
def layer_norm_backward(gy, x, weight, bias, eps):
    """(gx, gweight, gbias) of layer norm over the last axis; gy, x (..., D), weight, bias (D,)"""
    raise NotImplementedError("21.4 layer_norm_backward: your turn")
