"""Lesson 03: a gradient back to the shape before broadcasting, to a maximum, through an index."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from ...testing.doctor import OPS, Diagnosis, diagnose
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

Named = tuple[str, np.ndarray]  # a mistake, and what it gives
MOVED = "Entries that move"
BUGS = (
    Bug(
        "read-twice-added-once", "a place that is read twice gets one gradient only", 3, MOVED,
        ("What comes back to a number that was copied into two places?",
         "NumPy reads, adds and writes once for each place, however often the index names it.",
         "Look at how gy is written: an assignment to several equal indices keeps the last."),
    ),
    Bug(
        "everywhere-but-the-index", "places that were never read get a gradient", 3, MOVED,
        ("Does y change when an entry of x changes that was not picked?",
         "The gradient starts as zeros.",
         "Look at the array that you start with."),
    ),
)  # fmt: skip

# The shape after broadcasting, and the operand's before; the square ones hide a wrong axis.
SHAPES = (
    ((5, 3), (5, 3)), ((5, 3), (3,)), ((5, 3), (5, 1)), ((5, 3), (1, 3)), ((3, 3), (3,)),
    ((3, 3), (3, 1)), ((2, 5, 3), (5, 1)), ((2, 5, 3), (2, 1, 3)), ((2, 5, 3), ()), ((4,), (1,)),
    ((2, 5, 3), (1, 1)), ((3, 3, 3), (3, 3)), ((), ()),
)  # fmt: skip


def unbroadcast(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("unbroadcast", "gradient")
    rng = np.random.default_rng(seed)
    for large, small in SHAPES:
        g = np.asarray(rng.standard_normal(large))
        with exam.probe(f"{large} -> {small}"):
            mine = g.copy()
            found = functions["unbroadcast"](mine, small)
            exam.equal("gradient", found, _collected(g, small),
                       _equal_to(found, _wrong_ways(g, small)))  # fmt: skip
            exam.unchanged(g, mine, "g")
    _contract(exam, functions["unbroadcast"], rng)
    return exam.diagnosis()


def _contract(exam: Examination, function: Callable[..., Any], rng: Any) -> None:
    single = rng.standard_normal((5, 3)).astype(np.float32)
    with exam.probe("single precision"):
        dtype = np.asarray(function(single, (3,))).dtype
        exam.require(dtype == np.float32, "wrong-dtype", "gradient",
                     f"g is float32, the gradient is {dtype}")  # fmt: skip
    with exam.probe("g is a view of one number"):
        view = np.broadcast_to(rng.standard_normal(), (2, 5, 3))
        exam.equal("gradient", function(view, (5, 1)), _collected(view, (5, 1)))


def _collected(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Every entry of g added to the entry of the operand that it is a copy of, one by one."""
    owner = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), g.shape)
    total = np.zeros(np.prod(shape, dtype=int))
    for i, value in zip(owner.ravel(), g.ravel(), strict=True):
        total[i] += value
    return total.reshape(shape)


def _wrong_ways(g: np.ndarray, shape: tuple[int, ...]) -> Iterator[Named]:
    front, size = g.ndim - len(shape), np.prod(shape)
    lead = tuple(range(front))
    ones = tuple(front + i for i, n in enumerate(shape) if n == 1)
    yield "broadcast-not-summed", g
    yield "broadcast-not-summed", g.sum(axis=lead)
    yield "broadcast-not-summed", g.sum(axis=ones, keepdims=True)
    yield "keepdims-lost", _collected(g, shape).squeeze()
    yield "broadcast-averaged", _collected(g, shape) * (size / g.size)
    yield "first-copy-only", g[(0,) * front + tuple(slice(0, 1 if n == 1 else n) for n in shape)]
    for axes in combinations(range(g.ndim), len(lead + ones)):
        other = g.sum(axis=axes)
        if axes != lead + ones and other.size == size:
            yield "broadcast-summed-over-wrong-axis", other.reshape(shape)


def _equal_to(given: Any, named: Iterable[Named]) -> dict[str, np.ndarray]:
    """Of the mistakes, each with a name and its result, those whose result was given."""
    same = np.shape(given)
    return {bug: a for bug, a in named if a.shape == same and np.allclose(a, given)}


def max_backward(functions: Functions, seed: int) -> Diagnosis:
    """By the doctor; whoever gets the gradient of a tie, the one answer that fits best counts."""
    found = []
    for ties in ("share", *OPS["max"].conventions["ties"]):
        found.append(_by_doctor(functions["max_backward"], seed, ties))
        if found[-1].ok:
            return found[-1]
    return min(found, key=lambda diagnosis: len(diagnosis.findings))


def _by_doctor(function: Callable[..., Any], seed: int, ties: str) -> Diagnosis:
    def forward(x: np.ndarray, **options: Any) -> np.ndarray:
        return np.asarray(x.max(**options))

    found = diagnose("max", forward, function, seed=seed, ties=ties)
    return replace(found, parts={"gx": found.parts["gx"]})


def _mutant(mutant: Any) -> Callable[..., np.ndarray]:
    def backward(gy: np.ndarray, x: np.ndarray, **options: Any) -> np.ndarray:
        return OPS["max"].run({"x": x}, options, mutant)[1](gy)["x"]

    return backward


KEYS: dict[str, Any] = {
    "a slice": (slice(1, 6, 2), slice(None)), "one row": 2, "one entry": (3, 1),
    "rows in another order": np.array([4, 0, 2]), "a row twice": np.array([1, 5, 1, 1]),
    "entries, one twice": (np.array([0, 2, 0, 6]), np.array([1, 3, 1, 0])),
    "a list from the end": [-1, 0, -1], "a mask": None, "everything": ..., "none": slice(0, 0),
}  # fmt: skip


def getitem_backward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("getitem_backward", "gx")
    rng = np.random.default_rng(seed)
    for name, key in KEYS.items():
        x = rng.standard_normal((7, 4))
        key = x > 0.2 if key is None else key
        gy = np.asarray(rng.standard_normal(np.shape(x[key])))
        with exam.probe(name):
            mine = gy.copy(), x.copy()
            found = functions["getitem_backward"](*mine, key)
            exam.equal("gx", found, _scattered(gy, x, key),
                       _equal_to(found, _wrong_places(gy, x, key)))  # fmt: skip
            exam.unchanged(gy, mine[0], "gy")
            exam.unchanged(x, mine[1], "x")
    with exam.probe("single precision"):
        x = rng.standard_normal((3, 2)).astype(np.float32)
        dtype = np.asarray(functions["getitem_backward"](x[:2], x, slice(0, 2))).dtype
        exam.require(dtype == np.float32, "wrong-dtype", "gx", f"x is float32, gx is {dtype}")
    return exam.diagnosis()


def _scattered(gy: np.ndarray, x: np.ndarray, key: Any) -> np.ndarray:
    """A loop over the entries of y: from which entry of x was it read?"""
    gx = np.zeros(x.size)
    places = np.arange(x.size).reshape(x.shape)[key]
    for place, g in zip(np.ravel(places), np.ravel(gy), strict=True):
        gx[place] += g
    return gx.reshape(x.shape)


def _wrong_places(gy: np.ndarray, x: np.ndarray, key: Any) -> Iterator[Named]:
    for start in (np.zeros_like(x), np.ones_like(x), x):
        last, added = start.copy(), start.copy()
        last[key] = gy
        np.add.at(added, key, gy)
        if start.any():
            yield "everywhere-but-the-index", last
            yield "everywhere-but-the-index", added
        else:
            yield "read-twice-added-once", last
            np.add.at(start, key, 1.0)
            yield "ignores-upstream", start


def _by_assignment(gy: np.ndarray, x: np.ndarray, key: Any) -> np.ndarray:
    gx = np.zeros_like(x)
    gx[key] += gy
    return gx


def _into(start: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The right way, but beginning with another array than zeros."""

    def backward(gy: np.ndarray, x: np.ndarray, key: Any) -> np.ndarray:
        gx = start(x)
        np.add.at(gx, key, gy)
        return gx

    return backward


def _front(g: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(g.ndim - len(shape)))


def _stretched(g: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i - len(shape) for i, n in enumerate(shape) if n == 1)


def _from_the_end(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    return g.sum(axis=_stretched(g, shape), keepdims=True)


def _averaged(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return g.mean(axis=_front(g, shape)).mean(axis=_stretched(g, shape), keepdims=True)


def _in_place(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    right = _collected(g, shape)
    g *= 2
    return right


def _squeezed(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return g.sum(axis=_front(g, shape) + _stretched(g, shape))


def _first(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    for _ in range(g.ndim - len(shape)):
        g = g[0]
    return g[tuple(slice(0, 1 if n == 1 else n) for n in shape)]


_WRONG_WAYS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("broadcast-not-summed", lambda g, shape: g),
    ("broadcast-not-summed", lambda g, shape: g.sum(axis=_front(g, shape))),
    ("broadcast-not-summed", lambda g, shape: g.sum(axis=_stretched(g, shape), keepdims=True)),
    ("broadcast-averaged", _averaged),
    ("broadcast-summed-over-wrong-axis", _from_the_end),
    ("first-copy-only", _first),
    ("keepdims-lost", _squeezed),
    ("changes-input", _in_place),
    ("wrong-dtype", lambda g, shape: _collected(g, shape)),
    ("returns-none", lambda g, shape: None),
    ("raises", lambda g, shape: g.reshape(shape)),
)
_WRONG_PLACES: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("read-twice-added-once", _by_assignment),
    ("everywhere-but-the-index", _into(np.copy)),
    ("everywhere-but-the-index", _into(np.ones_like)),
    ("ignores-upstream", lambda gy, x, key: _scattered(np.ones_like(gy), x, key)),
    ("wrong-shape", lambda gy, x, key: gy),
    ("wrong-dtype", _scattered),
    ("returns-none", lambda gy, x, key: None),
)
CHECKS = {
    "unbroadcast": Check(
        unbroadcast, tuple(Wrong(bug, {"unbroadcast": f}) for bug, f in _WRONG_WAYS)
    ),
    "max_backward": Check(
        max_backward,
        tuple(Wrong(m.bug, {"max_backward": _mutant(m)}, m.also)
              for m in OPS["max"].mutants if not m.forward),
    ),
    "getitem_backward": Check(
        getitem_backward, tuple(Wrong(bug, {"getitem_backward": f}) for bug, f in _WRONG_PLACES)
    ),
}  # fmt: skip
