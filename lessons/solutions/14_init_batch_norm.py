"""14 Keeping signals alive: initialisation and batch norm: the solutions.

Made from lessons/14_init_batch_norm.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 14.1 he_normal   ★   10 minutes
def he_normal(shape, rng):
    """Normal numbers from rng, of mean 0 and variance 2 / fan-in; shape (O, D) or (O, C, kh, kw)"""
    return rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))


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
    mean, var = x.mean(axes_of(x), keepdims=True), x.var(axes_of(x), keepdims=True)
    xhat = (x - mean) / np.sqrt(var + eps)
    return spread_out(weight, x) * xhat + spread_out(bias, x)


# 14.3 batch_norm_backward   ★★★   45 minutes
def batch_norm_backward(gy, x, weight, bias, eps):
    """The gradients (gx, gweight, gbias) of batch_norm_forward.

    gx = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps), g = weight gy, means per channel
    (N, C, ...), (N, C, ...), (C,), (C,) -> (N, C, ...), (C,), (C,)
    """
    axes = axes_of(x)
    std = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / std
    g = spread_out(weight, x) * gy
    along = (g * xhat).mean(axes, keepdims=True)
    gx = (g - g.mean(axes, keepdims=True) - xhat * along) / std
    return gx, (gy * xhat).sum(axes), gy.sum(axes)


# 14.4 batch_norm_layer   ★★   25 minutes
def batch_norm_layer(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """In training batch_norm_forward; it also moves the running arrays (C,). Else y uses those."""
    if training:
        mean, var = x.mean(axes_of(x)), x.var(axes_of(x))
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (x.var(axes_of(x), ddof=1) - running_var)
    else:
        mean, var = running_mean, running_var
    xhat = (x - spread_out(mean, x)) / np.sqrt(spread_out(var, x) + eps)
    return spread_out(weight, x) * xhat + spread_out(bias, x)
