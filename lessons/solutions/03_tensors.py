"""03 Tensors and the price of broadcasting: the solutions.

Made from lessons/03_tensors.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 03.1 unbroadcast   ★★   25 minutes
def unbroadcast(g, shape):
    """The gradient of an operand of ``shape`` from g, its gradient after broadcasting.

    A sum over the axes along which the operand was copied; the dtype of g stays.
    """
    in_front = tuple(range(g.ndim - len(shape)))
    g = g.sum(axis=in_front)
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=stretched, keepdims=True)


# 03.2 mean_backward   ★★   20 minutes
def mean_backward(gy, x, axis, keepdims):
    """gx of y = x.mean(axis, keepdims=keepdims): every entry gets gy / n of its mean.

    gy has the shape of y, gx that of x; axis is None (all axes), an int or a tuple of ints
    """
    kept = x.sum(axis=axis, keepdims=True).shape
    n = x.size / np.size(gy)
    return np.broadcast_to(np.reshape(gy, kept) / n, x.shape).copy()


# 03.3 max_backward   ★★   20 minutes
def max_backward(gy, x, axis, keepdims):
    """gx of y = x.max(axis, keepdims=keepdims): gy to the winner; shapes as in mean_backward."""
    best = x.max(axis=axis, keepdims=True)
    wins = x == best
    share = np.reshape(gy, best.shape) / wins.sum(axis=axis, keepdims=True)
    return (share * wins).astype(x.dtype)


# 03.4 getitem_backward   ★   10 minutes
def getitem_backward(gy, x, key):
    """gx of y = x[key]: zeros, with gy added where y was read; a place read twice gets both.

    gy has the shape of x[key], gx that of x; key is anything that NumPy takes as an index
    """
    gx = np.zeros_like(x)
    np.add.at(gx, key, gy)
    return gx
