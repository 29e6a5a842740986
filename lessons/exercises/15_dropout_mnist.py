"""15 Dropout, weight decay, and MNIST above 99 %: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 15.1`. The text is in lessons/15_dropout_mnist/README.md.
"""

import numpy as np


# 15.1 dropout_forward   ★   10 minutes
def dropout_forward(x, p, mask):
    """y = x mask / (1 - p); mask has x's shape: 1 where a value is kept, 0 where it is dropped."""
    raise NotImplementedError("15.1 dropout_forward: your turn")


# 15.2 dropout_backward   ★   10 minutes
def dropout_backward(gy, p, mask):
    """gx of dropout_forward with the same p and mask; all arrays have one shape."""
    raise NotImplementedError("15.2 dropout_backward: your turn")


# 15.3 dropout   ★★   20 minutes
def dropout(x, p, training, rng):
    """Dropout of every value of x with a fresh mask from rng.random; x itself unless training."""
    raise NotImplementedError("15.3 dropout: your turn")


# 15.4 add_weight_decay   ★   15 minutes
def add_weight_decay(gradients, parameters, decay):
    """A list of the gradients, plus decay times the parameter where that has two axes or more.

    gradients and parameters are lists of arrays, of the same shapes; they are not changed.
    """
    raise NotImplementedError("15.4 add_weight_decay: your turn")
