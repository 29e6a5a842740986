"""14 Keeping signals alive: initialisation and batch norm: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 14.1`. The text is in lessons/14_init_batch_norm/README.md.
"""

import numpy as np


# 14.1 he_normal   ★   10 minutes
def he_normal(shape, rng):
    """Normal numbers from rng, of mean 0 and variance 2 / fan-in; shape (O, D) or (O, C, kh, kw)"""
    raise NotImplementedError("14.1 he_normal: your turn")


def axes_of(x):
    return (0, *range(2, x.ndim))


def spread_out(v, x):
    """(C,) -> (C, 1, ...)"""
    return v.reshape(-1, *[1] * (x.ndim - 2))


# 14.2 batch_norm_forward   ★★   15 minutes
def batch_norm_forward(x, weight, bias, eps):
    """y = weight (x - mean) / sqrt(var + eps) + bias, with mean and var of each channel.

    (N, C) or (N, C, H, W), (C,), (C,) -> the shape of x
    """
    raise NotImplementedError("14.2 batch_norm_forward: your turn")


# 14.3 batch_norm_backward   ★★★   45 minutes
def batch_norm_backward(gy, x, weight, bias, eps):
    """The gradients (gx, gweight, gbias) of batch_norm_forward.

    gx = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps), g = weight gy, means per channel
    (N, C, ...), (N, C, ...), (C,), (C,) -> (N, C, ...), (C,), (C,)
    """
    raise NotImplementedError("14.3 batch_norm_backward: your turn")


# 14.4 batch_norm_layer   ★★   25 minutes
def batch_norm_layer(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """In training batch_norm_forward; it also moves the running arrays (C,). Else y uses those."""
    raise NotImplementedError("14.4 batch_norm_layer: your turn")
