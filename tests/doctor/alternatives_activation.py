"""Activations and losses in other words; see `alternatives_a`."""

import numpy as np
from scipy import special

# Activations


def relu_by_absolute(x):
    return (x + np.abs(x)) / 2


def relu_by_absolute_backward(gy, x):
    return gy * (1 + np.sign(x)) / 2 * (x != 0)


def relu_where(x):
    active = np.where(x > 0)
    y = np.zeros_like(x)
    y[active] = x[active]

    def rule(gy):
        gx = np.zeros_like(x)
        gx[active] = gy[active]
        return gx

    return y, rule


def relu_half_backward(gy, x):
    return gy * np.heaviside(x, 0.5)


def leaky_by_maximum(x, negative_slope=0.01):
    return np.maximum(x, negative_slope * x)


def leaky_backward(gy, x, negative_slope=0.01):
    slope = np.full_like(x, negative_slope)
    slope[x > 0] = 1.0
    return slope * gy


def leaky_from_the_right(gy, x, negative_slope=0.01):
    return np.where(x >= 0, gy, negative_slope * gy)


def sigmoid_by_tanh(x):
    y = 0.5 * (1 + np.tanh(0.5 * x))
    return y, y


def sigmoid_backward(gy, y):
    return gy * (y - y * y)


def sigmoid_by_cosh(x):
    y = special.expit(x)

    def rule(gy):
        return (
            gy / (2 * np.cosh(np.clip(x, -500, 500) / 2)) / (2 * np.cosh(np.clip(x, -500, 500) / 2))
        )

    return y, rule


def tanh_by_exponentials(x):
    e = np.exp(-2 * np.abs(x))
    return np.sign(x) * (1 - e) / (1 + e)


def tanh_backward(gy, x):
    e = np.exp(-2 * np.abs(x))
    return gy * 4 * e / (1 + e) ** 2


def silu_rule(x):
    s = special.expit(x)
    return x * s, lambda gy: gy * (s + x * s * (1 - s))


def gelu_exact(x):
    return 0.5 * x * (1 + special.erf(x / np.sqrt(2)))


def gelu_backward(gy, x):
    return gy * (special.ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def gelu_by_tanh(x):
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x)
    t = np.tanh(inner)

    def rule(gy):
        inner_slope = np.sqrt(2 / np.pi) * (1 + 0.134145 * x * x)
        return gy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner_slope)

    return 0.5 * x * (1 + t), rule


# softmax and losses


def softmax_by_logarithm(x):
    y = np.exp(x - special.logsumexp(x, axis=-1, keepdims=True))

    def rule(gy):
        gx = np.zeros_like(y)
        for i in np.ndindex(y.shape[:-1]):
            p = y[i]
            gx[i] = (np.diag(p) - np.outer(p, p)) @ gy[i]
        return gx

    return y, rule


def softmax_rows(x):
    e = np.exp(x - np.max(x, axis=-1)[..., None])
    y = e / np.sum(e, axis=-1)[..., None]
    return y, y


def softmax_rows_backward(gy, y):
    g = gy * y
    return g - y * g.sum(axis=-1, keepdims=True)


def cross_entropy_by_rows(x, target):
    losses = []
    for row, label in zip(x, target, strict=True):
        top = row.max()
        losses.append(top + np.log(np.exp(row - top).sum()) - row[label])
    return np.mean(losses)


def cross_entropy_backward(gy, x, target):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    g = e / e.sum(axis=1, keepdims=True)
    g[np.arange(len(g)), target] -= 1
    return gy * g / len(g)


def cross_entropy_composed(x, target):
    """Three ops in a row, each with its own rule: shift, log-softmax, mean of what is picked."""
    logp = special.log_softmax(x, axis=1)
    picked = np.take_along_axis(logp, target[:, None], axis=1)

    def rule(gy):
        g = np.zeros_like(x)
        np.put_along_axis(g, target[:, None], -gy / len(x), axis=1)
        return g - np.exp(logp) * g.sum(axis=1, keepdims=True)

    return -picked.sum() / len(x), rule


def mse_by_product(x, target):
    d = (x - target).ravel()
    return d @ d / d.size, x - target


def mse_backward(gy, d):
    return (2.0 / d.size) * d * gy


def mse_signs_swapped(x, target):
    return np.square(target - x).mean(), lambda gy: -gy * 2 * (target - x) / x.size


def bce_by_logaddexp(x, target):
    loss = target * np.logaddexp(0, -x) + (1 - target) * np.logaddexp(0, x)
    return loss.mean()


def bce_backward(gy, x, target):
    return gy * (special.expit(x) - target) / x.size


def bce_by_log_expit(x, target):
    loss = -(target * special.log_expit(x) + (1 - target) * special.log_expit(-x))

    def rule(gy):
        p, q = special.expit(x), special.expit(-x)
        return gy * ((1 - target) * p - target * q) / x.size

    return loss.sum() / loss.size, rule


SINGLE = {"dtype": "float32"}

ALTERNATIVES = {
    "relu": [
        ("by |x|", relu_by_absolute, relu_by_absolute_backward, {}),
        ("by index", relu_where, None, {}),
        ("half at 0", lambda x: x * (x > 0), relu_half_backward, {"at_zero": "1/2"}),
        ("1 at 0", lambda x: np.clip(x, 0, None), lambda gy, x: gy * (x >= 0), {"at_zero": "1"}),
    ],
    "leaky_relu": [
        ("by maximum", leaky_by_maximum, leaky_backward, {}),
        ("1 at 0", leaky_by_maximum, leaky_from_the_right, {"at_zero": "1"}),
    ],
    "sigmoid": [
        ("by tanh", sigmoid_by_tanh, sigmoid_backward, {}),
        ("slope by cosh", sigmoid_by_cosh, None, {}),
    ],
    "tanh": [("by exponentials", tanh_by_exponentials, tanh_backward, {})],
    "silu": [("expit", silu_rule, None, {}), ("single precision", silu_rule, None, SINGLE)],
    "gelu": [
        ("erf", gelu_exact, gelu_backward, {}),
        ("the tanh form", gelu_by_tanh, None, {"approximate": "tanh"}),
    ],
    "softmax": [
        ("log-sum-exp, the whole Jacobian", softmax_by_logarithm, None, {}),
        ("rows", softmax_rows, softmax_rows_backward, {}),
        ("single precision", softmax_rows, softmax_rows_backward, SINGLE),
    ],
    "cross_entropy": [
        ("rows", cross_entropy_by_rows, cross_entropy_backward, {}),
        ("composed", cross_entropy_composed, None, {}),
    ],
    "mse_loss": [
        ("inner product", mse_by_product, mse_backward, {}),
        ("target - x", mse_signs_swapped, None, {}),
    ],
    "binary_cross_entropy_with_logits": [
        ("logaddexp", bce_by_logaddexp, bce_backward, {}),
        ("log_expit", bce_by_log_expit, None, {}),
    ],
}  # fmt: skip
