"""Normalisation."""

import numpy as np

from . import naive
from .table import case, normal, positive, usual


def standardised(values, eps):
    """Mean 0, (biased) variance 1, of all values together."""
    centred = values - values.sum() / values.size
    return centred / np.sqrt((centred**2).sum() / values.size + eps)


def batch_norm(
    x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1,
    eps=1e-5, residual=0.0, activation=None,
):  # fmt: skip
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        if training or running_mean is None:
            y[:, c] = standardised(x[:, c], eps)
        else:
            y[:, c] = (x[:, c] - running_mean[c]) / (running_var[c] + eps) ** 0.5
        y[:, c] = y[:, c] * (1 if weight is None else weight[c]) + (0 if bias is None else bias[c])
    low, high = {None: (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}[activation]
    return np.clip(y + residual, low, high)


def torch_batch_norm(torch, *args, residual=0.0, activation=None, **named):
    y = torch.nn.functional.batch_norm(*args, **named) + residual
    return y if activation is None else getattr(torch.nn.functional, activation)(y)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    size = np.prod(normalized_shape, dtype=int)
    y = np.array([standardised(row, eps) for row in x.reshape(-1, size)]).reshape(x.shape)
    return y * (1 if weight is None else weight) + (0 if bias is None else bias)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    y, size = np.zeros(x.shape), x.shape[1] // num_groups
    for n in range(len(x)):
        for first in range(0, x.shape[1], size):
            group = slice(first, first + size)
            y[n, group] = standardised(x[n, group], eps)
    shape = (-1,) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def rows():
    yield usual("batch_norm", batch_norm)
    for shape in ((5, 2), (3, 2, 4), (2, 3, 3, 2), (2, 1, 2, 3)):
        c = shape[1]
        running = (normal(c), positive(c))
        affine = (normal(c), normal(c))
        for training in (True, False):
            yield case("batch_norm", (normal(*shape), *running, *affine), batch_norm, fixed=(1, 2),
                       training=training)  # fmt: skip
        yield case("batch_norm", (normal(*shape), *running), batch_norm, fixed=(1, 2),
                   training=True, eps=0.1)  # fmt: skip
        yield case("batch_norm", (normal(*shape), *running), batch_norm, fixed=(1, 2))
    small = (1 + 1e-3 * normal(4, 2), normal(2), positive(2), normal(2), normal(2))
    yield case("batch_norm", small, batch_norm, fixed=(1, 2), training=True, label="small variance")
    yield from fused()
    yield from others()


def fused():
    """With what often follows: a residual and an activation."""
    for shape in ((7, 3), (2, 3, 3, 2)):
        c = shape[1]
        params = (normal(c), positive(c), 1 + 2 * positive(c), 2 + normal(c))
        for training in (True, False):
            for activation in (None, "relu", "relu6"):
                options = {"training": training, "activation": activation}
                yield case("batch_norm", (normal(*shape), *params, normal(*shape)), batch_norm,
                           fixed=(1, 2), keywords=("residual",), torch=torch_batch_norm,
                           **options)  # fmt: skip
                if activation is not None:
                    yield case("batch_norm", (normal(*shape), *params), batch_norm, fixed=(1, 2),
                               torch=torch_batch_norm, **options)  # fmt: skip
        yield case("batch_norm", (normal(*shape), *params[:2]), batch_norm, fixed=(1, 2),
                   torch=torch_batch_norm, training=True, activation="relu")  # fmt: skip


def others():
    names = ("weight", "bias")
    yield usual("layer_norm", layer_norm)
    for shape, last in (((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 2, 1, 3), (2, 1, 3))):
        yield case("layer_norm", (normal(*shape),), layer_norm, normalized_shape=last)
        yield case("layer_norm", (normal(*shape), normal(*last), normal(*last)), layer_norm,
                   keywords=names, normalized_shape=last, eps=0.01)  # fmt: skip
        yield case("layer_norm", (normal(*shape), normal(*last)), layer_norm, keywords=("weight",),
                   normalized_shape=last)  # fmt: skip
    yield usual("group_norm", group_norm)
    for groups in (1, 2, 4):
        x = normal(2, 4, 3, 2)
        yield case("group_norm", (x,), group_norm, num_groups=groups)
        yield case("group_norm", (x, normal(4), normal(4)), group_norm, keywords=names,
                   num_groups=groups, eps=0.01)  # fmt: skip
    yield case("group_norm", (normal(3, 4),), group_norm, num_groups=2)
    yield usual("local_response_norm", naive.local_response_norm)
    for size in (1, 2, 3, 4, 7):
        yield case("local_response_norm", (normal(2, 5, 2, 1),), naive.local_response_norm,
                   size=size, alpha=0.7, beta=0.6, k=1.5)  # fmt: skip
