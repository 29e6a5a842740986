"""Lesson 02: the order of the backward pass, the pass itself, and what an op must remember."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .backward_mistakes import PASSES, RULES, SORTS
from .examination import Check, Examination, Functions
from .scalar import Example, engine_examined

ORDER, SAVED = "Backward in the right order", "What an op must remember"
BUGS = (
    Bug(
        "sort-not-values", "the order holds something that is no value of the graph", 2, ORDER,
        ("What should the list hold: values, their parents, or names?",
         "Print the types of what is in your list.",
         "Look at the line that appends to the list."),
    ),
    Bug(
        "sort-incomplete", "values of the graph are missing in the order", 2, ORDER,
        ("How many values has the graph of the evidence, with the leaves and the result?",
         "Print what is in your list, and what is not.",
         "Look at the condition under which a value gets into the list, and at what is left over."),
    ),
    Bug(
        "upstream-too-early", "the upstream gradient is read when the op runs, not in backward", 2,
        SAVED,
        ("What is the gradient of the result at the moment when it is made?",
         "The operands' numbers are wanted as they are now, the result's gradient as it is later.",
         "Look at which lines run at once, and which when the inner function is called."),
    ),
)  # fmt: skip
PARTS = ("start", "rules", "order", "second backward")


# The order


class Point:
    """A value of a graph without numbers; it counts how often its parents are asked for."""

    asked = 0

    def __init__(self, name: str, *parents: "Point") -> None:
        self.name, self._parents = name, parents

    @property
    def parents(self) -> tuple["Point", ...]:
        Point.asked += 1
        return self._parents

    def __repr__(self) -> str:
        return self.name


def _chain(length: int) -> Point:
    top = Point("x")
    for i in range(length):
        top = Point(f"step {i + 1}", top)
    return top


def _diamonds(count: int) -> Point:
    """Each level uses the one before it twice."""
    top, p, q = Point("x"), Point("p"), Point("q")
    for i in range(count):
        top = Point(f"sum {i + 1}", Point("left", top, p), Point("right", top, q))
    return top


def _random(rng: np.random.Generator) -> Point:
    """Each value uses one or two of those before it, the last one all that nobody has used."""
    points = [Point("a"), Point("b"), Point("c")]
    for i in range(8):
        chosen = rng.integers(0, len(points), rng.integers(1, 3))
        points.append(Point(f"v{i + 1}", *(points[k] for k in chosen)))
    used = {p for point in points for p in point.parents}
    return Point("y", *(p for p in points if p not in used))


def topological_sort(functions: Functions, seed: int) -> Diagnosis:
    sort = functions["topological_sort"]
    exam = Examination("topological_sort", "order")
    with exam.probe("m = a b; y = m + m c"):
        a, b, c = Point("a"), Point("b"), Point("c")
        m = Point("m", a, b)
        _contract(exam, sort, Point("y", m, Point("n", m, c)))
    if not (found := exam.diagnosis()).ok:
        return found
    engine = _engine(lambda value: _backward(value, list(sort(value))))
    found = engine_examined(engine, PARTS, seed, strict=True)
    if not found.ok:
        return found
    rng = np.random.default_rng(seed)
    for i in range(5):
        with exam.probe(f"random graph {i + 1}"):
            _complete(exam, sort, _random(rng))
    with exam.probe("one leaf alone"):
        _complete(exam, sort, Point("x"))
    with exam.probe("14 diamonds"):
        _cheap(exam, sort)
    with exam.probe("a chain of 5,000 ops"):
        _deep(exam, sort)
    return exam.diagnosis()


def _contract(exam: Examination, sort: Callable[[Any], Any], root: Point) -> None:
    order = sort(root)
    if order is None:
        exam.wrong("returns-none", "order", "the order is None; nothing was returned", 0)
        return
    for value in list(order):
        kind = type(value).__name__
        if not exam.require(isinstance(value, Point), "sort-not-values", "order",
                            f"the order holds a {kind}, {str(value)[:40]}"):  # fmt: skip
            return


def _complete(exam: Examination, sort: Callable[[Any], Any], root: Point) -> None:
    """All values once, each after those that use it."""
    order, there = list(sort(root)), _below(root)
    missing = sorted(p.name for p in there if p not in order)
    exam.require(not missing, "sort-incomplete", "order",
                 f"{len(there)} values, missing: {', '.join(missing)}")  # fmt: skip
    exam.require(len(order) <= len(there), "engine-visits-again", "order",
                 f"{len(there)} values, and {len(order)} in the order")  # fmt: skip
    place = {value: i for i, value in enumerate(order)}
    for value in order:
        for parent in value.parents:
            if place.get(parent, len(order)) < place[value]:
                exam.wrong("engine-order", "order", f"{parent} comes before {value}, which uses it")
                return


def _below(root: Point) -> set[Point]:
    found, todo = {root}, [root]
    while todo:
        new = set(todo.pop().parents) - found
        found |= new
        todo += new
    return found


def _cheap(exam: Examination, sort: Callable[[Any], Any]) -> None:
    """One more level costs as much as the last one, not twice as much."""
    counts = []
    for levels in (10, 14):
        root, Point.asked = _diamonds(levels), 0
        sort(root)
        counts.append(Point.asked)
    exam.require(counts[1] < 6 * counts[0], "engine-exponential", "order",
                 f"10 and 14 diamonds have 33 and 45 values; their parents were asked for "
                 f"{counts[0]:,} and {counts[1]:,} times")  # fmt: skip


def _deep(exam: Examination, sort: Callable[[Any], Any]) -> None:
    try:
        count = len(list(sort(_chain(5000))))
    except RecursionError:
        exam.wrong("engine-deep-chain", "order", "5,000 ops in a row: RecursionError", 0)
        return
    exam.require(count == 5001, "sort-incomplete", "order", f"{count} of 5,001 values")


# The pass


def backward(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("backward", "gradients")
    with exam.probe("m = a b; y = m + m c"):
        a, b, c = (Example(number) for number in (2.0, 3.0, 4.0))
        m = a * b
        order = _sorted(m + m * c)
        kept = list(order)
        functions["backward"](order)
        exam.require(kept[0].grad, "engine-no-seed", "gradients",
                     "y = m + m * c: the gradient of y is 0 afterwards")  # fmt: skip
        exam.require(kept == order, "changes-input", "gradients",
                     "the list has other entries after the call")  # fmt: skip
    if not (found := exam.diagnosis()).ok:
        return found
    engine = _engine(lambda value: functions["backward"](_sorted(value)))
    return engine_examined(engine, PARTS, seed, strict=True)


def _engine(run: Callable[[Any], None]) -> type:
    return type("Value", (Example,), {"backward": lambda self: run(self)})


def _sorted(value: Any) -> list[Any]:
    return sorted(_below(value), key=lambda v: -v.age)


def _backward(result: Any, order: list[Any]) -> None:
    """A right pass, but for the order that is given."""
    for value in order:
        value.grad = 0.0 if value.parents else value.grad
    result.grad = 1.0
    for value in order:
        value._backward()


# What an op remembers


def product_rule(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("product_rule", "gradients")
    rng = np.random.default_rng(seed)
    for name, square in (("out = a * b", False), ("out = a * a", True)):
        u, v, first, second, early, g, later = rng.uniform(0.5, 1.5, 7).tolist()
        v, second = (u, first) if square else (v, second)
        a = Example(u)
        b = a if square else Example(v)
        out = Example(u * v)
        a.grad, b.grad, out.grad = first, second, early
        with exam.probe(name):
            rule = functions["product_rule"](a, b, out)
            if rule is None:
                exam.wrong("returns-none", "gradients", "the rule is None; nothing was returned", 0)
                continue
            out.grad = g
            a.data, b.data = later, 2 * later
            rule()
            found = [a.grad, b.grad]
            parts = _parts(u, v, g, early, later, square)
            start = np.array([first, second])
            known = {bug: start + part for bug, part in parts.items() if bug}
            last = np.array([u * g, u * g] if square else [v * g, u * g])
            known["engine-overwrites"] = last
            exam.equal("gradients", found, start + parts[""], known, what=f"{name}, [da, db]")
            exam.require(a.data in (later, 2 * later), "changes-input", "a", "a.data has changed")
    return exam.diagnosis()


def _parts(
    u: float, v: float, g: float, early: float, later: float, square: bool
) -> dict[str, np.ndarray]:
    """What is added to both gradients, right ("") and with each known mistake."""
    now = (2 * later, 2 * later) if square else (2 * later, later)
    parts = {
        "": (v * g, u * g),
        "engine-late-read": (now[0] * g, now[1] * g),
        "engine-upstream-ignored:mul": (v, u),
        "upstream-too-early": (v * early, u * early),
        "engine-rule:mul": (u * g, v * g),
    }
    both = {bug: np.array([sum(p), sum(p)] if square else p) for bug, p in parts.items()}
    if square:
        del both["engine-rule:mul"]
    return both


CHECKS = {
    "topological_sort": Check(topological_sort, wrong=SORTS),
    "backward": Check(backward, wrong=PASSES),
    "product_rule": Check(product_rule, wrong=RULES),
}
