"""Typical bugs of batch norm and layer norm."""

from collections.abc import Callable

import numpy as np

from ..op import Array, Call, Gradient, Mutant
from .norm_rule import Number, average, batch, count, layer, norm, one, paths, variance, zero

Layout = Callable[[Call], None]


def gx(bug: Callable[[Array, Call], Array]) -> dict[str, Gradient]:
    return {"x": bug}


def without_weight(gy: Array, c: Call) -> Array:
    return c.inv * (gy - average(c, gy) - c.xhat * average(c, gy * c.xhat))


def x_for_xhat(gy: Array, c: Call) -> Array:
    g = gy * c.w
    return c.inv * (g - average(c, g) - c.x * average(c, g * c.xhat))


def mean_of_raw_gradient(gy: Array, c: Call) -> Array:
    g = gy * c.w
    return c.inv * (g - average(c, gy) - c.xhat * average(c, g * c.xhat))


def not_centred(gy: Array, c: Call) -> Array:
    """For y = weight * x / std + bias."""
    g, centred = gy * c.w, c.x - average(c, c.x)
    return c.inv * g - c.inv**3 * centred * average(c, g * c.x)


def over_batch_only(gy: Array, c: Call) -> Array:
    g = gy * c.w
    mean, slope = g.mean(0, keepdims=True), (g * c.xhat).mean(0, keepdims=True)
    return c.inv * (g - mean - c.xhat * slope)


def std(c: Call) -> Array:
    return 1 / c.inv


def correction(c: Call) -> float:
    return count(c) / (count(c) - 1)


def no_mean(c: Call) -> Array:
    return np.zeros_like(average(c, c.x))


PATHS: tuple[tuple[str, str, Gradient], ...] = (
    ("no mean path", "mean-path-missing", paths(mean=zero)),
    ("no variance path", "variance-path-missing", paths(variance=zero)),
    ("statistics constant", "statistics-constant", paths(mean=zero, variance=zero)),
    ("no own path", "own-path-missing", paths(own=zero)),
    ("sums for means", "sum-for-mean", paths(mean=count, variance=count)),
    ("sum in mean path", "sum-for-mean", paths(mean=count)),
    ("sum in variance path", "sum-for-mean", paths(variance=count)),
    ("formula not over M", "sum-for-mean", paths(count, count, count)),
    ("M lost before g", "own-path-scaled:1/M", paths(own=lambda c: 1 / count(c))),
    ("mean path plus", "path-sign-flipped", paths(mean=lambda c: -1.0)),
    ("variance path plus", "path-sign-flipped", paths(variance=lambda c: -1.0)),
    ("both paths plus", "path-sign-flipped", paths(one, lambda c: -1.0, lambda c: -1.0)),
    ("two lost in variance path", "variance-path-scaled:1/2", paths(variance=lambda c: 0.5)),
    ("half lost in variance path", "variance-path-scaled:2", paths(variance=lambda c: 2.0)),
    ("centred for normalised", "variance-path-scaled:std", paths(variance=std)),
    ("inverse squared not cubed", "variance-path-scaled:std", paths(variance=std)),
    ("inverse not cubed", "variance-path-scaled:std^2", paths(variance=lambda c: std(c) ** 2)),
    ("unbiased backward", "unbiased-in-one-place", paths(variance=correction)),
    ("no weight", "weight-missing-in-gx", without_weight),
    ("one over var", "inverse-std-twice", paths(*(lambda c: c.inv,) * 3)),
    ("no inverse std", "inverse-std-missing-in-gx", paths(std, std, std)),
    ("x for xhat", "x-for-xhat", x_for_xhat),
    ("no weight in mean path", "mean-path-wrong", mean_of_raw_gradient),
)


def backward_mutants() -> tuple[Mutant, ...]:
    also = {"mean-path-wrong": ("mean-path-scaled:1/weight",)}
    found = [Mutant(n, bug, gradients=gx(rule), also=also.get(bug, ())) for n, bug, rule in PATHS]
    return (*found, *PARAMETERS)


PARAMETERS = (
    Mutant(
        "gweight from x", "gweight-uses-x",
        gradients={"weight": lambda gy, c: (gy * c.x).sum(c.rest)},
    ),
    Mutant(
        "gweight from centred x", "gweight-uses-centred",
        gradients={"weight": lambda gy, c: (gy * (c.x - c.mean)).sum(c.rest)},
    ),
    Mutant(
        "gweight from y", "gweight-uses-y",
        gradients={"weight": lambda gy, c: (gy * c.y).sum(c.rest)},
    ),
    Mutant(
        "gweight times weight", "gweight-times-weight",
        gradients={"weight": lambda gy, c: (gy * c.xhat * c.w).sum(c.rest)},
    ),
    Mutant(
        "gweight mean", "parameter-gradient-averaged",
        gradients={"weight": lambda gy, c: (gy * c.xhat).mean(c.rest)},
    ),
    Mutant(
        "gbias mean", "parameter-gradient-averaged",
        gradients={"bias": lambda gy, c: gy.mean(c.rest)},
    ),
    Mutant(
        "parameters swapped", "parameter-gradients-swapped",
        gradients={
            "weight": lambda gy, c: gy.sum(c.rest), "bias": lambda gy, c: (gy * c.xhat).sum(c.rest)
        },
    ),
    Mutant(
        "gbias times weight", "gbias-times-weight",
        gradients={"bias": lambda gy, c: (gy * c.w).sum(c.rest)},
    ),
)  # fmt: skip


def forward_mutants(layout: Layout) -> tuple[Mutant, ...]:
    """The gradients are those of the wrong forward pass, except where the name says otherwise."""

    def inv(bug: Number) -> Callable[[Call], Array]:
        return norm(layout, inv=bug)

    def unbiased(c: Call) -> Array:
        return 1 / np.sqrt(variance(c, ddof=1) + c.eps)

    def constant(c: Call) -> Array:
        return np.ones_like(variance(c))

    return (
        Mutant("unbiased", "unbiased-variance", inv(unbiased), gx(paths(variance=correction))),
        Mutant("unbiased forward", "unbiased-variance", inv(unbiased), {},
               also=("unbiased-in-one-place",)),
        Mutant("eps outside", "eps-outside-root", inv(lambda c: 1 / (np.sqrt(variance(c)) + c.eps)),
               gx(paths(variance=lambda c: 1 / (c.inv * np.sqrt(variance(c)))))),
        Mutant("eps missing", "eps-missing", inv(lambda c: 1 / np.sqrt(variance(c)))),
        Mutant("eps fixed", "eps-other", inv(lambda c: 1 / np.sqrt(variance(c) + 1e-8))),
        Mutant("variance for std", "variance-for-std", inv(lambda c: 1 / (variance(c) + c.eps)),
               gx(paths(variance=lambda c: 2 / c.inv))),
        Mutant("times std", "std-not-divided", inv(lambda c: np.sqrt(variance(c) + c.eps)),
               gx(paths(variance=lambda c: -(c.inv**-4)))),
        Mutant("not divided", "std-not-divided", inv(constant), gx(paths(variance=zero))),
        Mutant("mean kept", "mean-not-subtracted", norm(layout, mean=no_mean), gx(not_centred)),
        Mutant("weight missing", "weight-missing", norm(layout, y=lambda c: c.xhat + c.b)),
        Mutant("bias missing", "norm-bias-missing", norm(layout, y=lambda c: c.w * c.xhat)),
        Mutant("bias subtracted", "bias-sign", norm(layout, y=lambda c: c.w * c.xhat - c.b)),
        Mutant("bias inside", "bias-scaled", norm(layout, y=lambda c: c.w * (c.xhat + c.b))),
    )  # fmt: skip


def new_inverse(c: Call) -> Array:
    return 1 / np.sqrt(np.ones_like(variance(c)) + c.eps)


def running_inverse(c: Call) -> Array:
    return 1 / np.sqrt(0.9 + 0.1 * variance(c, ddof=1) + c.eps)


FIXED = {"x": paths(mean=zero, variance=zero)}
BATCH_MUTANTS = (
    *backward_mutants(),
    *forward_mutants(batch),
    Mutant("M is N", "count-is-batch-only", gradients=gx(
        paths(mean=lambda c: count(c) / len(c.x), variance=lambda c: count(c) / len(c.x)))),
    Mutant("backward over the batch only", "backward-axes", gradients=gx(over_batch_only)),
    Mutant("no spatial axes", "spatial-axes-missing", norm(batch, axes=lambda c: (0,))),
    Mutant("over channels", "statistics-mix-channels", norm(batch, axes=lambda c: (1,)),
           also=("statistics-per-sample",)),
    Mutant("over everything", "statistics-mix-channels",
           norm(batch, axes=lambda c: tuple(range(c.x.ndim)))),
    Mutant("all but the batch", "statistics-per-sample",
           norm(batch, axes=lambda c: tuple(range(1, c.x.ndim))),
           also=("statistics-mix-channels",)),
    Mutant("running statistics, new", "running-statistics",
           norm(batch, mean=no_mean, inv=new_inverse), FIXED),
    Mutant("running statistics, updated", "running-statistics",
           norm(batch, mean=lambda c: 0.1 * average(c, c.x), inv=running_inverse), FIXED,
           also=("statistics-constant",)),
)  # fmt: skip
LAYER_MUTANTS = (
    *backward_mutants(),
    *forward_mutants(layer),
    Mutant("over the batch", "layer-norm-over-batch", norm(layer, axes=lambda c: (0,))),
    Mutant("over everything", "layer-norm-over-batch",
           norm(layer, axes=lambda c: tuple(range(c.x.ndim)))),
    Mutant("over all but the batch", "statistics-wrong-axes",
           norm(layer, axes=lambda c: tuple(range(1, c.x.ndim)))),
    Mutant("over axis 1", "statistics-wrong-axes", norm(layer, axes=lambda c: (1,))),
)  # fmt: skip
