"""Lesson 06: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def relu_by_where(gy, x):
    return np.where(x > 0, gy, 0.0)


def relu_in_a_copy(gy, x):
    gx = gy.copy()
    gx[x <= 0] = 0
    return gx


def sigmoid_by_tanh(x):
    return 0.5 * (1 + np.tanh(x / 2))


def sigmoid_by_masks(x):
    y = np.empty_like(x)
    positive = x >= 0
    y[positive] = 1 / (1 + np.exp(-x[positive]))
    e = np.exp(x[~positive])
    y[~positive] = e / (1 + e)
    return y


def silu_by_output(gy, x):
    s = sigmoid_by_tanh(x)
    return gy * (x * s + s * (1 - x * s))


ALTERNATIVES = {
    "06.1": [{"relu_backward": f} for f in (relu_by_where, relu_in_a_copy)],
    "06.2": [{"sigmoid_forward": f} for f in (sigmoid_by_tanh, sigmoid_by_masks)],
    "06.3": [{"sigmoid_backward": lambda gy, y: (y - y**2) * gy}],
    "06.4": [{"silu_backward": silu_by_output}],
}
AT_ZERO = "at x = 0 both forms are 1/2"
SURVIVORS = {
    "06.2: return np.where(x >= 0, 1 / (1 + small), small / (1 + small))  ->  "
    "return np.where(x > 0, 1 / (1 + small), small / (1 + small))": AT_ZERO,
    "06.4: gate = np.where(x >= 0, 1.0, small) / (1 + small)  ->  "
    "gate = np.where(x > 0, 1.0, small) / (1 + small)": AT_ZERO,
}
