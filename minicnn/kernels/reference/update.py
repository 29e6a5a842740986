"""One step of each optimizer on one parameter: w and the memory between steps change in place.

g is the gradient, and stays as it is; `optim` has the formulas, their letters and their papers.
"""

from typing import Any

import numpy as np

Array = Any


def sgd_step(
    w: Array, g: Array, v: Array | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool,
) -> None:  # fmt: skip
    """v = momentum v + (1 - dampening) g;  w = w - lr v;  without v: w = w - lr g"""
    if weight_decay:
        g = g + weight_decay * w
    if v is not None:
        v *= momentum
        v += (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    w -= lr * g


def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, decoupled: bool,
) -> None:  # fmt: skip
    """m, v = running means of g, g^2;  w = w - lr (m / (1 - beta1^t)) / (sqrt(v / ...) + eps)"""
    if decoupled:
        w *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + weight_decay * w
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    w -= lr / (1 - beta1**t) * m / (np.sqrt(v) / (1 - beta2**t) ** 0.5 + eps)


def rmsprop_step(
    w: Array, g: Array, s: Array, a: Array | None, v: Array | None, lr: float, alpha: float,
    eps: float, weight_decay: float, momentum: float,
) -> None:  # fmt: skip
    """s = alpha s + (1 - alpha) g^2;  w = w - lr g / (sqrt(s) + eps);  with a: s - a^2 for s"""
    if weight_decay:
        g = g + weight_decay * w
    s *= alpha
    s += (1 - alpha) * g * g
    if a is not None:
        a *= alpha
        a += (1 - alpha) * g
        s = np.maximum(s - a * a, 0)  # rounding can make it negative
    g = g / (np.sqrt(s) + eps)
    if v is not None:
        v *= momentum
        v += g
        g = v
    w -= lr * g


def adagrad_step(w: Array, g: Array, s: Array, lr: float, eps: float, weight_decay: float) -> None:
    """s = s + g^2;  w = w - lr g / (sqrt(s) + eps)"""
    if weight_decay:
        g = g + weight_decay * w
    s += g * g
    w -= lr * g / (np.sqrt(s) + eps)


def sum_of_squares(g: Array) -> float:
    """The sum of all g^2, in float64."""
    return float(np.square(g, dtype=np.float64).sum())
