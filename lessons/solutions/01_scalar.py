"""01 A number that remembers its history: the solutions.

Made from lessons/01_scalar.py. Write your own first: there is more than one
right answer.
"""

import itertools
import math

import numpy as np


# 01.1 Value.__add__   ★   10 minutes
# 01.2 Value.__mul__   ★   10 minutes
# 01.3 Value.__pow__   ★   10 minutes
# 01.4 Value.tanh   ★★   10 minutes
class Value:
    """A number, its gradient, and how it was made."""

    clock = itertools.count()

    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self._backward = parents, lambda: None
        self.age = next(Value.clock)

    def __add__(self, other):
        """out = self + other: both local derivatives are 1"""
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        """out = self * other: the local derivative of each is the other"""
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        """out = self ** n with a plain number n: the local derivative is n self^(n - 1)"""
        out = Value(self.data**n, (self,))

        def _backward():
            self.grad += n * self.data ** (n - 1) * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        """out = tanh(self): the local derivative is 1 - out^2"""
        out = Value(math.tanh(self.data), (self,))

        def _backward():
            self.grad += (1 - out.data**2) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        """Add d self / d value to the gradient of every value that self was made of."""
        below, todo = set(), [self]
        while todo:
            if (value := todo.pop()) not in below:
                below.add(value)
                todo += value.parents
        self.grad = 1.0
        for value in sorted(below, key=lambda value: -value.age):
            value._backward()
