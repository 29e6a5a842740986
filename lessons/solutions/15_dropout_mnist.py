"""15 Dropout, weight decay, and MNIST above 99 %: the solutions.

Made from lessons/15_dropout_mnist.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 15.1 dropout_forward   ★   10 minutes
def dropout_forward(x, p, mask):
    """y = x mask / (1 - p); mask has x's shape: 1 where a value is kept, 0 where it is dropped."""
    return x * mask / (1 - p)


# 15.2 dropout_backward   ★   10 minutes
def dropout_backward(gy, p, mask):
    """gx of dropout_forward with the same p and mask; all arrays have one shape."""
    return gy * mask / (1 - p)


# 15.3 dropout   ★★   20 minutes
def dropout(x, p, training, rng):
    """Dropout of every value of x with a fresh mask from rng.random; x itself unless training."""
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p)


# 15.4 add_weight_decay   ★   15 minutes
def add_weight_decay(gradients, parameters, decay):
    """A list of the gradients, plus decay times the parameter where that has two axes or more.

    gradients and parameters are lists of arrays, of the same shapes; they are not changed.
    """
    return [g + decay * w if w.ndim > 1 else g for g, w in zip(gradients, parameters, strict=True)]
