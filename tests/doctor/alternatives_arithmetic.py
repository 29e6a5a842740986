"""Arithmetic, reductions and the dense layer in other words; see `alternatives_a`."""

import numpy as np

# Broadcasting


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def spread(g, shape):
    """The sum over the copies as a loop that adds every entry of g to where it came from."""
    total = np.zeros(shape)
    origin = np.broadcast_to(np.arange(total.size).reshape(shape), g.shape)
    for value, at in zip(g.ravel(), origin.ravel(), strict=True):
        total.ravel()[at] += value
    return total


def add_backward(gy, a, b):
    return [unbroadcast(gy, a.shape), unbroadcast(gy, b.shape)]


def sub_forward(a, b):
    return np.add(a, -b), (a.shape, b.shape)


def sub_backward(gy, cache):
    return spread(gy, cache[0]), -spread(gy, cache[1])


def mul_forward(a, b):
    y = np.multiply(a, b)

    def rule(gy):
        whole_a, whole_b = np.broadcast_arrays(a, b)
        return unbroadcast(whole_b * gy, a.shape), unbroadcast(whole_a * gy, b.shape)

    return y, rule


def mul_loop(a, b):
    whole_a, whole_b = np.broadcast_arrays(a, b)
    y = np.zeros(whole_a.shape)
    for i in np.ndindex(y.shape):
        y[i] = whole_a[i] * whole_b[i]
    return y


def mul_loop_backward(gy, a, b):
    return spread(gy * b, a.shape), spread(gy * a, b.shape)


def div_backward(gy, a, b):
    inverse = 1.0 / b
    return spread(gy * inverse, a.shape), spread(-gy * a * inverse * inverse, b.shape)


# Functions


def pow_by_logarithm(x, exponent):
    """Signs beside, so that whole exponents of negative numbers are right."""
    with np.errstate(divide="ignore"):
        size = np.exp(exponent * np.log(np.abs(x)))
    return size * np.where((x < 0) & (exponent % 2 == 1), -1.0, 1.0)


def pow_backward(gy, x, exponent):
    return gy * exponent * np.power(x, exponent - 1.0)


def exp_rule(x):
    y = np.exp(x / 2) ** 2
    return y, lambda gy: gy * y


def log_forward(x):
    return np.log2(x) * np.log(2.0), x


def log_backward(gy, x):
    return np.divide(gy, x)


# Reductions


def sum_backward(gy, x, axis, keepdims):
    if axis is not None and not keepdims:
        gy = np.expand_dims(gy, axis)
    return gy * np.ones_like(x)


def mean_by_matrix(x, axis=None, keepdims=False):
    y = np.add.reduce(x, axis=None if axis is None else axis, keepdims=keepdims)
    n = x.size // y.size

    def rule(gy):
        back = np.asarray(gy) if keepdims or axis is None else np.expand_dims(gy, axis)
        return np.broadcast_to(back / n, x.shape)

    return y / n, rule


def max_forward(x, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims)


def max_first(gy, x, axis=None, keepdims=False):
    rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    g = np.zeros_like(rows)
    g[np.arange(len(rows)), rows.argmax(axis=1)] = np.ravel(gy)
    return _unrolled(g, x, axis)


def max_last(gy, x, axis=None, keepdims=False):
    rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    g = np.zeros_like(rows)
    for i, row in enumerate(rows):
        best = 0
        for j, value in enumerate(row):
            if value >= row[best]:
                best = j
        g[i, best] = np.ravel(gy)[i]
    return _unrolled(g, x, axis)


def _unrolled(g, x, axis):
    if axis is None:
        return g.reshape(x.shape)
    moved = np.moveaxis(x, axis, -1).shape
    return np.moveaxis(g.reshape(moved), -1, axis)


def max_shared(gy, x, axis=None, keepdims=False):
    best = x == x.max(axis=axis, keepdims=True)
    if axis is not None and not keepdims:
        gy = np.expand_dims(gy, axis)
    return gy * best / best.sum(axis=axis, keepdims=True)


# linear


def linear_einsum(x, weight, bias):
    return np.einsum("nd,od->no", x, weight) + bias[None]


def linear_einsum_backward(gy, x, weight, bias):
    return (
        np.einsum("no,od->nd", gy, weight), np.einsum("no,nd->od", gy, x), np.einsum("no->o", gy),
    )  # fmt: skip


def linear_loops(x, weight, bias):
    y = np.zeros((len(x), len(weight)))
    for n in range(len(x)):
        for o in range(len(weight)):
            y[n, o] = bias[o]
            for d in range(x.shape[1]):
                y[n, o] += weight[o, d] * x[n, d]
    return y, (x, weight)


def linear_loops_backward(gy, cache):
    x, weight = cache
    gx, gweight, gbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(len(weight))
    for n in range(len(x)):
        gx[n] = gy[n] @ weight
        gweight += np.outer(gy[n], x[n])
        gbias += gy[n]
    return gx, gweight, gbias


def linear_extended(x, weight, bias):
    """The bias as one more column of the weight."""
    rows = np.hstack([x, np.ones((len(x), 1))])
    table = np.hstack([weight, bias[:, None]])

    def rule(gy):
        both = gy.T @ rows
        return gy @ table[:, :-1], both[:, :-1], both[:, -1]

    return rows @ table.T, rule


# Single precision


def linear_single(x, weight, bias):
    x, weight, bias = (np.asarray(v, np.float32) for v in (x, weight, bias))
    return x @ weight.T + bias


def linear_single_backward(gy, x, weight, bias):
    return gy @ weight, gy.T @ x, gy.sum(axis=0)


SINGLE = {"dtype": "float32"}

ALTERNATIVES = {
    "add": [("while and for", np.add, add_backward, {})],
    "sub": [("plus minus b, loops", sub_forward, sub_backward, {})],
    "mul": [
        ("broadcast_arrays", mul_forward, None, {}),
        ("loops", mul_loop, mul_loop_backward, {}),
    ],
    "div": [("by the inverse", lambda a, b: a * (1.0 / b), div_backward, {})],
    "pow": [("by the logarithm", pow_by_logarithm, pow_backward, {})],
    "exp": [("square of the half", exp_rule, None, {})],
    "log": [("by base 2", log_forward, log_backward, {})],
    "sum": [("times ones", lambda x, axis, keepdims: x.sum(axis, keepdims=keepdims),
             sum_backward, {})],
    "mean": [("a view comes back", mean_by_matrix, None, {})],
    "max": [
        ("argmax", max_forward, max_first, {}),
        ("loops, the last of equals", max_forward, max_last, {"ties": "last"}),
        ("equals share", max_forward, max_shared, {"ties": "share"}),
    ],
    "linear": [
        ("einsum", linear_einsum, linear_einsum_backward, {}),
        ("loops", linear_loops, linear_loops_backward, {}),
        ("bias as a column", linear_extended, None, {}),
        ("single precision", linear_single, linear_single_backward, SINGLE),
    ],
}  # fmt: skip
