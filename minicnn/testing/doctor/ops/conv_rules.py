"""The rules of convolution, as im2col and a product.

    columns = unfold(x)
    y[n,o,i,j] = b[o] + sum over c,u,v of weight[o,c,u,v] columns[n,c,u,v,i,j]

With groups, channels and filters are counted within their group g.
"""

import numpy as np

from ..op import Call
from .sliding import axes, fold, unfold

Array = np.ndarray


def forward(c: Call) -> Array:
    c.groups = c.x.shape[1] // c.weight.shape[1]
    options = {key: getattr(c, key) for key in ("stride", "padding", "dilation") if hasattr(c, key)}
    c.rows, c.cols = axes(c.x.shape, c.weight.shape[2:], **options)
    return output(c)


def output(c: Call) -> Array:
    return correlate(c, c.weight) + c.bias[:, None, None]


def correlate(c: Call, weight: Array) -> Array:
    """y[n,o,i,j] = sum over c,u,v of weight[o,c,u,v] columns[n,c,u,v,i,j]"""
    columns = by_group(unfold(c.x, c.rows, c.cols), c.groups, 1)
    return joined(np.einsum("gocuv,ngcuvij->ngoij", by_group(weight, c.groups, 0), columns), 1)


def input_gradient(gy: Array, c: Call) -> Array:
    return fold(columns_gradient(gy, c, c.weight), c.rows, c.cols)


def columns_gradient(gy: Array, c: Call, weight: Array) -> Array:
    """gcolumns[n,c,u,v,i,j] = sum over o of weight[o,c,u,v] gy[n,o,i,j]"""
    gy, weight = by_group(gy, c.groups, 1), by_group(weight, c.groups, 0)
    return joined(np.einsum("gocuv,ngoij->ngcuvij", weight, gy), 1)


def weight_gradient(gy: Array, c: Call) -> Array:
    """gweight[o,c,u,v] = sum over n,i,j of gy[n,o,i,j] columns[n,c,u,v,i,j]"""
    columns = by_group(unfold(c.x, c.rows, c.cols), c.groups, 1)
    return joined(np.einsum("ngoij,ngcuvij->gocuv", by_group(gy, c.groups, 1), columns), 0)


def bias_gradient(gy: Array, c: Call) -> Array:
    return gy.sum((0, 2, 3))


def by_group(a: Array, groups: int, axis: int) -> Array:
    """The axis as two: the group, and the place within it."""
    return a.reshape(*a.shape[:axis], groups, -1, *a.shape[axis + 1 :])


def joined(a: Array, axis: int) -> Array:
    """The two axes as one again."""
    return a.reshape(*a.shape[:axis], -1, *a.shape[axis + 2 :])
