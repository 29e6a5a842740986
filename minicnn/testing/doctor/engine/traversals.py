"""The wrong ways through a graph, run on a recording of it: whose numbers does the engine give?

A traversal yields edges (node, operand); along each the operand gets

    grad[operand] += partial * grad[node]         (= where the op is known to assign)

The right order yields every edge once, and a node's edges after all edges into the node.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from . import programs


@dataclass(eq=False)
class Node:
    """A recorded value; ``partials`` are the local derivatives of its op."""

    value: float
    op: str = ""
    parents: tuple["Node", ...] = ()
    partials: tuple[float, ...] = ()
    order: list["Node"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.order.append(self)

    def __add__(self, other: "Node") -> "Node":
        return Node(self.value + other.value, "add", (self, other), (1.0, 1.0), self.order)

    def __mul__(self, other: "Node") -> "Node":
        partials = (other.value, self.value)
        return Node(self.value * other.value, "mul", (self, other), partials, self.order)


Edges = Iterator[tuple[Node, int]]
Traversal = Callable[[Node], Edges]


def simulate(
    text: str, values: Mapping[str, float], traversal: Traversal, assigns: set[tuple[str, int]]
) -> dict[str, float]:
    """The gradients that a traversal gives to the leaves."""
    order: list[Node] = []
    leaves = {name: Node(values[name], order=order) for name in programs.leaves(text)}
    root: Any = programs.run(text, leaves)["y"]
    grad = dict.fromkeys(order, 0.0)
    grad[root] = 1.0
    for node, i in traversal(root):
        parent, part = node.parents[i], node.partials[i] * grad[node]
        grad[parent] = part + (0.0 if (node.op, i) in assigns else grad[parent])
    return {name: grad[leaf] for name, leaf in leaves.items()}


def _rules(nodes: Iterable[Node], times: int = 1) -> Edges:
    """The whole rule of one node after the other."""
    for node in nodes:
        for _ in range(times):
            yield from ((node, i) for i in range(len(node.parents)))


def _way(node: Node, right_first: bool) -> list[int]:
    ways = list(range(len(node.parents)))
    return ways[::-1] if right_first else ways


def _post_order(root: Node, right_first: bool, visited: bool) -> list[Node]:
    order: list[Node] = []

    def below(node: Node) -> None:
        if not (visited and node in order):
            for i in _way(node, right_first):
                below(node.parents[i])
            order.append(node)

    below(root)
    return order


def _search(root: Node, right_first: bool, visited: bool, first: bool) -> Iterator[Node]:
    """From a list of nodes to visit, the first (breadth first) or the last (depth first) one."""
    seen, todo = {root}, [root]
    while todo:
        node = todo.pop(0 if first else -1)
        yield node
        for i in _way(node, right_first):
            if not (visited and node.parents[i] in seen):
                seen.add(node.parents[i])
                todo.append(node.parents[i])


def _pre_order(root: Node, right_first: bool, visited: bool) -> Iterator[Node]:
    seen: set[Node] = set()

    def below(node: Node) -> Iterator[Node]:
        if not (visited and node in seen):
            seen.add(node)
            yield node
            for i in _way(node, right_first):
                yield from below(node.parents[i])

    yield from below(root)


def _edge_by_edge(root: Node, right_first: bool, visited: bool) -> Edges:
    """Goes down each edge as soon as it has handed the gradient along it."""
    seen: set[Node] = {root}

    def below(node: Node) -> Edges:
        for i in _way(node, right_first):
            yield node, i
            if not (visited and node.parents[i] in seen):
                seen.add(node.parents[i])
                yield from below(node.parents[i])

    yield from below(root)


def _reversed_post(root: Node, right_first: bool, visited: bool) -> Iterator[Node]:
    yield from _post_order(root, right_first, visited)[::-1]


def right_orders() -> list[Traversal]:
    """Several topological orders: where rules assign, the last to arrive differs."""
    return [_newest_first, *(_whole(_reversed_post, side, True) for side in (False, True))]


def _newest_first(root: Node) -> Edges:
    return _rules(root.order[::-1])


def _oldest_first(root: Node) -> Edges:
    return _rules(root.order)


def _root_only(root: Node) -> Edges:
    return _rules([root])


def _root_twice(root: Node) -> Edges:
    yield from _rules([root])
    yield from _newest_first(root)


def _each_twice(root: Node) -> Edges:
    return _rules(root.order[::-1], 2)


def _breadth(root: Node, right_first: bool, visited: bool) -> Iterator[Node]:
    return _search(root, right_first, visited, first=True)


def _depth(root: Node, right_first: bool, visited: bool) -> Iterator[Node]:
    return _search(root, right_first, visited, first=False)


def _whole(nodes: Callable[..., Iterable[Node]], right_first: bool, visited: bool) -> Traversal:
    """The whole rule of each node that a search finds."""
    return lambda root: _rules(nodes(root, right_first, visited))


def wrong_orders() -> list[tuple[str, Traversal]]:
    """Bug and traversal, the usual ones first."""
    found: list[tuple[str, Traversal]] = [
        ("engine-forward-order", _oldest_first),
        ("engine-forward-order", _root_only),
        ("engine-visits-again", _root_twice),
        ("engine-visits-again", _each_twice),
    ]
    searches = (_breadth, _pre_order, _depth, _reversed_post, _post_order)
    for side in (False, True):
        found += [
            ("engine-forward-order", _whole(_post_order, side, True)),
            ("engine-breadth-first", _whole(_breadth, side, True)),
            ("engine-pre-order", _whole(_pre_order, side, True)),
            ("engine-pre-order", _whole(_depth, side, True)),
            ("engine-pre-order", partial(_edge_by_edge, right_first=side, visited=True)),
            ("engine-visits-again", partial(_edge_by_edge, right_first=side, visited=False)),
            *(("engine-visits-again", _whole(search, side, False)) for search in searches),
        ]
    return found
