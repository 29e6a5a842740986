"""07 Softmax cross-entropy that never says NaN: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 07.1`. The text is in lessons/07_cross_entropy/README.md.
"""

import numpy as np


# 07.1 softmax_forward   ★   15 minutes
def softmax_forward(x):
    """p[..., c] = e^x[..., c] / sum over j of e^x[..., j], for x of any size and shape (..., C)"""
    raise NotImplementedError("07.1 softmax_forward: your turn")


# 07.2 cross_entropy_forward   ★★   25 minutes
def cross_entropy_forward(x, target):
    """L = mean over n of (ln sum over c of e^x[n,c]) - x[n, target[n]], for x of any size

    (N, C), class numbers (N,) -> a single number
    """
    raise NotImplementedError("07.2 cross_entropy_forward: your turn")


# 07.3 cross_entropy_backward   ★★   20 minutes
def cross_entropy_backward(gy, x, target):
    """gx[n,c] = gy / N (p[n,c] - 1 where c is target[n], else p[n,c]) with p = softmax(x)

    a single number, (N, C), class numbers (N,) -> (N, C)
    """
    raise NotImplementedError("07.3 cross_entropy_backward: your turn")


# 07.4 smooth_labels   ★   15 minutes
def smooth_labels(target, classes, smoothing):
    """q[n,c] = (1 - smoothing) [c = target[n]] + smoothing / C;  class numbers (N,) -> (N, C)"""
    raise NotImplementedError("07.4 smooth_labels: your turn")
