"""03 Tensors and the price of broadcasting: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 03.1`. The text is in lessons/03_tensors/README.md.
"""

import numpy as np


# 03.1 unbroadcast   ★★   25 minutes
def unbroadcast(g, shape):
    """The gradient of an operand of ``shape`` from g, its gradient after broadcasting.

    A sum over the axes along which the operand was copied; the dtype of g stays.
    """
    raise NotImplementedError("03.1 unbroadcast: your turn")


# 03.2 mean_backward   ★★   20 minutes
def mean_backward(gy, x, axis, keepdims):
    """gx of y = x.mean(axis, keepdims=keepdims): every entry gets gy / n of its mean.

    gy has the shape of y, gx that of x; axis is None (all axes), an int or a tuple of ints
    """
    raise NotImplementedError("03.2 mean_backward: your turn")


# 03.3 max_backward   ★★   20 minutes
def max_backward(gy, x, axis, keepdims):
    """gx of y = x.max(axis, keepdims=keepdims): gy to the winner; shapes as in mean_backward."""
    raise NotImplementedError("03.3 max_backward: your turn")


# 03.4 getitem_backward   ★   10 minutes
def getitem_backward(gy, x, key):
    """gx of y = x[key]: zeros, with gy added where y was read; a place read twice gets both.

    gy has the shape of x[key], gx that of x; key is anything that NumPy takes as an index
    """
    raise NotImplementedError("03.4 getitem_backward: your turn")
