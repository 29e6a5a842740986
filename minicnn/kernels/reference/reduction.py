"""Kernels along one axis: softmax and its logarithm.

The largest entry is subtracted first. That changes nothing, because numerator and denominator
both carry the factor e^-max, and then no exponential overflows.
"""

from typing import Any

import numpy as np

Array = Any


def softmax(x: Array, axis: int) -> Array:
    """y[i] = e^x[i] / sum_j e^x[j] along ``axis``"""
    if not x.size:
        return x.copy()
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    """y[i] = x[i] - ln sum_j e^x[j] along ``axis``"""
    if not x.size:
        return x.copy()
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def logsumexp(x: Array, axis: tuple[int, ...]) -> Array:
    """y = ln sum_j e^x[j] over ``axis``, which stays with length 1"""
    if not x.size:  # the logarithm of an empty sum
        return x.sum(axis, keepdims=True) - np.inf
    top = x.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)  # a row of -inf has the sum 0, not NaN
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(x - top).sum(axis, keepdims=True))
