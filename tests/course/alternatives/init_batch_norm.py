"""Lesson 14: other right answers, and changes of the solutions that make no difference."""

import math

import numpy as np


def he_by_normal(shape, rng):
    return rng.normal(0, (2 * shape[0] / math.prod(shape)) ** 0.5, shape)


def forward_as_rows(x, weight, bias, eps):
    """Channels last, so that all the rest is one axis."""
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) * weight + bias
    shape = (x.shape[0], *x.shape[2:], x.shape[1])
    return np.moveaxis(rows.reshape(shape), -1, 1)


def forward_by_channel(x, weight, bias, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        m = x[:, c].sum() / x[:, c].size
        v = ((x[:, c] - m) ** 2).sum() / x[:, c].size
        y[:, c] = weight[c] * (x[:, c] - m) * (v + eps) ** -0.5 + bias[c]
    return y


def backward_in_steps(gy, x, weight, bias, eps):
    """Every step of the forward pass on its own, backwards."""
    gx, gweight, gbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
    for c in range(x.shape[1]):
        d, m = gy[:, c], x[:, c].size
        centred = x[:, c] - x[:, c].mean()
        std = np.sqrt((centred**2).mean() + eps)
        gweight[c], gbias[c] = (d * centred / std).sum(), d.sum()
        g = d * weight[c]
        gvar = (-0.5 * g * centred / std**3).sum()
        gcentred = g / std + gvar * 2 * centred / m
        gx[:, c] = gcentred - gcentred.mean()
    return gx, gweight, gbias


def backward_in_one_formula(gy, x, weight, bias, eps):
    axes = (0, *range(2, x.ndim))
    shape, m = (1, -1) + (1,) * (x.ndim - 2), x.size / x.shape[1]
    inv = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    xhat = (x - x.mean(axis=axes, keepdims=True)) * inv
    gbias, gweight = gy.sum(axis=axes), np.sum(gy * xhat, axis=axes)
    inner = m * gy - gbias.reshape(shape) - xhat * gweight.reshape(shape)
    return weight.reshape(shape) * inv / m * inner, gweight, gbias


def layer_with_count(x, weight, bias, running_mean, running_var, training, momentum, eps):
    if not training:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = weight / np.sqrt(running_var + eps)
        return x * scale.reshape(shape) + (bias - running_mean * scale).reshape(shape)
    axes, m = (0, *range(2, x.ndim)), x.size // x.shape[1]
    running_mean[:] = (1 - momentum) * running_mean + momentum * x.mean(axes)
    running_var[:] = (1 - momentum) * running_var + momentum * x.var(axes) * m / (m - 1)
    return forward_by_channel(x, weight, bias, eps)


ALTERNATIVES = {
    "14.1": [{"he_normal": he_by_normal}],
    "14.2": [{"batch_norm_forward": f} for f in (forward_as_rows, forward_by_channel)],
    "14.3": [{"batch_norm_backward": f} for f in (backward_in_steps, backward_in_one_formula)],
    "14.4": [{"batch_norm_layer": layer_with_count}],
}
SURVIVORS: dict[str, str] = {}
