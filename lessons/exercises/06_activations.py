"""06 Activations: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 06.1`. The text is in lessons/06_activations/README.md.
"""

import numpy as np


# 06.1 relu_backward   ★   10 minutes
def relu_backward(gy, x):
    """gx = gy where x > 0, else 0; all three have one shape."""
    raise NotImplementedError("06.1 relu_backward: your turn")


# 06.2 sigmoid_forward   ★★   20 minutes
def sigmoid_forward(x):
    """y = 1 / (1 + e^-x) for x of any size, without overflow; y has the shape of x."""
    raise NotImplementedError("06.2 sigmoid_forward: your turn")


# 06.3 sigmoid_backward   ★   10 minutes
def sigmoid_backward(gy, y):
    """gx = gy y (1 - y), where y is the sigmoid's output; all of one shape."""
    raise NotImplementedError("06.3 sigmoid_backward: your turn")


# 06.4 silu_backward   ★★   20 minutes
def silu_backward(gy, x):
    """gx = gy (s + x s (1 - s)) with the gate s = sigmoid(x); all of one shape."""
    raise NotImplementedError("06.4 silu_backward: your turn")
