# %% [markdown]
r"""
# 05 The dense layer

**Goal.** Write the layer that most classifiers end with, forward and backward, and see that its
gradients can be found from the shapes alone. **Before.** Lesson 03 (arrays and broadcasting),
lesson 04 (checking a gradient). **Time.** About an hour. **Runs** in 2 s. **You can skip this if**
you can write the three gradients of a dense layer from their shapes alone.

A *dense layer* (also: linear layer, fully connected layer) takes D numbers and gives O numbers.
Each output is a weighted sum of all inputs, plus a constant. The weights and constants are what
the network learns, and so the layer has two tasks: compute its outputs, and say how the loss
changes when an input, a weight or a constant changes.
"""

# %%
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import minicnn
from minicnn import ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## One sample, one output

The input is a vector with D entries, $x_d$. Output number $o$ has a weight $w_{od}$ for each input
and a constant $b_o$, its *bias*:

$$
y_o = \sum_{d=1}^{D} x_d \, w_{od} + b_o
$$

All weights together form a matrix `weight` of shape (O, D), one row per output, and the constants
a vector `bias` of shape (O,). This is PyTorch's order, and minicnn's.

## The batch is a loop

We never feed one sample alone but N at once, a *batch*: `x` has the shape (N, D), one row per
sample. Each row is treated in the same way and none looks at another, so a batch is a loop over
samples that is written as one matrix product:

$$
y_{no} = \sum_{d=1}^{D} x_{nd} \, w_{od} + b_o
\qquad\text{or}\qquad
Y = X W^T + b
$$

Here $Y$ is (N, O), $X$ is (N, D), $W$ is (O, D). The transpose is there because a matrix product
sums over the *second* axis of its left factor and the *first* of its right one, and $W$ has D
second. The bias (O,) is added to every row, by broadcasting.
"""


# %%
def linear_forward(x, weight, bias):
    """y[n,o] = sum over d of x[n,d] weight[o,d], plus bias[o]

    (N, D), (O, D), (O,) -> (N, O)
    """
    # >>> solution
    return x @ weight.T + bias
    # <<< solution


# %% tags=["hide-input"]
SIZE = {"N": 3.0, "D": 2.4, "O": 1.9}


def draw_product(axes, **matrices):
    """Two matrices and their product as rectangles, with the names of their axes."""
    at = 0.0
    for (name, (rows, columns)), sign in zip(matrices.items(), " @=", strict=True):
        width, height = SIZE[columns], SIZE[rows]
        axes.text(at + 0.5, 0, sign, ha="center", va="center", fontsize=16)
        at += 1.6
        axes.add_patch(Rectangle((at, -height / 2), width, height, fc="#cfe3f3", ec="#1f5f99"))
        axes.text(at + width / 2, 0, name.replace("_", "."), ha="center", va="center", fontsize=12)
        axes.text(at + width / 2, height / 2 + 0.15, columns, ha="center", va="bottom")
        axes.text(at - 0.12, 0, rows, ha="right", va="center")
        at += width + 0.2
    axes.set(xlim=(0.5, 13.2), ylim=(-1.7, 2.2), aspect="equal")
    axes.axis("off")


fig = Figure(figsize=(7, 4.6), layout="constrained")
first, second, third = fig.subplots(3)
draw_product(first, x="ND", weight_T="DO", y="NO")
draw_product(second, gy="NO", weight="OD", gx="ND")
draw_product(third, gy_T="ON", x="ND", gweight="OD")
ALT = """Three matrix products as rectangles: x times weight transposed gives y; gy times weight
gives gx; gy transposed times x gives gweight. The inner axes agree."""
figure(fig, "shapes", alt=ALT)

# %% [markdown]
r"""
## Matrix calculus by shapes

The layers behind this one hand us the *upstream gradient*: an array `gy` of the shape of $Y$,
where `gy[n, o]` is $\partial L / \partial y_{no}$, the change of the loss $L$ per change of that
output. We owe three gradients: `gx` for the layer before us, `gweight` and `gbias` for the
training. The chain rule says: follow every path from a number to the loss, multiply along it, add
up the paths. An input $x_{nd}$ reaches the loss through all outputs of *its* sample, each with the
slope $w_{od}$:

$$
\frac{\partial L}{\partial x_{nd}} = \sum_{o} \frac{\partial L}{\partial y_{no}} \, w_{od}
$$

## The batch adds up

A weight is used by every sample, with the slope $x_{nd}$, and collects from all of them:

$$
\frac{\partial L}{\partial w_{od}} = \sum_{n} \frac{\partial L}{\partial y_{no}} \, x_{nd}
$$

It is a sum, not a mean: a loss that is a mean over the batch has put its 1/N into `gy` already.

## One bias for all samples

A bias is used by every sample too, with the slope 1:

$$
\frac{\partial L}{\partial b_{o}} = \sum_{n} \frac{\partial L}{\partial y_{no}}
$$

## Shapes tell which way round

A gradient has the shape of what it belongs to. `gweight` must be (O, D); we have `gy` (N, O) and
`x` (N, D); the axis N has to vanish, so it is the inner axis of a product. There is one way to
arrange that: rows two and three of the figure. Beware of square matrices: with D = O a wrong
transpose has the right shape. Test with three different lengths.
"""


# %%
def linear_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias) of a dense layer.

    gx[n,d] = sum over o of gy[n,o] weight[o,d]
    gweight[o,d] = sum over n of gy[n,o] x[n,d]
    gbias[o] = sum over n of gy[n,o]

    (N, O), (N, D), (O, D), (O,) -> (N, D), (O, D), (O,)
    """
    # >>> solution
    gx = gy @ weight
    gweight = gy.T @ x
    gbias = gy.sum(axis=0)
    return gx, gweight, gbias
    # <<< solution


# %% [markdown]
r"""
## A gradient is a sum of outer products

What does *one* sample say about the weights? Take the sum over n away from the formula of the
weight gradient, and what is left is an *outer product*: every output's `gy` times every input's
`x`.

$$
G_{nod} = \frac{\partial L}{\partial y_{no}} \, x_{nd}
\qquad
\frac{\partial L}{\partial w_{od}} = \sum_{n} G_{nod}
$$

$G$ has the shape (N, O, D). It is N times larger than the gradient, which is why the layer does
not make it; but it shows which sample pulls at which weight.
"""


# %%
def sample_gradients(gy, x):
    """What each sample adds to gweight: g[n,o,d] = gy[n,o] x[n,d]

    (N, O), (N, D) -> (N, O, D)
    """
    # >>> solution
    return gy[:, :, None] * x[:, None, :]
    # <<< solution


# %% tags=["hide-input"]
rng = np.random.default_rng(0)
x, weight, bias = rng.standard_normal((3, 5)), rng.standard_normal((4, 5)), np.zeros(4)
gy = rng.standard_normal((3, 4))
parts, whole = sample_gradients(gy, x), linear_backward(gy, x, weight, bias)[1]
fig = Figure(figsize=(7, 2), layout="constrained")
limit = np.abs([*parts, whole]).max()
for axes, part, name in zip(
    fig.subplots(1, 4), [*parts, whole], ["sample 0", "+ sample 1", "+ sample 2", "= gweight"],
    strict=True,
):  # fmt: skip
    axes.imshow(part, cmap="RdBu", vmin=-limit, vmax=limit)
    axes.set(title=name, xticks=[], yticks=[], xlabel="D", ylabel="O")
ALT = """The weight gradient of three samples as coloured grids: three outer products, each striped
in rows and columns, and their sum, which is not."""
figure(fig, "outer_products", alt=ALT)

# %% [markdown]
r"""
## Your layer in the library

minicnn computes the same layer with an op that records itself for the backward pass. Both must
agree to the last digits; here with a loss that is the sum of `gy` times the output, so that `gy`
is its upstream gradient. The doctor (lesson 01) tries other shapes.
"""

# %%
print(diagnose("linear", linear_forward, linear_backward))
tensors = [minicnn.Tensor(a, requires_grad=True) for a in (x, weight, bias)]
y = ops.linear(*tensors)
(y * minicnn.Tensor(gy)).sum().backward()
assert np.allclose(y.numpy(), linear_forward(x, weight, bias), rtol=1e-12)
for tensor, g in zip(tensors, linear_backward(gy, x, weight, bias), strict=True):
    assert np.allclose(tensor.grad.numpy(), g, rtol=1e-12)
print("the lesson's layer equals the library's")

# %% [markdown]
r"""
When your functions pass, put them into the library and train with them:

```
minicnn learn swap 05.2 -- train --data digits --epochs 2
```

## Common mistakes

* **The weight gradient is transposed.** `x.T @ gy` is (D, O). With D = O nothing complains, and
  the network learns nonsense.
* **The bias gradient is not summed over the batch.** A bias is shared by all samples, so all of
  them change it.
* **Divided by the batch size a second time.** The loss is a mean over the batch, so `gy` holds the
  1/N already.
* **The upstream gradient is never used.** With a `gy` of ones this goes unnoticed; lesson 04 told
  why it is drawn at random.

## Further reading

* Yann LeCun, Léon Bottou, Genevieve Orr, Klaus-Robert Müller: *Efficient BackProp*, 1998.
* Terence Parr, Jeremy Howard: *The matrix calculus you need for deep learning*, 2018.
* David Rumelhart, Geoffrey Hinton, Ronald Williams: *Learning representations by back-propagating
  errors*, 1986.
"""
