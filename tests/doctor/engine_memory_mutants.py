"""Engines with one bug each in what they keep, on arrays, or in their manners."""

import sys

import numpy as np

from .engine_catalogue import mutant, replaced
from .engines import Array
from .right_engines import recursive

# Two backwards, and memory


@mutant("engine-clears-leaves")
def clears_leaves(base):
    def reset(self, nodes):
        for node in nodes:
            node.grad = node.zero()

    return replaced(base, reset=reset)


@mutant("engine-visited-kept")
def visited_kept(base):
    visited: set = set()

    def order(self):
        found = [node for node in self.below()[::-1] if node not in visited]
        visited.update(found)
        return found

    return replaced(base, order=order)


@mutant("engine-old-graph")
def tape_not_cleared(base):
    tape: list = []

    def make(self, data, parents, rule):
        tape.append(base.make(self, data, parents, rule))
        return tape[-1]

    def order(self):
        return tape[::-1]

    return replaced(base, make=make, order=order, reset=lambda self, nodes: None)


@mutant("engine-stale-intermediates", strict=True)
def stale_intermediates(base):
    return replaced(base, reset=lambda self, nodes: None)


@mutant("engine-late-read", strict=True)
def late_read(base):
    return replaced(base, mul_rule=lambda a, b: lambda g: (g * b.data, g * a.data))


@mutant("engine-late-read", strict=True, bases=(Array,))
def saved_by_reference(base):
    return replaced(base, saved=lambda self: self.data)


@mutant("engine-deep-chain", strict=True)
def recursion(base):
    return recursive(base)


@mutant("engine-inplace")
def inplace_unrecorded(base):
    def iadd(self, other):
        self.data = self.data + self.lift(other).data
        return self

    return replaced(base, __iadd__=iadd)


@mutant("engine-inplace", bases=(Array,))
def inplace_spoils_saved(base):
    """Recorded, but written into the array that an earlier rule saved."""

    def iadd(self, other):
        made = self + other
        self.data += other.data
        made.data = self.data
        return made

    return replaced(base, __iadd__=iadd, saved=lambda self: self.data)


@mutant("engine-shared-gradients", bases=(Array,))
def shared_gradients(base):
    def accumulate(self, g):
        if self.grad is None:
            self.grad = g
        else:
            self.grad += g

    def fit(self, g):
        return g if g.shape == self.data.shape else self.sum_to(g)

    return replaced(base, zero=lambda self: None, fit=fit, accumulate=accumulate)


# Broadcasting


def stretched(self, g):
    """The axes that broadcasting added or stretched."""
    added = g.ndim - self.data.ndim
    ones = [i + added for i, n in enumerate(self.data.shape) if n == 1 and g.shape[i + added] != 1]
    return (*range(added), *ones)


@mutant("engine-broadcast-not-summed", bases=(Array,))
def not_summed(base):
    return replaced(base, sum_to=lambda self, g: g)


@mutant("engine-broadcast-not-summed", bases=(Array,))
def not_summed_in_place(base):
    def accumulate(self, g):
        self.grad += g

    return replaced(base, sum_to=lambda self, g: g, accumulate=accumulate)


@mutant("engine-broadcast-axis", bases=(Array,))
def summed_over_last_axis(base):
    def sum_to(self, g):
        while g.ndim > self.data.ndim:
            g = g.sum(axis=-1)
        return base.sum_to(self, g) if g.shape != self.data.shape else g

    return replaced(base, sum_to=sum_to)


@mutant("engine-broadcast-mean", bases=(Array,))
def averaged(base):
    def sum_to(self, g):
        return g.mean(axis=stretched(self, g)).reshape(self.data.shape)

    return replaced(base, sum_to=sum_to)


@mutant("engine-broadcast-slice", bases=(Array,))
def first_slice(base):
    def sum_to(self, g):
        for axis in stretched(self, g)[::-1]:
            g = g.take(0, axis)
        return g.reshape(self.data.shape)

    return replaced(base, sum_to=sum_to)


@mutant("engine-broadcast-shape", bases=(Array,))
def axes_of_one_dropped(base):
    return replaced(base, sum_to=lambda self, g: g.sum(axis=stretched(self, g)))


@mutant("engine-integers", bases=(Array,))
def integer_gradients(base):
    def store(self, data):
        return np.array(data)

    def accumulate(self, g):
        self.grad = (self.grad + g).astype(self.data.dtype)

    return replaced(
        base, store=store, accumulate=accumulate, one=lambda self: np.ones(self.data.shape)
    )


# Manners


@mutant("engine-returns-none")
def returns_none(base):
    return replaced(base, __mul__=lambda self, other: None)


@mutant("engine-raises")
def raises(base):
    return replaced(base, tanh=lambda self: self.missing)


@mutant("engine-raises")
def raises_in_backward(base):
    return replaced(base, order=lambda self: self.missing())


@mutant("engine-exits")
def exits(base):
    return replaced(base, backward=lambda self: sys.exit(3))


@mutant("engine-recursion")
def endless_recursion(base):
    return replaced(base, __sub__=lambda self, other: self - other)


@mutant("engine-global-state")
def seeds_numpy(base):
    def backward(self):
        np.random.seed(0)
        base.backward(self)

    return replaced(base, backward=backward)


@mutant("engine-changes-data")
def changes_operand(base):
    def mul(self, other):
        made = base.__mul__(self, other)
        self.data = made.data
        return made

    return replaced(base, __mul__=mul)


@mutant("engine-interface")
def no_backward(base):
    return replaced(base, backward=None)
