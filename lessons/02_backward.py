# %% [markdown]
r"""
# 02 Backward in the right order

**Goal.** Find the order in which gradients flow, in any graph, at the cost of one visit per value.
**Before.** Lesson 01 (values, rules, `+=`). **Time.** An hour and a half. **Runs** in 2 s. **You
can skip this if** you can say in which order backward visits a graph with forks, and at what cost.

In lesson 01 `backward` went from the newest value to the oldest, and a clock was kept for it. The
graph itself knows the order. Four classic mistakes lie on the way: gradients that leave too early,
a cost that doubles with each level, a recursion too deep, and numbers that change meanwhile.
"""

# %%
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure, pick, swap
from minicnn.testing.doctor import diagnose_engine

Value = pick("Value")

# %% [markdown]
r"""
## Backward in the right order

Take $m = a b$, then $n = m c$, then $y = m + n$. The value m is used twice, so its gradient has two
parts: $\partial y / \partial m = 1 + c$. m's own rule multiplies this by b and hands it on to a.
It may do so only when *both* parts have arrived. In general: **a value's rule may run only after
the rules of all values that use it.** An order with this property is called *topological*.

The obvious search is wrong. *Breadth first* visits y, then its parents m and n, then theirs. So m
hands on the part that came from y directly, while the part through n is still on its way.

To find a right order, count. For each value, let `uses` be the number of times that it is a parent
below the result ($a \cdot a$ uses a twice). The result goes first, for nothing uses it. When a
value goes, each of its parents has one use less to wait for; one whose count reaches 0 goes, too.
Each use is counted once, so the cost grows with the size of the graph.
"""


# %%
def topological_sort(root):
    """List the root and all values below it once, each after those that use it; root is first.

    ``value.parents`` are the values that a value was made of.
    """
    # >>> solution
    uses, found, order = {}, [root], [root]
    for value in found:  # the list grows meanwhile
        for parent in value.parents:
            if parent not in uses:
                found.append(parent)
            uses[parent] = uses.get(parent, 0) + 1
    for value in order:  # and so does this one
        for parent in value.parents:
            uses[parent] -= 1
            if uses[parent] == 0:
                order.append(parent)
    return order
    # <<< solution


# %% [markdown]
r"""
## Where backward starts

The derivative of the result with respect to itself is 1. Without this *seed* every gradient is 0.

## A second backward

Two results may share a leaf, say two losses. Its gradient is the sum of both, so leaves keep what
they have; whoever wants a new sum sets them to 0 (`zero_grad`). The gradient of a value in the
middle is a subtotal for *this* result; an old one would be handed on again, so it starts from 0.
"""


# %%
def backward(order):
    """Run the rules of all values, ``value._backward()``, in the order of a topological sort.

    Values with parents start from the gradient 0, the result (first in the list) from 1. Leaves,
    which have no parents, add to the gradient that they have.
    """
    # >>> solution
    for value in order:
        if value.parents:
            value.grad = 0.0
    order[0].grad = 1.0
    for value in order:
        value._backward()
    # <<< solution


# %% tags=["hide-input"]
def breadth_first(root):
    order = [root]
    for value in order:
        order += [p for p in dict.fromkeys(value.parents) if p not in order]
    return order


def draw(axes, title, sort, wrong=""):
    a, b, c = Value(2.0), Value(3.0), Value(4.0)
    n = (m := a * b) * c
    backward(order := sort(y := m + n))
    spots = {"y = m + n": (y, 2, 3), "m = a b": (m, 1.1, 1.2), "n = m c": (n, 2.4, 2.1),
             "a": (a, 0.6, 0), "b": (b, 1.6, 0), "c": (c, 3, 0)}  # fmt: skip
    at = {value: place for value, *place in spots.values()}
    for label, (value, *place) in spots.items():
        visit = f"visit {order.index(value) + 1}: " if value.parents else ""
        color = "#f6c6c6" if label[0] in wrong else "#cfe3f3"
        axes.text(*place, f"{visit}{label}\ngrad {value.grad:g}", ha="center", va="center",
                  bbox={"boxstyle": "round", "fc": color}, zorder=2)  # fmt: skip
        for parent in value.parents:
            axes.plot(*zip(place, at[parent], strict=True), color="#1f5f99", zorder=1)
    axes.set(title=title, xlim=(0.1, 3.5), ylim=(-0.4, 3.4))
    axes.axis("off")


fig = Figure(figsize=(7.6, 3.4), layout="constrained")
early, fine = fig.subplots(1, 2)
draw(early, "breadth first: m goes before n", breadth_first, wrong="ab")
draw(fine, "topological order", topological_sort)
ALT = """The graph of y = m + n with m = a b and n = m c, twice. Breadth first visits m before n: a
gets 3 and b gets 2. In topological order n comes first, and they get 15 and 10."""
figure(fig, "arrival", alt=ALT)

# %% [markdown]
r"""
## The price of following every path

Right gradients need no order if each part is handed on as soon as it comes, and rules run once for
each part. That follows every *path* from the result to the leaves. In a chain of diamonds, where
each level uses the last one twice, a level adds 3 values and doubles the paths.
"""


# %% tags=["hide-input"]
def diamonds(count):
    y, p, q = Value(1.0), Value(0.5), Value(0.5)
    for _ in range(count):
        y = y * p + y * q
    return y


def path_by_path(value):
    return 1 + sum(path_by_path(parent) for parent in value.parents)


levels = range(15)
paths = [path_by_path(diamonds(k)) for k in levels]
once = [len(topological_sort(diamonds(k))) for k in levels]
axes = (fig := Figure(figsize=(5.5, 2.8), layout="constrained")).subplots()
axes.semilogy(levels, paths, "o-", label="every path separately")
axes.semilogy(levels, once, "o-", label="topological order")
axes.set(xlabel="diamonds in a row", ylabel="visits")
axes.legend(frameon=False)
ALT = "Visits by diamonds, log scale: every path reaches 98,299, the topological order stays at 45."
figure(fig, "visits", alt=ALT)
print(f"14 diamonds: {once[14]} values, {paths[14]:,} visits path by path")

# %% [markdown]
r"""
## A chain of 5,000 ops

A function that calls itself for each parent is short to write, but Python allows about 1,000 calls
inside each other. So the values that are still to visit belong on a list of your own.
"""

# %%
y = x = Value(1.0)
for _ in range(5000):
    y = y + x
backward(topological_sort(y))
print("5,000 additions: dy/dx =", x.grad)

# %% [markdown]
r"""
## What an op must remember

The rule of a product needs the operands' numbers as they were in the forward pass. In lesson 01 it
looks them up when it runs. If somebody has changed `b.data` since, the gradient is that of another
expression, and nothing complains. So an op remembers the *numbers*, at once. The gradient of its
result does not exist yet, and has to be looked up later. (minicnn keeps arrays without a copy. Its
backward pass raises an error if a tensor was written to meanwhile, but misses writes to `b.data`.)
"""


# %%
def product_rule(a, b, out):
    """The rule of out = a * b: a function without arguments that adds to a.grad and b.grad.

    It uses the numbers that a and b hold now, and the gradient that out has when it is called.
    """
    # >>> solution
    a_data, b_data = a.data, b.data

    def _backward():
        a.grad += b_data * out.grad
        b.grad += a_data * out.grad

    return _backward
    # <<< solution


# %% [markdown]
r"""
## In the library

The three functions make an engine that passes the doctor's strict examination. minicnn itself goes
backward in your order with `minicnn learn swap 02.1 -- train --data digits --model lenet5_small`.
"""


# %%
def remembering(a, b):
    out = Value(a.data * b.data, (a, b))
    out._backward = product_rule(a, b, out)
    return out


Value.__mul__ = remembering
Value.backward = lambda self: backward(topological_sort(self))
assert diagnose_engine(Value, strict=True).ok
numbers = (0.8, 1.5, -0.7)
values = [Value(number) for number in numbers]
tensors = [Tensor(number, requires_grad=True, dtype="float64") for number in numbers]
with swap("autograd.topological", topological_sort):
    for (w, x, b), tanh in ((values, Value.tanh), (tensors, ops.tanh)):
        (w * x + tanh(w * x * b) * w).backward()
for value, tensor in zip(values, tensors, strict=True):
    assert abs(value.grad - tensor.grad.item()) < 1e-12
print("the lesson's engine equals the library's")

# %% [markdown]
r"""
## Common mistakes

* **Backward goes breadth first, not in topological order.** Right in every chain and every tree.
* **Nodes are visited more than once, so parts of gradients count again.** Nothing is marked.
* **Every path is followed separately: right numbers, exponential cost.**
* **Backward does not set the gradient of the result to 1 at the start.** All gradients are 0.
* **A second backward forgets the leaves' gradients of the first.** Leaves add up.

## Further reading

* Arthur Kahn: *Topological sorting of large networks*, 1962.
* Andreas Griewank, Andrea Walther: *Evaluating derivatives*, 2nd edition, 2008.
"""
