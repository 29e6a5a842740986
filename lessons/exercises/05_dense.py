"""05 The dense layer: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 05.1`. The text is in lessons/05_dense/README.md.
"""

import numpy as np


# 05.1 linear_forward   ★   10 minutes
def linear_forward(x, weight, bias):
    """y[n,o] = sum over d of x[n,d] weight[o,d], plus bias[o]

    (N, D), (O, D), (O,) -> (N, O)
    """
    raise NotImplementedError("05.1 linear_forward: your turn")


# 05.2 linear_backward   ★★   25 minutes
def linear_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias) of a dense layer.

    gx[n,d] = sum over o of gy[n,o] weight[o,d]
    gweight[o,d] = sum over n of gy[n,o] x[n,d]
    gbias[o] = sum over n of gy[n,o]

    (N, O), (N, D), (O, D), (O,) -> (N, D), (O, D), (O,)
    """
    raise NotImplementedError("05.2 linear_backward: your turn")


# 05.3 sample_gradients   ★★   15 minutes
def sample_gradients(gy, x):
    """What each sample adds to gweight: g[n,o,d] = gy[n,o] x[n,d]

    (N, O), (N, D) -> (N, O, D)
    """
    raise NotImplementedError("05.3 sample_gradients: your turn")
