"""Lesson 03: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def unbroadcast_axis_by_axis(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def unbroadcast_at_once(g, shape):
    padded = (1,) * (g.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i, (n, m) in enumerate(zip(padded, g.shape, strict=True)) if n != m)
    return g.sum(axis=axes).reshape(shape) if axes else g.reshape(shape)


def unbroadcast_in_loops(g, shape):
    out = np.zeros(shape, g.dtype)
    for index in np.ndindex(g.shape):
        place = tuple(0 if n == 1 else i for i, n in
                      zip(index[g.ndim - len(shape) :], shape, strict=True))  # fmt: skip
        out[place] += g[index]
    return out


def _axes(x, axis):
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    return tuple(int(a) % x.ndim for a in axes)


def mean_by_expand_dims(gy, x, axis=None, keepdims=False):
    axes = _axes(x, axis)
    n = np.prod([x.shape[a] for a in axes])
    if not keepdims:
        gy = np.expand_dims(gy, axes)
    return np.broadcast_to(gy / n, x.shape).copy()


def mean_by_repeat(gy, x, axis=None, keepdims=False):
    gx = gy if keepdims else np.expand_dims(gy, _axes(x, axis))
    for a in _axes(x, axis):
        gx = np.repeat(gx, x.shape[a], a) / x.shape[a]
    return gx


def max_to_the_first(gy, x, axis=None, keepdims=False):
    gx = np.zeros_like(x)
    if axis is None:
        gx[np.unravel_index(x.argmax(), x.shape)] = np.sum(gy)
        return gx
    gy = gy if keepdims else np.expand_dims(gy, axis)
    np.put_along_axis(gx, np.expand_dims(x.argmax(axis), axis), gy, axis)
    return gx


def max_by_where(gy, x, axis=None, keepdims=False):
    axes = _axes(x, axis)
    gy = gy if keepdims else np.expand_dims(gy, axes)
    wins = x == x.max(axes, keepdims=True)
    return np.where(wins, gy, 0) / wins.sum(axes, keepdims=True)


def getitem_by_bincount(gy, x, key):
    places = np.arange(x.size).reshape(x.shape)[key]
    counted = np.bincount(np.ravel(places), np.ravel(gy), x.size)
    return counted.reshape(x.shape).astype(x.dtype)


def getitem_in_a_loop(gy, x, key):
    gx = np.zeros(x.shape, x.dtype)
    flat = gx.reshape(-1)
    for place, g in zip(np.ravel(np.arange(x.size).reshape(x.shape)[key]), np.ravel(gy),
                        strict=True):  # fmt: skip
        flat[place] += g
    return gx


ALTERNATIVES = {
    "03.1": [{"unbroadcast": f} for f in (unbroadcast_axis_by_axis, unbroadcast_at_once,
                                          unbroadcast_in_loops)],
    "03.2": [{"mean_backward": f} for f in (mean_by_expand_dims, mean_by_repeat)],
    "03.3": [{"max_backward": f} for f in (max_to_the_first, max_by_where)],
    "03.4": [{"getitem_backward": f} for f in (getitem_by_bincount, getitem_in_a_loop)],
}  # fmt: skip
SURVIVORS = {
    "03.2: kept = x.sum(axis=axis, keepdims=True).shape  ->  "
    "kept = x.mean(axis=axis, keepdims=True).shape": "only the shape is used",
}
