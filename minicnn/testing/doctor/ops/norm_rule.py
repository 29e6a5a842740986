"""The rule of batch and layer norm, in steps that can be replaced one by one."""

from collections.abc import Callable

import numpy as np

from ..op import Array, Call, Forward, Gradient

Number = Callable[[Call], float | Array]


def batch(c: Call) -> None:
    """Statistics over all axes but the channels'."""
    shape = (1, -1) + (1,) * (c.x.ndim - 2)
    c.axes = c.rest = (0, *range(2, c.x.ndim))
    c.w, c.b = c.weight.reshape(shape), c.bias.reshape(shape)


def layer(c: Call) -> None:
    """Statistics over the last axis, in every row for itself."""
    c.axes, c.rest = (c.x.ndim - 1,), tuple(range(c.x.ndim - 1))
    c.w, c.b = c.weight, c.bias


def average(c: Call, a: Array) -> Array:
    """The mean over the axes of the statistics."""
    return a.mean(c.axes, keepdims=True)


def count(c: Call) -> int:
    """How many numbers each mean is taken of (M)."""
    return int(np.prod([c.x.shape[i] for i in c.axes]))


def variance(c: Call, ddof: int = 0) -> Array:
    return c.x.var(c.axes, keepdims=True, ddof=ddof)


def inverse_std(c: Call) -> Array:
    return 1 / np.sqrt(variance(c) + c.eps)


def affine(c: Call) -> Array:
    return c.w * c.xhat + c.b


def norm(
    layout: Callable[[Call], None],
    mean: Number = lambda c: average(c, c.x),
    inv: Number = inverse_std,
    y: Number = affine,
    axes: Callable[[Call], tuple[int, ...]] | None = None,
) -> Forward:
    """The forward pass; ``mean``, ``inv``, ``y`` and ``axes`` can be replaced by wrong ones."""

    def forward(c: Call) -> Array:
        layout(c)
        c.axes = axes(c) if axes else c.axes
        c.mean, c.inv = mean(c), inv(c)
        c.xhat = (c.x - c.mean) * c.inv
        return np.asarray(y(c))

    return forward


def one(c: Call) -> float:
    return 1.0


def zero(c: Call) -> float:
    return 0.0


def paths(own: Number = one, mean: Number = one, variance: Number = one) -> Gradient:
    """The input's gradient as a sum over its three paths, each with a factor that should be 1."""

    def gx(gy: Array, c: Call) -> Array:
        g = gy * c.w
        through_mean = average(c, g)
        through_variance = c.xhat * average(c, g * c.xhat)
        return c.inv * (own(c) * g - mean(c) * through_mean - variance(c) * through_variance)

    return gx


def gweight(gy: Array, c: Call) -> Array:
    return (gy * c.xhat).sum(c.rest)


def gbias(gy: Array, c: Call) -> Array:
    return gy.sum(c.rest)
