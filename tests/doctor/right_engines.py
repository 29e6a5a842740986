"""Autograd engines that are right, each of another design: the doctor must accept them all."""

import heapq
from collections import deque
from functools import partial

from .engines import Array, Scalar


def recursive(base):
    """Depth-first post-order by recursion, as micrograd has it."""

    class Recursive(base):
        def below(self):
            order, seen = [], set()

            def build(node):
                if node not in seen:
                    seen.add(node)
                    for parent in node.parents:
                        build(parent)
                    order.append(node)

            build(self)
            return order

    return Recursive


def use_counts(base):
    """Kahn's order: a node is ready when all that use it have been visited."""

    class UseCounts(base):
        def order(self):
            uses = {self: 0}
            todo = [self]
            while todo:
                for parent in todo.pop().parents:
                    if parent not in uses:
                        uses[parent] = 0
                        todo.append(parent)
                    uses[parent] += 1
            order, ready = [], deque([self])
            while ready:
                order.append(ready.popleft())
                for parent in order[-1].parents:
                    uses[parent] -= 1
                    if not uses[parent]:
                        ready.append(parent)
            return order

    return UseCounts


def generations(base):
    """A queue by generation: one more than the youngest parent's; the youngest goes first."""

    class Generations(base):
        def __init__(self, data, parents=(), rule=None):
            super().__init__(data, parents, rule)
            self.generation = 1 + max((p.generation for p in parents), default=-1)

        def order(self):
            order, seen, queue = [], {self}, [(-self.generation, 0, self)]
            while queue:
                order.append(heapq.heappop(queue)[2])
                for parent in order[-1].parents:
                    if parent not in seen:
                        seen.add(parent)
                        heapq.heappush(queue, (-parent.generation, len(seen), parent))
            return order

    return Generations


def tape(base):
    """All ops on one list, walked backwards from the result."""
    records: list = []

    class Tape(base):
        def make(self, data, parents, rule):
            records.append(super().make(data, parents, rule))
            return records[-1]

        def order(self):
            order, needed = [], {self}
            for node in records[::-1]:
                if node in needed:
                    order.append(node)
                    needed.update(node.parents)
            return order

    return Tape


def cleared_tape(base):
    """A tape for one backward: then it is empty, and graphs of before are gone."""
    records: list = []

    class ClearedTape(base):
        def make(self, data, parents, rule):
            made = super().make(data, (), None)
            records.append((made, parents, rule))
            return made

        def backward(self):
            self.seed()
            for node, parents, rule in records[::-1]:
                for parent, g in zip(parents, rule(node.grad), strict=True):
                    parent.accumulate(parent.fit(g))
            records.clear()

    return ClearedTape


def late_none(base):
    """Gradients are None until the first one arrives."""

    class LateNone(base):
        def zero(self):
            return None

        def accumulate(self, g):
            self.grad = g if self.grad is None else self.grad + g

        def visit(self):
            if self.grad is not None:
                super().visit()

    return LateNone


def frees(base):
    """The graph is given up in backward, and a second one raises."""

    class Frees(base):
        freed = False

        def visit(self):
            if self.freed:
                raise RuntimeError("the graph has been freed")
            super().visit()
            if self.rule:
                self.freed, self.rule = True, lambda g: ()
                self.parents = ()

    return Frees


class Closures:
    """In the style of micrograd: each value holds the closure that hands its gradient on."""

    def __init__(self, data, children=()):
        self.data, self.grad = data, 0
        self._backward = lambda: None
        self._prev = set(children)

    def __add__(self, other):
        other = other if isinstance(other, Closures) else Closures(other)
        out = Closures(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Closures) else Closures(other)
        out = Closures(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def build(value):
            if value not in seen:
                seen.add(value)
                for child in value._prev:
                    build(child)
                order.append(value)

        build(self)
        self.grad = 1
        for value in reversed(order):
            value._backward()


class Pairs:
    """Short names, slots, and no ops but + and *; parents come with their partials."""

    __slots__ = ("d", "g", "edges")

    def __init__(self, d, edges=()):
        self.d, self.g, self.edges = d, None, edges

    def __add__(self, other):
        return Pairs(self.d + other.d, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Pairs(self.d * other.d, ((self, other.d), (other, self.d)))

    def backprop(self):
        adjoints, uses, todo = {self: 1.0}, {}, [self]
        while todo:
            for parent, _ in todo.pop().edges:
                if parent not in uses:
                    todo.append(parent)
                uses[parent] = uses.get(parent, 0) + 1
        ready = [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.edges:
                adjoints[parent] = adjoints.get(parent, 0.0) + slope * adjoints[node]
                uses[parent] -= 1
                if not uses[parent]:
                    ready.append(parent)
        for node, adjoint in adjoints.items():
            if not node.edges:
                node.g = (node.g or 0.0) + adjoint


# Functions that make a fresh engine: a tape is as old as its class.
RIGHT = {
    "Scalar": lambda: Scalar,
    "Array": lambda: Array,
    "Closures": lambda: Closures,
    "Pairs": lambda: Pairs,
} | {
    f"{design.__name__} {base.__name__}": partial(design, base)
    for design in (recursive, use_counts, generations, tape, cleared_tape, late_none, frees)
    for base in (Scalar, Array)
}
