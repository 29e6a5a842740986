"""Kernels along axes: sums, softmax, its logarithm and the loss made of it.

Softmax subtracts the largest entry first. That changes nothing, because numerator and denominator
both carry the factor e^-max, and then no exponential overflows.
"""

from typing import Any

import numpy as np

from .. import array_module

Array = Any


def sum(x: Array, axes: tuple[int, ...]) -> Array:
    """y = sum of x over ``axes``, which stay with length 1"""
    return x.sum(axes, keepdims=True)


def softmax(x: Array, axis: int) -> Array:
    """y[i] = e^x[i] / sum_j e^x[j] along ``axis``"""
    if not x.size:
        return x.copy()
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_grad(gy: Array, x: Array, axis: int) -> Array:
    """gx[i] = y[i] (gy[i] - sum_j gy[j] y[j]) along ``axis``, y = softmax(x)"""
    y = softmax(x, axis)
    return y * (gy - (gy * y).sum(axis, keepdims=True))


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


def cross_entropy(x: Array, labels: Array) -> Array:
    """l = -1/N sum_n ln softmax(x[n])[labels[n]]; x (N, C), labels (N,) -> a single number"""
    return -log_softmax(x, 1)[array_module(x).arange(len(x)), labels].mean()


def cross_entropy_grad(gy: Array, x: Array, labels: Array) -> Array:
    """gx[n,c] = gy/N (softmax(x[n])[c] - [c = labels[n]])"""
    gx = softmax(x, 1)
    gx[array_module(x).arange(len(x)), labels] -= 1
    return gx * (gy / len(x))
