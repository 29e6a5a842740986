"""A small right autograd engine, for numbers and for arrays, cut into steps to be replaced."""

import numpy as np


class Scalar:
    """Numbers; rules as functions of the upstream gradient; an iterative topological order."""

    def __init__(self, data, parents=(), rule=None):
        self.data = self.store(data)
        self.grad = self.zero()
        self.parents, self.rule = parents, rule

    def store(self, data):
        return float(data)

    def saved(self):
        """The value as a rule may keep it, whatever becomes of ``data``."""
        return self.data

    def zero(self):
        return 0.0

    def one(self):
        return 1.0

    def fit(self, g):
        """A gradient in this value's own shape."""
        return float(g)

    def accumulate(self, g):
        self.grad = self.grad + g

    def lift(self, x):
        return x if isinstance(x, Scalar) else type(self)(x)

    def make(self, data, parents, rule):
        return type(self)(data, parents, rule)

    # The ops. A rule maps the upstream gradient to one gradient per parent.

    def add_rule(self, other):
        return lambda g: (g, g)

    def __add__(self, other):
        other = self.lift(other)
        return self.make(self.data + other.data, (self, other), self.add_rule(other))

    def mul_rule(self, other):
        a, b = self.saved(), other.saved()
        return lambda g: (g * b, g * a)

    def __mul__(self, other):
        other = self.lift(other)
        return self.make(self.data * other.data, (self, other), self.mul_rule(other))

    def div_rule(self, other):
        a, b = self.saved(), other.saved()
        return lambda g: (g / b, -g * a / b**2)

    def __truediv__(self, other):
        other = self.lift(other)
        return self.make(self.data / other.data, (self, other), self.div_rule(other))

    def pow_rule(self, n):
        a = self.saved()
        return lambda g: (g * n * a ** (n - 1.0),)

    def __pow__(self, n):
        if not isinstance(n, int | float):
            raise TypeError("the exponent must be a number")
        return self.make(self.data**n, (self,), self.pow_rule(n))

    def exp_rule(self, y):
        return lambda g: (g * y,)

    def exp(self):
        y = np.exp(self.data)
        return self.make(y, (self,), self.exp_rule(y))

    def tanh_rule(self, x, y):
        return lambda g: (g * (1 - y**2),)

    def tanh(self):
        y = np.tanh(self.data)
        return self.make(y, (self,), self.tanh_rule(self.saved(), y))

    def relu_rule(self, x):
        return lambda g: (g * (x > 0),)

    def relu(self):
        return self.make(np.maximum(self.data, 0), (self,), self.relu_rule(self.saved()))

    def neg_rule(self):
        return lambda g: (-g,)

    def __neg__(self):
        return self.make(-self.data, (self,), self.neg_rule())

    def sub_rule(self, other):
        return lambda g: (g, -g)

    def __sub__(self, other):
        other = self.lift(other)
        return self.make(self.data - other.data, (self, other), self.sub_rule(other))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return self.lift(other) - self

    # Backward, in steps.

    def below(self):
        """Every node under this one, and itself, each after its parents."""
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((parent, False) for parent in node.parents)
        return order

    def order(self):
        return self.below()[::-1]

    def reset(self, nodes):
        for node in nodes:
            if node.rule:
                node.grad = node.zero()

    def seed(self):
        self.grad = self.one()

    def visit(self):
        if self.rule:
            for parent, g in zip(self.parents, self.rule(self.grad), strict=True):
                parent.accumulate(parent.fit(g))

    def backward(self):
        nodes = self.order()
        self.reset(nodes)
        self.seed()
        for node in nodes:
            node.visit()


class Array(Scalar):
    """The same on NumPy arrays, with broadcasting."""

    __array_ufunc__ = None

    def store(self, data):
        return np.array(data, float)

    def saved(self):
        return self.data.copy()

    def zero(self):
        return np.zeros_like(self.data)

    def one(self):
        return np.ones_like(self.data)

    def sum_to(self, g):
        """Undo broadcasting: sum over the axes that were added or stretched."""
        shape = self.data.shape
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
        return g.sum(axis=axes, keepdims=True)

    def fit(self, g):
        return self.sum_to(np.asarray(g))

    def sum(self):
        shape = self.data.shape
        return self.make(self.data.sum(), (self,), lambda g: (np.broadcast_to(g, shape),))
