"""Many numbers into few: sum, mean, max. Options: ``axis`` (None, int or tuple), ``keepdims``."""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Mutant, Op, Probe
from ..report import Sign
from .detect import equals, forward_equals, forward_is_right, proportional
from .draw import distinct, usual

ALIASES = {"dim": "axis", "axes": "axis", "keepdim": "keepdims"}


def kept(c: Call) -> tuple[int, ...]:
    """The shape of y with the reduced axes kept as 1."""
    return c.x.sum(axis=c.axis, keepdims=True).shape


def expand(gy: Array, c: Call) -> Array:
    """gy copied back along the reduced axes: (5,) -> (5, 1) -> (5, 3)"""
    return np.broadcast_to(np.reshape(gy, kept(c)), c.x.shape).copy()


def count(c: Call) -> float:
    """How many numbers go into one of y."""
    return c.x.size / np.size(c.y)


def _reductions(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    settings = {
        "first axis": ((5, 3), 0, False),
        "last axis": ((2, 5, 3), -1, False),
        "middle axis kept": ((2, 5, 3), 1, True),
        "square": ((3, 3), 1, False),
        "all": ((5, 3), None, False),
    }
    return [
        Probe(name, {"x": usual(rng, *shape)}, {"axis": axis, "keepdims": keepdims})
        for name, (shape, axis, keepdims) in settings.items()
    ]


def _probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed + 1)
    two = Probe("two axes", {"x": usual(rng, 2, 5, 3)}, {"axis": (0, 2), "keepdims": False})
    return [*_reductions(seed), two]


def _constants(c: Call) -> dict[str, float]:
    n = count(c)
    return {"n": n, "n/size": n / c.x.size, "n/length of axis 0": n / c.x.shape[0]}


# Ways of getting gy back to the shape of x that are wrong


def _untouched(gy: Array, c: Call) -> Array:
    return gy


def _by_itself(gy: Array, c: Call) -> Array:
    """What NumPy's broadcasting makes of it; right only where the first axis was reduced."""
    return np.ones_like(c.x) * gy


def _total(gy: Array, c: Call) -> Array:
    return np.full(c.x.shape, gy.sum())


def _first(gy: Array, c: Call) -> Array:
    return np.full(c.x.shape, np.ravel(gy)[0])


def _expanded(mask: Callable[[Call], Array | float]) -> Callable[[Case], Iterator[Sign]]:
    """A test for upstream gradients that went to the wrong places, whatever factor each has."""

    def test(case: Case) -> Iterator[Sign]:
        c, gy = case.call, np.asarray(case.gy)
        if "x" not in case.wrong() or not forward_is_right(case):
            return
        everywhere = np.ones_like(c.x) * mask(c)
        if gy.size > 1:
            yield from proportional(case, "x", {"upstream-collapsed": everywhere})
        for axis in range(c.x.ndim if gy.ndim == c.x.ndim - 1 else 0):
            at = np.expand_dims(gy, axis)
            if _fits(at, c.x) and not np.array_equal(at * everywhere, expand(gy, c) * everywhere):
                yield from proportional(case, "x", {"expanded-along-wrong-axis": at * everywhere})

    return test


def _one(c: Call) -> float:
    return 1.0


def _fits(a: Array, x: Array) -> bool:
    return a.ndim <= x.ndim and all(
        n in (1, m) for n, m in zip(a.shape[::-1], x.shape[::-1], strict=False)
    )


def _other_axis(case: Case) -> Iterator[Sign]:
    """The output of another axis, where it has the same shape."""
    c = case.call
    for axis in (None, *range(c.x.ndim)):
        if case.op and axis != c.axis:
            y, _, _ = case.op.run({"x": c.x}, {"axis": axis, "keepdims": c.keepdims})
            if np.shape(y) == np.shape(c.y):
                yield from forward_equals(case, {"reduced-wrong-axis": y})


def _total_forward(c: Call) -> Array:
    return np.asarray(c.x.sum(axis=0) if c.x.shape[0] == c.x.shape[-1] else c.x.sum(axis=c.axis))


sum = Op(
    "sum", {"x": ""}, "", aliases=ALIASES, probes=_probes, constants=_constants,
    forward=lambda c: c.x.sum(axis=c.axis, keepdims=c.keepdims),
    gradients={"x": expand},
    names={
        "gx ratio:1/n": "mean-rule-for-sum", "gx ratio:1/x.shape[0]": "mean-rule-for-sum",
         "forward-ratio:1/n": "mean-for-sum",
        "gx wrong-shape": "not-expanded", "ratio:-1": "sign-flipped",
    },
    detectors=(_expanded(_one), _other_axis),
    mutants=(
        Mutant("not_expanded", "not-expanded", gradients={"x": _untouched}, also=("wrong-shape",)),
        Mutant("expanded_by_numpy", "expanded-along-wrong-axis", gradients={"x": _by_itself},
               also=("raises",)),
        Mutant("collapsed", "upstream-collapsed", gradients={"x": _total}),
        Mutant("first_upstream", "upstream-collapsed", gradients={"x": _first}),
        Mutant("rule_of_mean", "mean-rule-for-sum",
               gradients={"x": lambda gy, c: expand(gy, c) / count(c)}),
        Mutant("mean", "mean-for-sum",
               forward=lambda c: c.x.mean(axis=c.axis, keepdims=c.keepdims)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: np.ones_like(c.x)}),
        Mutant("keepdims_ignored", "forward-shape", forward=lambda c: c.x.sum(axis=c.axis)),
        Mutant("axis_ignored", "forward-shape", forward=lambda c: np.asarray(c.x.sum()),
               gradients={"x": _total}),
        Mutant("first_axis_if_square", "reduced-wrong-axis", forward=_total_forward,
               also=("forward-shape",)),
    ),
)  # fmt: skip


def _mean_slope(name: str, bug: str, divisor: str) -> Mutant:
    divisors = {
        "1": lambda c: 1.0, "size": lambda c: c.x.size, "n n": lambda c: count(c) ** 2,
        "axis 0": lambda c: c.x.shape[0], "last axis": lambda c: c.x.shape[-1],
    }  # fmt: skip
    by = divisors[divisor]
    return Mutant(name, bug, gradients={"x": lambda gy, c: expand(gy, c) / by(c)})


mean = Op(
    "mean", {"x": ""}, "", aliases=ALIASES, probes=_probes,
    constants=lambda c: {**_constants(c), "n/length of the last axis": count(c) / c.x.shape[-1]},
    forward=lambda c: c.x.mean(axis=c.axis, keepdims=c.keepdims),
    gradients={"x": lambda gy, c: expand(gy, c) / count(c)},
    names={
        "gx ratio:n": "not-divided-by-count", "forward-ratio:n": "not-divided-by-count",
        "gx ratio:1/n": "divided-by-count-twice", "gx ratio:n/size": "divided-by-size",
        "gx ratio:n/length of axis 0": "divided-by-wrong-length",
        "gx ratio:n/length of the last axis": "divided-by-wrong-length",
        "forward-ratio:n/size": "divided-by-size",
        "forward-ratio:n/length of axis 0": "divided-by-wrong-length",
        "gx wrong-shape": "not-expanded", "ratio:-1": "sign-flipped",
    },
    detectors=(_expanded(_one), _other_axis),
    mutants=(
        _mean_slope("not_divided", "not-divided-by-count", "1"),
        _mean_slope("divided_by_size", "divided-by-size", "size"),
        _mean_slope("divided_twice", "divided-by-count-twice", "n n"),
        _mean_slope("length_of_axis_0", "divided-by-wrong-length", "axis 0"),
        _mean_slope("length_of_last_axis", "divided-by-wrong-length", "last axis"),
        Mutant("not_expanded", "not-expanded", also=("wrong-shape",),
               gradients={"x": lambda gy, c: gy / count(c)}),
        Mutant("expanded_by_numpy", "expanded-along-wrong-axis", also=("raises",),
               gradients={"x": lambda gy, c: _by_itself(gy, c) / count(c)}),
        Mutant("first_upstream", "upstream-collapsed",
               gradients={"x": lambda gy, c: _first(gy, c) / count(c)}),
        Mutant("sum", "not-divided-by-count",
               forward=lambda c: c.x.sum(axis=c.axis, keepdims=c.keepdims)),
        Mutant("axis_ignored", "forward-shape", forward=lambda c: np.asarray(c.x.mean()),
               gradients={"x": lambda gy, c: _total(gy, c) / c.x.size}),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: np.ones_like(c.x) / count(c)}),
    ),
)  # fmt: skip


# max: the winner takes the gradient


def wins(c: Call, ties: str) -> Array:
    """1 where x is the maximum; of equal ones the first or the last, or a share for each."""
    best = c.x == c.x.max(axis=c.axis, keepdims=True)
    if ties == "share":
        return best / best.sum(axis=c.axis, keepdims=True)
    flat = best.reshape(-1, 1) if c.axis is None else best
    axis = 0 if c.axis is None else c.axis
    ordered = np.flip(flat, axis) if ties == "last" else flat
    single = ordered & (ordered.cumsum(axis=axis) == 1)
    return (np.flip(single, axis) if ties == "last" else single).reshape(c.x.shape) * 1.0


def _max_probes(seed: int) -> list[Probe]:
    rng = np.random.default_rng(seed)
    apart = [
        Probe(p.name, {"x": distinct(rng, *p.inputs["x"].shape)}, p.options)
        for p in _reductions(seed)
    ]
    tied = np.array([[1.0, 4, 4, 0, 2], [3, -1, 3, 3, 2], [0, 0, 0, 0, 0]])
    return [*apart, Probe("ties", {"x": tied}, {"axis": 1, "keepdims": False}, kind="kink")]


def _max_patterns(case: Case) -> Iterator[Sign]:
    """Who gets the gradient: all ties, all entries, the winner of the whole array, the smallest."""
    c, gy = case.call, case.gy
    if "x" not in case.wrong() or not forward_is_right(case):
        return
    x, to = c.x, expand(gy, c)
    wrong = {
        "value-for-mask": to * x * wins(c, "first"),
        "minimum-for-maximum": to * (x == x.min(axis=c.axis, keepdims=True)),
        "gradient-to-every-entry": to,
    }
    if case.probe.kind == "kink":
        wrong["all-ties-get-the-gradient"] = to * (x == x.max(axis=c.axis, keepdims=True))
    else:
        wrong["maximum-of-the-whole-array"] = to * (x == x.max())
    for bug, candidate in wrong.items():
        if not case.close(candidate, case.right["x"]):
            yield from equals(case, "x", {bug: candidate})
    for all_of_them in (to, to * x):
        yield from proportional(case, "x", {"gradient-to-every-entry": all_of_them})


def _winner(name: str, bug: str, mask: str) -> Mutant:
    masks = {
        "ties": lambda c: c.x == c.x.max(axis=c.axis, keepdims=True),
        "whole": lambda c: c.x == c.x.max(),
        "smallest": lambda c: c.x == c.x.min(axis=c.axis, keepdims=True),
        "mean": lambda c: 1 / count(c),
        "all": lambda c: 1.0,
        "value": lambda c: wins(c, "first") * c.x,
    }
    return Mutant(name, bug, gradients={"x": lambda gy, c: expand(gy, c) * masks[mask](c)})


max = Op(
    "max", {"x": ""}, "", aliases=ALIASES, probes=_max_probes, constants=_constants,
    forward=lambda c: c.x.max(axis=c.axis, keepdims=c.keepdims),
    gradients={"x": lambda gy, c: expand(gy, c) * wins(c, getattr(c, "ties", "first"))},
    conventions={"ties": ("first", "last", "share")},
    names={"gx wrong-shape": "not-expanded", "ratio:-1": "sign-flipped"},
    detectors=(_expanded(lambda c: wins(c, "first")), _other_axis, _max_patterns),
    mutants=(
        _winner("all_ties", "all-ties-get-the-gradient", "ties"),
        _winner("whole_array", "maximum-of-the-whole-array", "whole"),
        _winner("smallest", "minimum-for-maximum", "smallest"),
        _winner("rule_of_mean", "gradient-to-every-entry", "mean"),
        _winner("no_mask", "gradient-to-every-entry", "all"),
        _winner("value", "value-for-mask", "value"),
        Mutant("not_expanded", "not-expanded", gradients={"x": _untouched}, also=("wrong-shape",)),
        Mutant("upstream_ignored", "ignores-upstream",
               gradients={"x": lambda gy, c: wins(c, "first")}),
        Mutant("first_upstream", "upstream-collapsed",
               gradients={"x": lambda gy, c: _first(gy, c) * wins(c, "first")}),
        Mutant("axis_ignored", "forward-shape", forward=lambda c: np.asarray(c.x.max()),
               gradients={"x": lambda gy, c: _total(gy, c) * (c.x == c.x.max())}),
    ),
)  # fmt: skip

OPS = (sum, mean, max)
