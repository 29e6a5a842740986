"""Lesson 02: the usual mistakes, which the checks must reject and name."""

from collections.abc import Callable
from typing import Any

from .examination import Wrong


def _search(last: bool) -> Callable[[Any], list[Any]]:
    """From a list of values to visit, the first (breadth first) or the last (depth first) one."""

    def sort(root: Any) -> list[Any]:
        order: list[Any] = []
        todo = [root]
        while todo:
            value = todo.pop(-1 if last else 0)
            if value not in order:
                order.append(value)
                todo += value.parents
        return order

    return sort


def _pre_order(root: Any) -> list[Any]:
    order: list[Any] = []

    def visit(value: Any) -> None:
        if value not in order:
            order.append(value)
            for parent in value.parents:
                visit(parent)

    visit(root)
    return order


def _post_order(root: Any, marked: Any = None) -> list[Any]:
    """Right when it is reversed, but for the depth; ``marked`` outlives the call if it is given."""
    order: list[Any] = []
    seen = set() if marked is None else marked

    def visit(value: Any) -> None:
        if value not in seen:
            seen.add(value)
            for parent in value.parents:
                visit(parent)
            order.append(value)

    visit(root)
    return order


def _unmarked(root: Any) -> list[Any]:
    order: list[Any] = []

    def visit(value: Any) -> None:
        order.append(value)
        for parent in value.parents:
            visit(parent)

    visit(root)
    return order


def _every_path(root: Any) -> list[Any]:
    """Right, by the longest path to each value, and walks them all."""
    level: dict[Any, int] = {}

    def visit(value: Any, depth: int) -> None:
        level[value] = max(depth, level.get(value, 0))
        for parent in value.parents:
            visit(parent, depth + 1)

    visit(root, 0)
    return sorted(level, key=lambda value: level[value])


def _passes(
    seed: Any = 1.0, reset: Callable[[Any], bool] = lambda v: bool(v.parents), step: int = 1,
    times: int = 1,
) -> Callable[[list[Any]], None]:  # fmt: skip
    """A backward pass with mistakes."""

    def run(order: list[Any]) -> None:
        for value in order:
            value.grad = 0.0 if reset(value) else value.grad
        if seed is not None:
            order[0].grad = seed
        for value in order[::step]:
            for _ in range(times):
                value._backward()

    return run


def _only_root(order: list[Any]) -> None:
    order[0].grad = 1.0
    order[0]._backward()


def _emptied(order: list[Any]) -> None:
    _passes()(list(order))
    order.clear()


def _rule(kind: str) -> Callable[[Any, Any, Any], Any]:
    """A rule of the product with one mistake."""

    def product(a: Any, b: Any, out: Any) -> Any:
        u, v, early = a.data, b.data, out.grad

        def rule() -> None:
            x, y = (a.data, b.data) if kind == "late" else (v, u) if kind == "own" else (u, v)
            g = {"ignored": 1.0, "early": early}.get(kind, out.grad)
            a.grad = y * g + (0.0 if kind == "assigns" else a.grad)
            b.grad = x * g + (0.0 if kind == "assigns" else b.grad)

        return rule

    return product


SORTS = (
    Wrong("engine-breadth-first", {"topological_sort": _search(last=False)}),
    Wrong("engine-pre-order", {"topological_sort": _search(last=True)}),
    Wrong("engine-pre-order", {"topological_sort": _pre_order}),
    Wrong("engine-forward-order", {"topological_sort": _post_order}),
    Wrong("engine-visits-again", {"topological_sort": _unmarked}),
    Wrong("engine-exponential", {"topological_sort": _every_path}),
    Wrong("engine-deep-chain", {"topological_sort": lambda root: _post_order(root)[::-1]}),
    Wrong("engine-visited-kept",
          {"topological_sort": lambda root, seen=set(): _post_order(root, seen)[::-1] or [root]}),
    Wrong("sort-incomplete",
          {"topological_sort": lambda root: [v for v in _post_order(root)[::-1] if v.parents]
           or [root]}),
    Wrong("sort-not-values",
          {"topological_sort": lambda root: [v.parents for v in _post_order(root)]}),
    Wrong("returns-none", {"topological_sort": lambda root: None}),
)  # fmt: skip
PASSES = (
    Wrong("engine-no-seed", {"backward": _passes(seed=None)}),
    Wrong("engine-seed", {"backward": _passes(seed=2.0)}),
    Wrong("engine-forward-order", {"backward": _passes(step=-1)}),
    Wrong("engine-forward-order", {"backward": _only_root}),
    Wrong("engine-clears-leaves", {"backward": _passes(reset=lambda v: True)}),
    Wrong("engine-stale-intermediates", {"backward": _passes(reset=lambda v: False)}),
    Wrong("engine-visits-again", {"backward": _passes(times=2)}),
    Wrong("changes-input", {"backward": _emptied}),
)
RULES = (
    Wrong("engine-late-read", {"product_rule": _rule("late")}),
    Wrong("engine-upstream-ignored:mul", {"product_rule": _rule("ignored")}),
    Wrong("upstream-too-early", {"product_rule": _rule("early")}),
    Wrong("engine-rule:mul", {"product_rule": _rule("own")}),
    Wrong("engine-overwrites", {"product_rule": _rule("assigns")}),
    Wrong("returns-none", {"product_rule": lambda a, b, out: None}),
)
