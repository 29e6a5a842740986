"""21 A vision transformer in the same engine: the solutions.

Made from lessons/21_vit.py. Write your own first: there is more than one
right answer.
"""

import numpy as np

from minicnn import ops


# 21.1 patches   ★★   20 minutes
def patches(x, p):
    """(N, C, H, W) -> (N, T, C p p): the patches row by row, each by channel, row, column"""
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // p, p, w // p, p)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, -1, c * p * p)


# 21.2 attention_forward   ★★   20 minutes
def attention_forward(q, k, v):
    """y = P v, P = softmax over the keys of q k^T / sqrt(D): three times (B, T, D) -> (B, T, D)"""
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    return ops.softmax(scores, -1).numpy() @ v


# 21.3 attention_backward   ★★★   45 minutes
def attention_backward(gy, q, k, v):
    """The gradients (gq, gk, gv) of attention_forward; all arrays are (B, T, D)."""
    p = ops.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -1).numpy()
    gp = gy @ v.swapaxes(1, 2)
    gs = p * (gp - (gp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return gs @ k, gs.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ gy


# 21.4 layer_norm_backward   ★★   30 minutes
def layer_norm_backward(gy, x, weight, bias, eps):
    """(gx, gweight, gbias) of layer norm over the last axis; gy, x (..., D), weight, bias (D,)"""
    std = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat, g = (x - x.mean(-1, keepdims=True)) / std, gy * weight
    gx = g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)
    rest = tuple(range(x.ndim - 1))
    return gx / std, (gy * xhat).sum(rest), gy.sum(rest)
