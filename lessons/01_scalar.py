# %% [markdown]
r"""
# 01 A number that remembers its history

**Goal.** Build an engine that computes the derivatives of any expression, by bookkeeping alone.
**Before.** Classes, derivatives, the chain rule. **Time.** About an hour. **Runs** in 2 s. **You
can skip this if** you can say why gradients arrive by `+=`, and what `x * x` hands back to x.

Training asks of each number in a network: if it grows a little, how fast does the network's error,
its *loss*, grow or shrink? That is one derivative for each of a million numbers. Changing them in
turn would take a million runs. One run forward and one backward give them all, and here is how.
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

Take $y = \tanh(w x + b)$, one artificial neuron. Python computes $p = w x$, then $s = p + b$, then
$y = \tanh(s)$, and forgets each at once. A `Value` is a number (`data`) that does not forget: it
holds its *parents*, the values that it was computed from. So y leads to s, s to p and b, p to w
and x: the *graph* of the expression. Values from outside (w, x, b) have no parents; they are its
*leaves*. Each value also has a *gradient* `grad`, the derivative of y with respect to it.

## The local rules

Let $o$ be the result of one step, and $\bar{o} = \partial y / \partial o$ its gradient. It comes
from steps nearer to y, so it is called the *upstream gradient*. By the chain rule a parent $u$ gets

$$
\bar{u} = \bar{o} \cdot \frac{\partial o}{\partial u}
$$

The second factor, the *local derivative*, has nothing to do with other steps. By operation (*op*):

### A sum passes gradients on
For $o = u + v$ it is 1, for both operands: if either grows by 1, so does the sum.

### The sign of a slope
For $o = u - v$ it is 1 for u and -1 for v: what is subtracted pulls the other way.

### One operand's slope is made of the other
For $o = u v$ it is v for u and u for v: 3 times v grows 3 times as fast as v.

### The power rule
For $o = u^n$ with a plain number $n$ it is $n u^{n-1}$: the exponent becomes a factor *and* falls.

### The slopes of a quotient
As $u / v = u \cdot v^{-1}$, product and power together give $1 / v$ for u and $-u / v^2$ for v.

### A slope for every function
For $o = \tanh u$ it is $1 - o^2$, written with the *output*; for $o = e^u$ it is $o$ itself.

### How an op keeps its rule
An op makes its result `out` and a function `_backward` that applies the rule: it reads `out.grad`
and gives the parents their parts. It is a *closure*: it keeps the op's variables `self`, `other`
and `out`, and can use them long after the op has ended.

## One value, used twice

In $y = a \cdot a + a$ the value a has three ways to move the result, and its derivative is the sum
over all ways: $a + a + 1$. Each way arrives through another line of some `_backward`, and none
knows of the others. So each must *add* its part to what is there: `+=`, never `=`. This is why
`grad` begins at 0.

`backward` gives the result the gradient 1, for $\partial y / \partial y = 1$, and calls the
`_backward` of all values below it, the newest first: a value is newer than its parents, so its own
gradient is complete when it hands it on. Lesson 02 does it without a clock.
"""


# %%
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
            # >>> solution
            self.grad += out.grad
            other.grad += out.grad
            # <<< solution

        out._backward = _backward
        return out

    def __mul__(self, other):
        """out = self * other: the local derivative of each is the other"""
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
        below, todo = set(), [self]
        while todo:
            if (value := todo.pop()) not in below:
                below.add(value)
                todo += value.parents
        self.grad = 1.0
        for value in sorted(below, key=lambda value: -value.age):
            value._backward()


# %% [markdown]
r"""
## The neuron, backward

Read the figure from right to left. The gradient 1 enters at the result. The plus passes on what it
gets; the product exchanges: w gets the upstream gradient times x, and x gets it times w.
"""

# %%
w, x, b = Value(0.8), Value(1.5), Value(-0.7)
p = w * x
s = p + b
y = s.tanh()
y.backward()

# %% tags=["hide-input"]
PLACES = {"w": (w, 0, 2), "x": (x, 0, 1), "b": (b, 0, 0), "p = w x": (p, 1, 1.5),
          "s = p + b": (s, 2, 0.75), "y = tanh(s)": (y, 3, 0.75)}  # fmt: skip
axes = (fig := Figure(figsize=(7.6, 3), layout="constrained")).subplots()
places = {value: (column, row) for value, column, row in PLACES.values()}
for label, (value, column, row) in PLACES.items():
    axes.text(column, row, f"{label}\ndata {value.data:.3f}\ngrad {value.grad:.3f}", ha="center",
              va="center", bbox={"boxstyle": "round", "fc": "#cfe3f3"})  # fmt: skip
    for parent in value.parents:
        axes.annotate("", (column - 0.3, row), (places[parent][0] + 0.3, places[parent][1]),
                      arrowprops={"arrowstyle": "->", "color": "#1f5f99"})  # fmt: skip
axes.set(xlim=(-0.4, 3.45), ylim=(-0.4, 2.4))
axes.axis("off")
ALT = "The graph of tanh(w x + b), its leaves at the left; each box has its value and gradient."
figure(fig, "neuron", alt=ALT)

# %% [markdown]
r"""
## Is it right? A step into the complex plane

A derivative can be checked by a small step. The quotient $(f(x + h) - f(x)) / h$ subtracts nearly
equal numbers and loses digits (lesson 04). A step of $i h$, with $i^2 = -1$, does not: divide the
imaginary part, Im, by $h$. The error shrinks with $h^2$, so $h = 10^{-30}$ gives all digits:

$$
f(x + i h) = f(x) + i h \, f'(x) - \frac{h^2}{2} f''(x) - \dots
\qquad\Rightarrow\qquad
f'(x) \approx \frac{\mathrm{Im} \, f(x + i h)}{h}
$$
"""


# %%
def expression(w, x, b, tanh):
    return tanh(w * x + b) * w + (x * x + b) ** 3


start = (0.8, 1.5, -0.7)
leaves = [Value(number) for number in start]
expression(*leaves, Value.tanh).backward()
for k, leaf in enumerate(leaves):
    moved = [complex(number, 1e-30 * (i == k)) for i, number in enumerate(start)]
    right = expression(*moved, cmath.tanh).imag / 1e-30
    assert math.isclose(leaf.grad, right, rel_tol=1e-12)
    print(f"d/d{'wxb'[k]}  backward {leaf.grad:.12f}  complex step {right:.12f}")

# %% [markdown]
r"""
## Equal to the library

minicnn's `Tensor` agrees. Its *doctor*, which names mistakes, notes two things left for lesson 02.
"""

# %%
tensors = [Tensor(np.array(number), requires_grad=True) for number in start]
expression(*tensors, ops.tanh).backward()
for leaf, tensor in zip(leaves, tensors, strict=True):
    assert math.isclose(leaf.grad, tensor.grad.item(), rel_tol=1e-12)
print("the lesson's engine equals the library's")
assert (doctor := diagnose_engine(Value)).ok
for note in doctor.notes:
    print("note:", note.partition(":")[0])

# %% [markdown]
r"""
## Common mistakes

* **Gradients are overwritten, not added up.** `=` for `+=`; right while each value is used once.
* **The rule of mul forgets the upstream gradient.** Right as the last op, wrong within a chain.
* **The local derivative of pow is wrong.** The exponent comes down as a factor *and* shrinks by 1.
* **The local derivative of tanh is wrong.** `self.data` was used where the output is needed.
* **An operand of mul gets no gradient.** Both have a rule, and both must be among the parents.

## Further reading

* Seppo Linnainmaa: *Taylor expansion of the accumulated rounding error*, 1976.
* Joaquim Martins, Peter Sturdza, Juan Alonso: *The complex-step derivative approximation*, 2003.
* Atilim Gunes Baydin, Barak Pearlmutter, Alexey Radul, Jeffrey Siskind: *Automatic differentiation
  in machine learning: a survey*, 2018.
"""
