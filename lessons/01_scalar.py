# %% [markdown]
r"""
# 01 A number that remembers its history

**Goal.** Build an engine that computes the derivatives of any expression, by bookkeeping alone.

**Before.** Python classes; derivatives and the chain rule. **Time.** About an hour.
**Runs** in 2 s.

Training a network means to ask, for each of its millions of numbers: if this one grows a little,
does the error grow or shrink, and how fast? That is a derivative for each number. One could change
each number in turn and run the network again, a million times. We shall get all derivatives from
one run forward and one run backward, and the trick is small enough for numbers one at a time.
"""

# %%
import cmath
import itertools
import math

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose_engine

# %% [markdown]
r"""
## A value that remembers how it was made

Take $y = \tanh(w x + b)$, one artificial neuron. Python computes it in three steps, and forgets
each at once:

$$
p = w x
\qquad
s = p + b
\qquad
y = \tanh(s)
$$

A `Value` is a number (`data`) that does not forget. It holds its *parents*, the values that it was
computed from, and so y leads to s, s to p and b, p to w and x. Values and parents are the *graph*
of the expression. What was put in from outside (w, x, b) has no parents; these are the *leaves*.
Each value also has a place for its *gradient* `grad`: the derivative of the final result with
respect to this value. We write $\bar{p}$ for $\partial y / \partial p$, a number like $p$ itself.

## The local rules

Each step is simple, and its derivative needs no knowledge of the rest. Let `out` be the result
of one step and $\bar{o}$ its gradient, which came from above and is called the *upstream gradient*.
The chain rule says what a parent $u$ gets of it:

$$
\bar{u} = \bar{o} \cdot \frac{\partial o}{\partial u}
$$

The second factor is the *local derivative*. Here are those of our four ops:

$$
o = u + v: \quad \frac{\partial o}{\partial u} = 1
\qquad\qquad
o = u v: \quad \frac{\partial o}{\partial u} = v
$$

$$
o = u^n: \quad \frac{\partial o}{\partial u} = n u^{n-1}
\qquad\qquad
o = \tanh u: \quad \frac{\partial o}{\partial u} = 1 - o^2
$$

The exponent $n$ is a plain number, not a value. The slope of tanh is written with the *output*,
which is known already; $1 - u^2$ would be the slope of nothing here. And v's own derivative in
$o = u v$ is u: each operand gets the other one.

When an op runs, it makes `out` and with it a function `_backward` that applies its rule: it reads
`out.grad` and gives the parents their parts. The function is a *closure*: it keeps the variables
`self`, `other` and `out` of the op that defined it, and can use them long after the op has ended.

## One value, used twice

What if a value has two children? In $y = a \cdot a + a$ it has three ways to move the result, and
the derivative is the sum over all ways:

$$
\frac{\partial y}{\partial a} = a + a + 1
$$

Each way arrives in another call of some `_backward`, and none of them knows of the others. So none
may write "the gradient is"; each must *add* its part to what is there: `+=`, never `=`. This is
also why `grad` begins at 0.

## Run it backward

`backward` sets the gradient of the result to 1, for $\partial y / \partial y = 1$, and then calls
the `_backward` of every value below, the newest first. A value is always younger than its parents,
so when its turn comes, all its children have been there and its gradient is complete. The age is a
crutch; lesson 02 finds an order in the graph itself.
"""


# %%
def as_value(number):
    return number if isinstance(number, Value) else Value(number)


class Value:
    """A number, its gradient, and how it was made."""

    clock = itertools.count()

    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self._backward = parents, lambda: None
        self.age = next(Value.clock)

    def __add__(self, other):
        """out = self + other: both local derivatives are 1"""
        other = as_value(other)
        out = Value(self.data + other.data, (self, other))

        def _backward():
            # >>> solution
            self.grad += out.grad
            other.grad += out.grad
            # <<< solution

        out._backward = _backward
        return out

    def __mul__(self, other):
        """out = self * other: the local derivative of each is the other"""
        other = as_value(other)
        out = Value(self.data * other.data, (self, other))

        def _backward():
            # >>> solution
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
            # <<< solution

        out._backward = _backward
        return out

    def __pow__(self, n):
        """out = self ** n with a plain number n: the local derivative is n self^(n - 1)"""
        if not isinstance(n, int | float):
            raise TypeError(f"the exponent must be a plain number, got {type(n).__name__}")
        out = Value(self.data**n, (self,))

        def _backward():
            # >>> solution
            self.grad += n * self.data ** (n - 1) * out.grad
            # <<< solution

        out._backward = _backward
        return out

    def tanh(self):
        """out = tanh(self): the local derivative is 1 - out^2"""
        out = Value(math.tanh(self.data), (self,))

        def _backward():
            # >>> solution
            self.grad += (1 - out.data**2) * out.grad
            # <<< solution

        out._backward = _backward
        return out

    def backward(self):
        """Add d self / d value to the gradient of every value that self was made of."""
        below, todo = {self}, [self]
        while todo:
            new = [parent for parent in todo.pop().parents if parent not in below]
            below.update(new)
            todo += new
        self.grad = 1.0
        for value in sorted(below, key=lambda value: -value.age):
            value._backward()

    # Made of the ops above, so they need no rule of their own.
    def __sub__(self, other):
        return self + as_value(other) * -1.0

    __radd__, __rmul__ = __add__, __mul__


# %% [markdown]
r"""
## The neuron

Read the figure from right to left. The gradient 1 enters at the result, and each op hands on what
it got, times its local derivative. The plus passes it unchanged; the product exchanges: `w` gets
the upstream gradient times x, and `x` gets it times w.
"""

# %%
w, x, b = Value(0.8), Value(1.5), Value(-0.7)
p = w * x
s = p + b
y = s.tanh()
y.backward()
print("dy/dw, dy/dx, dy/db =", [round(v.grad, 4) for v in (w, x, b)])

# %% tags=["hide-input"]
PLACES = {
    "w": (w, 0, 2), "x": (x, 0, 1), "b": (b, 0, 0), "p = w * x": (p, 1, 1.5),
    "s = p + b": (s, 2, 0.75), "y = tanh(s)": (y, 3, 0.75),
}  # fmt: skip
fig = Figure(figsize=(7.6, 3), layout="constrained")
axes = fig.subplots()
places = {value: (column, row) for value, column, row in PLACES.values()}
for label, (value, column, row) in PLACES.items():
    axes.text(column, row, f"{label}\ndata {value.data:.3f}\ngrad {value.grad:.3f}", ha="center",
              va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "#cfe3f3" if value.parents
                                 else "#fff3cd", "ec": "#1f5f99"})  # fmt: skip
    for parent in value.parents:
        axes.annotate("", (column - 0.3, row), (places[parent][0] + 0.3, places[parent][1]),
                      arrowprops={"arrowstyle": "->", "color": "#1f5f99"})  # fmt: skip
axes.set(xlim=(-0.4, 3.45), ylim=(-0.4, 2.4))
axes.axis("off")
ALT = """The graph of tanh(w x + b): the leaves w, x and b at the left, then the product, the sum and
the result; every box has its value and its gradient, which is 1 at the result."""
figure(fig, "neuron", alt=ALT)
