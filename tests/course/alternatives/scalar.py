"""Lesson 01: other right answers, and changes of the solutions that make no difference."""

import math


class Node:
    """An engine of another design: rules return parts; recursion in post-order."""

    def __init__(self, data, parents=(), rule=None):
        self.data, self.grad, self.parents = float(data), 0.0, parents
        self._backward = lambda: self._share(rule(self.grad)) if rule else None

    def _share(self, parts):
        for parent, part in zip(self.parents, parts, strict=True):
            parent.grad = parent.grad + part

    def lift(self, other):
        return other if isinstance(other, Node) else Node(other)

    def __add__(self, other):
        return Node(self.data + self.lift(other).data, (self, self.lift(other)), lambda g: (g, g))

    def __mul__(self, other):
        a, other = self.data, self.lift(other)
        b = other.data
        return Node(a * b, (self, other), lambda g: (b * g, a * g))

    def __pow__(self, n):
        return Node(math.pow(self.data, n), (self,), lambda g: (g * n * self.data**n / self.data,))

    def tanh(self):
        e = math.exp(2 * self.data)
        y = (e - 1) / (e + 1)
        return Node(y, (self,), lambda g: (g / math.cosh(self.data) ** 2,))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()


METHODS = {"01.1": "__add__", "01.2": "__mul__", "01.3": "__pow__", "01.4": "tanh"}
ALTERNATIVES = {id: [{f"Value.{method}": Node}] for id, method in METHODS.items()}
SURVIVORS: dict[str, str] = {}
