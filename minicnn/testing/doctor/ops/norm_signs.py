"""What wrong numbers of batch norm and layer norm say.

In every group that is normalised together, the right gx is a combination of three things,
gx = a g + b + c xhat, one for each path of the input. So is nearly every wrong one: the three
coefficients of a learner's gx, beside the right ones, show which path is missing or off, and by
how much, however the code is written.
"""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from ..case import Case
from ..op import Array, Call
from ..report import Sign
from .norm_rule import average, count
from .steps import Step, agree, explained, is_right, nearest, numbers, worst

PATHS = ("own", "mean", "variance")
MEANING = {
    ("1", "0", "1"): "mean-path-missing",
    ("1", "1", "0"): "variance-path-missing",
    ("1", "0", "0"): "statistics-constant",
    ("0", "1", "1"): "own-path-missing",
    ("0", "1", "0"): "own-path-missing",
    ("1", "M", "M"): "sum-for-mean",
    ("1", "M", "1"): "sum-for-mean",
    ("1", "1", "M"): "sum-for-mean",
    ("M", "M", "M"): "sum-for-mean",
    ("1", "-1", "1"): "path-sign-flipped",
    ("1", "1", "-1"): "path-sign-flipped",
    ("1", "-1", "-1"): "path-sign-flipped",
    ("1", "1", "M/(M-1)"): "unbiased-in-one-place",
    ("1", "1", "(M-1)/M"): "unbiased-in-one-place",
    ("1", "H*W", "H*W"): "count-is-batch-only",
    ("1", "H*W", "1"): "count-is-batch-only",
    ("1", "1", "H*W"): "count-is-batch-only",
    ("1/weight",) * 3: "weight-missing-in-gx",
    ("1/std",) * 3: "inverse-std-twice",
    ("std",) * 3: "inverse-std-missing-in-gx",
}


def in_groups(c: Call, a: Array) -> Array:
    """An array like x as (groups, M): one row for all that is normalised together."""
    keep = [i for i in range(c.x.ndim) if i not in c.axes]
    return np.broadcast_to(a, c.x.shape).transpose(*keep, *c.axes).reshape(-1, count(c))


def coefficients(target: Array, *basis: Array) -> Array | None:
    """The target as a combination of the basis in each group: (groups, len(basis)), or None."""
    matrix = np.stack(basis, -1)
    found = (np.linalg.pinv(matrix) @ target[..., None])[..., 0]
    residual = np.abs((matrix * found[:, None]).sum(-1) - target).max()
    return found if residual <= 1e-6 * np.abs(target).max() else None


def three_paths(case: Case) -> Iterator[Sign]:
    """The coefficients of the three paths."""
    if is_right(case, "x"):
        return
    c, (given, right) = case.call, numbers(case, "x")
    xhat, ones = in_groups(c, c.xhat), np.ones((c.x.size // count(c), count(c)))
    for g, key in ((case.gy * c.w, ""), (case.gy, "weight-missing-in-gx")):
        basis = in_groups(c, g), ones, xhat
        a, b = coefficients(in_groups(c, given), *basis), coefficients(in_groups(c, right), *basis)
        if key:
            plain = c.inv * (g - average(c, g) - c.xhat * average(c, g * c.xhat))
            if case.close(given, plain):
                yield case.sign(key, "gx", worst(given, right), 2)
        elif a is not None and b is not None:
            yield from meaning(case, a, b)


def meaning(case: Case, given: Array, right: Array) -> Iterator[Sign]:
    ratios = [given[:, i] / right[:, i] for i in range(3)]
    named = tuple(nearest(ratio, known_ratios(case)) for ratio in ratios)
    shown = ", ".join(
        f"{path} {right[0, i]:.4g} became {given[0, i]:.4g}" for i, path in enumerate(PATHS)
    )
    evidence = f"in gx = a g + b + c xhat, group 0: {shown} ({', '.join(named)} times)"
    c = case.call
    shift = (given[:, 1] - right[:, 1]) / right[:, 2]
    if named[0] == "1" and np.allclose(shift, in_groups(c, c.mean)[:, 0], rtol=1e-5):
        yield case.sign("x-for-xhat", "gx", evidence, 2)
    elif named[0] == "std without eps":
        yield case.sign("eps-missing-in-backward", "gx", evidence, 2)
    elif named[0] in ("biased for unbiased std", "unbiased for biased std"):
        yield case.sign("unbiased-in-one-place", "gx", evidence, 2)
    elif named in MEANING:
        yield case.sign(MEANING[named], "gx", evidence, 2)
    elif len(set(named)) > 1 or named[0] == "?":
        for path, name in zip(PATHS, named, strict=True):
            if name != "1":
                how = {"?": "wrong", "0": "missing"}.get(name, f"scaled:{name}")
                yield case.sign(f"{path}-path-{how}", "gx", evidence, 2)


def known_ratios(case: Case) -> dict[str, float | Array]:
    """The numbers by which a path may be off, one or one per group."""
    c, m = case.call, count(case.call)
    std = in_groups(c, 1 / c.inv)[:, 0]
    unbiased = np.sqrt((std**2 - c.eps) * m / (m - 1) + c.eps)
    found: dict[str, float | Array] = {
        "1": 1, "0": 0, "-1": -1, "2": 2, "1/2": 0.5, "-2": -2, "M": m, "1/M": 1 / m,
        "M/(M-1)": m / (m - 1), "(M-1)/M": (m - 1) / m, "std": std, "1/std": 1 / std,
        "std^2": std**2, "1/std^2": std**-2, "-std": -std,
        "std without eps": std / np.sqrt(std**2 - c.eps),
        "unbiased for biased std": std / unbiased, "biased for unbiased std": unbiased / std,
    }  # fmt: skip
    if 0 in c.axes:
        weight = in_groups(c, c.w)[:, 0]
        found |= {"1/weight": 1 / weight, "weight": weight, "H*W": m / len(c.x)}
    return found


def backward_axes(case: Case) -> Iterator[Sign]:
    """Right but for the axes over which the backward pass averages, in one path or in both."""
    if is_right(case, "x"):
        return
    c, g = case.call, case.gy * case.call.w
    axes = [("", (c.axes, 1.0))]
    for other in other_axes(c):
        n = np.prod([c.x.shape[i] for i in other]) / count(c)
        axes += [("backward-axes", (other, 1.0)), ("backward-axes", (other, n))]

    def gx(for_mean: tuple, for_variance: tuple) -> Array:
        mean, slope = (
            a.mean(over, keepdims=True) * n
            for a, (over, n) in ((g, for_mean), (g * c.xhat, for_variance))
        )
        return c.inv * (g - mean - c.xhat * slope)

    yield from explained(case, "x", (axes, axes), gx)


def other_axes(c: Call) -> Iterator[tuple[int, ...]]:
    for n in range(1, c.x.ndim + 1):
        yield from (axes for axes in combinations(range(c.x.ndim), n) if axes != c.axes)


def forward_axes(case: Case) -> Iterator[Sign]:
    """Mean, variance or both over other axes; the variance is about the mean that was taken."""
    if is_right(case, "forward"):
        return
    c = case.call
    every = [c.axes, *other_axes(c)]
    for of_mean, of_variance in product(every, every):
        centred = c.x - c.x.mean(of_mean, keepdims=True)
        variance = (centred**2).mean(of_variance, keepdims=True)
        if agree(case, "forward", c.w * centred / np.sqrt(variance + c.eps) + c.b):
            evidence = f"mean over axes {of_mean}, variance over {of_variance}; right: {c.axes}"
            wrong = of_variance if of_mean == c.axes else of_mean
            yield from (case.sign(key, "forward", evidence, 2) for key in axes_bugs(c, wrong))


def axes_bugs(c: Call, axes: tuple[int, ...]) -> list[str]:
    if 0 not in c.axes:  # layer norm
        return ["layer-norm-over-batch" if 0 in axes else "statistics-wrong-axes"]
    found = ["statistics-mix-channels"] if 1 in axes else []
    found += ["statistics-per-sample"] if 0 not in axes else []
    return found or ["spatial-axes-missing"]


def spreads(c: Call) -> Step:
    """What x - mean is divided by."""
    v, unbiased = (c.x.var(c.axes, keepdims=True, ddof=ddof) for ddof in (0, 1))
    return (
        ("", np.sqrt(v + c.eps)),
        ("unbiased-variance", np.sqrt(unbiased + c.eps)),
        ("eps-outside-root", np.sqrt(v) + c.eps),
        ("eps-missing", np.sqrt(v)),
        ("variance-for-std", v + c.eps),
        ("std-not-divided", np.ones_like(v)),
        ("std-not-divided", 1 / np.sqrt(v + c.eps)),
        *(("eps-other", np.sqrt(v + eps)) for eps in (1e-3, 1e-5, 1e-6, 1e-7, 1e-8)),
    )


def forward_steps(case: Case) -> Iterator[Sign]:
    """Which step of the forward pass is wrong: mean, spread, weight or bias."""
    c = case.call
    centre: Step = (("", c.mean), ("mean-not-subtracted", 0 * c.mean))
    scale: Step = (("", c.w), ("weight-missing", 1.0))
    shift: Step = (
        ("", c.b),
        ("norm-bias-missing", 0.0),
        ("bias-sign", -c.b),
        ("bias-scaled", c.w * c.b),
    )
    yield from explained(
        case, "forward", (spreads(c), centre, scale, shift),
        lambda std, mean, w, b: w * (c.x - mean) / std + b,
    )  # fmt: skip
    yield from forward_count(case)
    yield from running_statistics(case)


def forward_count(case: Case) -> Iterator[Sign]:
    """Sums over the right axes, divided by the wrong count, in mean, variance or both."""
    c, m = case.call, count(case.call)
    n = len(c.x)
    counts: Step = (
        ("", m), ("count-is-batch-only" if 0 in c.axes else "count-wrong", n),
        ("count-wrong", c.x.size), ("count-wrong", c.weight.size), ("count-wrong", 1),
    )  # fmt: skip

    def y(of_mean: int, of_variance: int) -> Array:
        centred = c.x - c.x.sum(c.axes, keepdims=True) / of_mean
        variance = (centred**2).sum(c.axes, keepdims=True) / of_variance
        return c.w * centred / np.sqrt(variance + c.eps) + c.b

    yield from explained(case, "forward", (counts, counts), y)


def running_statistics(case: Case) -> Iterator[Sign]:
    """The same fixed part of the batch's mean in every channel, and a spread to match."""
    c = case.call
    if 0 not in c.axes or is_right(case, "forward"):
        return
    z = in_groups(c, (case.y - c.b) / c.w)
    found = coefficients(z, in_groups(c, c.x), np.ones_like(z))
    if found is None:
        return
    part = -found[:, 1] / found[:, 0] / in_groups(c, c.mean)[:, 0]
    left = found[:, 0] ** -2 - c.eps - 1
    moved = [
        left / (in_groups(c, c.x.var(c.axes, keepdims=True, ddof=d))[:, 0] - 1) for d in (0, 1)
    ]
    if any(np.ptp(a) < 1e-6 and np.allclose(a, part, atol=1e-6) for a in moved) and part[0] < 0.99:
        evidence = f"the mean subtracted is {part[0]:.3g} times that of the batch in every channel"
        yield case.sign("running-statistics", "forward", evidence, 2)


def parameters(case: Case) -> Iterator[Sign]:
    """The gradients of weight and bias, by what is summed and what it is multiplied with."""
    c, gy = case.call, case.gy
    swapped = "parameter-gradients-swapped"
    times: Step = (
        ("", c.xhat), ("gweight-uses-x", c.x), ("gweight-uses-centred", c.x - c.mean),
        ("gweight-uses-y", c.y), (swapped, 1.0),
    )  # fmt: skip
    own: Step = (("", 1.0), ("gweight-times-weight", c.w))
    total: Step = (("", 1.0), ("parameter-gradient-averaged", c.weight.size / c.x.size))
    yield from explained(
        case, "weight", (times, own, total), lambda a, w, n: (gy * a * w).sum(c.rest) * n
    )
    times = (("", 1.0), (swapped, c.xhat), ("gbias-times-weight", c.w))
    yield from explained(case, "bias", (times, total), lambda a, n: (gy * a).sum(c.rest) * n)
