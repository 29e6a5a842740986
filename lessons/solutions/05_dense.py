"""05 The dense layer: the solutions.

Made from lessons/05_dense.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 05.1 linear_forward   ★   10 minutes
def linear_forward(x, weight, bias):
    """y[n,o] = sum over d of x[n,d] weight[o,d], plus bias[o]

    (N, D), (O, D), (O,) -> (N, O)
    """
    return x @ weight.T + bias


# 05.2 linear_backward   ★★   25 minutes
def linear_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias) of a dense layer.

    gx[n,d] = sum over o of gy[n,o] weight[o,d]
    gweight[o,d] = sum over n of gy[n,o] x[n,d]
    gbias[o] = sum over n of gy[n,o]

    (N, O), (N, D), (O, D), (O,) -> (N, D), (O, D), (O,)
    """
    gx = gy @ weight
    gweight = gy.T @ x
    gbias = gy.sum(axis=0)
    return gx, gweight, gbias


# 05.3 sample_gradients   ★★   15 minutes
def sample_gradients(gy, x):
    """What each sample adds to gweight: g[n,o,d] = gy[n,o] x[n,d]

    (N, O), (N, D) -> (N, O, D)
    """
    return gy[:, :, None] * x[:, None, :]
