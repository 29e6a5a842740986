"""Reductions and softmax."""

import math

import numpy as np
from scipy import special

from .table import case, normal, usual

DIMS = (None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2))


def over(f):
    """A reduction from a function of a list of numbers."""

    def reduce(x, dim=None, keepdim=False, **options):
        dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
        axes = {d % x.ndim for d in dims} if x.ndim else set()
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        y = np.zeros(kept)
        for index in np.ndindex(kept):
            part = tuple(slice(None) if i in axes else n for i, n in enumerate(index))
            y[index] = f([float(v) for v in np.ravel(x[part])], **options)
        return y if keepdim else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])

    return reduce


def mean(values):
    return math.fsum(values) / len(values)


def var(values, correction=1):
    m = mean(values)
    return math.fsum((v - m) ** 2 for v in values) / (len(values) - correction)


def logsumexp(values):
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


REDUCTIONS = {
    "sum": over(math.fsum), "mean": over(mean), "var": over(var), "max": over(max),
    "min": over(min), "logsumexp": over(logsumexp),
}  # fmt: skip


def in_torch(op):
    """torch's name for it; ties share the gradient in amax, not in max."""
    name = {"max": "amax", "min": "amin"}.get(op, op)

    def call(torch, x, dim=None, keepdim=False, **options):
        dim = tuple(range(x.ndim)) if dim is None else dim
        return getattr(torch, name)(x, dim=dim, keepdim=keepdim, **options)

    return call


def argmax(x, dim=None, keepdim=False):
    y = over(lambda values: values.index(max(values)))(x, dim, keepdim)
    return y.astype(np.int64)


def rows():
    for op, f in REDUCTIONS.items():
        yield usual(op, f, in_torch(op))
        for dim in DIMS:
            for keepdim in (False, True):
                x = normal(2, 3, 2)
                yield case(op, (x,), f, torch=in_torch(op), dim=dim, keepdim=keepdim)
        one_axis = (normal(4), normal(1, 3)) if op != "var" else (normal(4),)
        yield from (case(op, (x,), f, torch=in_torch(op)) for x in one_axis)
    for op in ("sum", "mean", "max", "min", "logsumexp"):
        yield case(op, (normal(),), REDUCTIONS[op], torch=in_torch(op))
    yield case("sum", (normal(0, 3),), REDUCTIONS["sum"], dim=0)
    yield case("var", (normal(2, 5),), over(var), torch=in_torch("var"), dim=1, correction=0)
    tie = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for op, x in (("max", tie), ("min", -tie)):
        yield case(op, (x,), REDUCTIONS[op], dim=1, torch=in_torch(op), label="ties", kinks=True)
        yield case(op, (x,), REDUCTIONS[op], torch=in_torch(op), label="ties of all", kinks=True)
    yield usual("argmax", argmax)
    for dim in (None, 0, -1):
        yield case("argmax", (normal(3, 4),), argmax, dim=dim)
        yield case("argmax", (tie,), argmax, torch=None, dim=dim, keepdim=True, label=f"ties {dim}")
    yield from softmaxes()


def softmaxes():
    far = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1001.0, -999.0]])
    for op in ("softmax", "log_softmax", "logsumexp"):
        f = {"softmax": special.softmax, "log_softmax": special.log_softmax,
             "logsumexp": special.logsumexp}[op]  # fmt: skip
        if op != "logsumexp":  # which is among the reductions
            yield usual(op, lambda x, dim, f=f: f(x, dim))
        for dim in (0, 1, -1):
            yield case(op, (normal(3, 4),), lambda x, dim, f=f: f(x, dim), dim=dim)
        yield case(op, (normal(2, 3, 2),), lambda x, dim, f=f: f(x, dim), dim=1)
        yield case(op, (normal(3, 1),), lambda x, dim, f=f: f(x, dim), dim=1)
        yield case(op, (far,), lambda x, dim, f=f: f(x, dim), dim=1, label="+-1000")
