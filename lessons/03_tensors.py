# %% [markdown]
r"""
# 03 Tensors and the price of broadcasting

**Goal.** Find the gradient of every op that copies, adds up or moves the entries of an array, and
see that one sentence covers them all. **Before.** Lessons 01 and 02 (the engine for numbers).
**Time.** Two hours. **Runs** in 2 s. **You can skip this if** you know why the gradient of a
broadcast is a sum, and what an index taken twice does.

A network has a million numbers, and one Python object for each is a thousand times too slow. From
here on a value is an array. The rules of lesson 01 stay; new is that NumPy *copies* entries where
shapes differ, that a sum makes few of many, that an index moves them. The sentence is: **what goes
out to many comes back as a sum, and what comes from many goes back to each.**
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## What a tensor holds

A *tensor* is an array with a memory: the numbers (`data`), the gradient (`grad`), and how it was
made. The array has a `shape` (its length along each axis), a `dtype` (the type of its numbers) and
*strides* (how many bytes it is from one entry to the next along each axis). Here arrays are enough:
x is an input, y the output, `gy` the *upstream gradient*, the derivative of the loss $L$ by every
entry of y. We look for `gx`.

## Numbers of one type

An array of whole numbers has no room for a slope of 0.7, which becomes 0. In `float32` a number has
7 digits, in `float64` 16. A gradient has the type of its input.

## A gradient has its input's shape

Every entry of an input has one slope, so `gx.shape == x.shape`. Axes of length 1 count: (5, 1) is
not (5,).

## Order matters

An op that treats every entry alike has the slopes of lesson 01, entry by entry: a product $ab$ has
the slopes b and a; a sum has 1 and 1. In a difference $a - b$ and a quotient $a / b$ the operands
cannot change places: their slopes are 1 and -1, and $1 / b$ and $-a / b^2$.

## Broadcasting forward is summing backward

What is a column (3, 1) plus a row (4,)? NumPy writes the shapes under each other *from the right*,
puts axes of length 1 in front of the shorter one, and copies along every axis of length 1 until the
shapes agree, here (3, 4). This is *broadcasting*. Take $y_{ij} = a_i + b_j$. The number $b_j$ was
copied into every row and reaches the loss through all of them, so the chain rule adds up (a sum,
not a mean, and over all copies):

$$
\frac{\partial L}{\partial b_j} = \sum_i \frac{\partial L}{\partial y_{ij}} \qquad
\frac{\partial L}{\partial a_i} = \sum_j \frac{\partial L}{\partial y_{ij}}
$$
"""

# %% tags=["hide-input"]
a, b = np.array([[10.0], [20], [30]]), np.array([1.0, 2, 3, 4])
gy = np.array([[1.0, 0, 2, 2], [0, 3, 1, 0], [2, 1, 0, 3]])
pictures = [
    ("a (3, 1), copied to the right", a + 0 * b, "#f6d9b8", 1),
    ("b (4,), copied downwards", b + 0 * a, "#cfe3f3", 0),
    ("y = a + b (3, 4)", a + b, "#e3e3e3", None),
    ("ga (3, 1): sums of the rows", gy.sum(1, keepdims=True), "#f6d9b8", None),
    ("gb (4,): sums of the columns", gy.sum(0, keepdims=True), "#cfe3f3", None),
    ("gy (3, 4)", gy, "#e3e3e3", None),
]
fig = Figure(figsize=(8, 4), layout="constrained")
for axes, (title, values, colour, copied) in zip(fig.subplots(2, 3).flat, pictures, strict=True):
    for (i, j), value in np.ndenumerate(values):
        pale = 0.4 if copied is not None and (i, j)[copied] else 1
        axes.fill([j, j + 1, j + 1, j], [i, i, i + 1, i + 1], fc=colour, ec="0.3", alpha=pale)
        axes.text(j + 0.5, i + 0.5, f"{value:g}", ha="center", va="center")
    axes.set_title(title, fontsize=10)
    axes.set(xlim=(-0.2, 4.2), ylim=(3.1, -0.1), aspect="equal")
    axes.axis("off")
ALT = """Forward: a column a is copied to the right, a row b downwards, and both are added.
Backward: ga holds the sums of the rows of gy, gb the sums of its columns."""
figure(fig, "broadcast", alt=ALT)

# %% [markdown]
r"""
## Broadcasting back

So the last step of an op with two operands brings a gradient of the output's shape back to the
operand's. Sum over the axes that were put in front, and they vanish; sum over those that were
stretched from 1, and they stay, with length 1. Count from the right: for (3,) and (3, 3) the
operand's axis is the *last* one, although both would fit.
"""


# %%
def unbroadcast(g, shape):
    """The gradient of an operand of ``shape`` from g, its gradient after broadcasting.

    A sum over the axes along which the operand was copied; the dtype of g stays.
    """
    # >>> solution
    in_front = tuple(range(g.ndim - len(shape)))
    g = g.sum(axis=in_front)
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=stretched, keepdims=True)
    # <<< solution


# %% [markdown]
r"""
For a quotient: `ga = unbroadcast(gy / b, a.shape)`, `gb = unbroadcast(-gy * a / b**2, b.shape)`.

## From one number back to many

A *reduction* goes the other way. In $y_i = \sum_j x_{ij}$ every summand has the slope 1, so each
entry of a row gets the gradient of the row's sum: gy is *copied* along the axis that has vanished.
Put that axis back first. For x of shape (5, 3), gy is (5,), and must become a column (5, 1). NumPy
takes (5,) for a row: an error here, and for a square x a wrong result without an error. With
`keepdims` the axis is there already; with `axis=None` all axes are gone. One trick covers every
case: reshape gy to the shape that keeps the reduced axes as 1.

## What a mean divides by

A mean is a sum divided by n, the number of entries that go into *one* entry of y:

$$
y_i = \frac{1}{n} \sum_{j=1}^{n} x_{ij} \qquad
\frac{\partial L}{\partial x_{ij}} = \frac{1}{n} \, \frac{\partial L}{\partial y_i}
$$

n is the product of the lengths of the reduced axes; only if all are reduced, the size of x.
"""


# %%
def mean_backward(gy, x, axis, keepdims):
    """gx of y = x.mean(axis, keepdims=keepdims): every entry gets gy / n of its mean.

    gy has the shape of y, gx that of x; axis is None (all axes), an int or a tuple of ints
    """
    # >>> solution
    kept = x.sum(axis=axis, keepdims=True).shape
    n = x.size / np.size(gy)
    return np.broadcast_to(np.reshape(gy, kept) / n, x.shape).copy()
    # <<< solution


# %% [markdown]
r"""
## One winner for each output

In $y_i = \max_j x_{ij}$ only the largest entry of the row matters: if it grows, y grows as much; a
small change of the others has no effect. The slope is 1 for the winner, 0 for the rest. Two equal
winners are a *tie*, where no slope exists. Then gy may go to the first, to the last, or in equal
shares to all; but what leaves is what has arrived.
"""


# %%
def max_backward(gy, x, axis, keepdims):
    """gx of y = x.max(axis, keepdims=keepdims): gy to the winner; shapes as in mean_backward."""
    # >>> solution
    best = x.max(axis=axis, keepdims=True)
    wins = x == best
    share = np.reshape(gy, best.shape) / wins.sum(axis=axis, keepdims=True)
    return (share * wins).astype(x.dtype)
    # <<< solution


# %% [markdown]
r"""
## Entries that move

A reshape or a transpose moves numbers, and the way back is the opposite move: for
`y = x.reshape(shape)` it is `gy.reshape(x.shape)`; for `y = x.transpose(2, 0, 1)` the permutation
that undoes it, `gy.transpose(1, 2, 0)`, and `np.argsort((2, 0, 1))` finds it.

An index, `y = x[key]`, picks entries. What was picked gets its gradient, the rest gets 0. With an
array of integers an entry may be picked twice: it went out to many, so its gradients add up. In
NumPy `gx[key] += gy` writes once for each place, and the last one wins; `np.add.at(array, key,
values)` adds one by one.
"""


# %%
def getitem_backward(gy, x, key):
    """gx of y = x[key]: zeros, with gy added where y was read; a place read twice gets both.

    gy has the shape of x[key], gx that of x; key is anything that NumPy takes as an index
    """
    # >>> solution
    gx = np.zeros_like(x)
    np.add.at(gx, key, gy)
    return gx
    # <<< solution


# %% [markdown]
r"""
## A view is not a copy

Copies need no memory: `np.broadcast_to(x, (1000, 3))` is a *view* of the same 3 numbers, whose
stride along the first axis is 0. A sum hands such a gradient back. NumPy refuses to write into it:
one row would be all rows. `gx.reshape(-1)` is mostly a view too, but `gx.T.reshape(-1)` is a copy:
what you write into it does not reach gx.

## Whose array is it?

In y = a + b both operands get the same gradient. If it is one *array*, adding to `a.grad` in place
changes `b.grad`. So a rule never writes into `gy`, and an engine keeps copies of what arrives.

## Equal to the library's
"""

# %%
print(diagnose("mean", lambda x, axis, keepdims: x.mean(axis, keepdims=keepdims), mean_backward))
x, g, key = np.random.default_rng(0).standard_normal((3, 4)), gy[2], [0, 2, 2]
ga, gb = unbroadcast(gy / b, a.shape), unbroadcast(-gy * a / b**2, b.shape)
for op, upstream, expected, *arrays in (
    (ops.div, gy, (ga, gb), a, b),
    (lambda t: ops.mean(t, 0), g, [mean_backward(g, x, 0, False)], x),
    (lambda t: ops.max(t, 0), g, [max_backward(g, x, 0, False)], x),
    (lambda t: t[key], gy, [getitem_backward(gy, x, key)], x),
):
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    op(*tensors).backward(Tensor(upstream))
    for tensor, gradient in zip(tensors, expected, strict=True):
        assert np.allclose(tensor.grad.numpy(), gradient, rtol=1e-12)
print("the lesson's gradients equal the library's")

# %% [markdown]
r"""
## Common mistakes

* **An operand was broadcast, and its gradient is not summed back.** Its shape is too large.
* **The gradient of a broadcast operand is summed over the wrong axis.** Square arrays hide it.
* **An axis of length 1 got lost on the way back.** (5, 1) needs `keepdims`.
* **Divided by the size of the whole array, not of the reduced axis.**
* **Every tied maximum gets the whole gradient.**
* **A place that is read twice gets one gradient only.** `+=` with an array of indices.

## Further reading

* Charles Harris and others: *Array programming with NumPy*, 2020.
* Stéfan van der Walt, Chris Colbert, Gaël Varoquaux: *The NumPy array*, 2011.
"""
