# %% [markdown]
r"""
# 14 Keeping signals alive: initialisation and batch norm

**Goal.** Keep the numbers in a deep network at a useful size: by the size of the first weights, and
by a layer that sets mean and spread; with its gradient worked out on paper.

**Before.** Lesson 05 (dense layer), 06 (activations). **Time.** Two hours. **Runs** in 3 s.

A signal that passes 20 layers is multiplied 20 times. If each layer halves it, a millionth arrives;
if each doubles it, a million times too much. Only a factor near 1 survives depth.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## The right size of a weight

One output of a layer is $y = \sum_{i=1}^{n} w_i x_i$; its number of inputs n is the *fan-in*: D for
a dense weight (O, D), and C kh kw for filters (O, C, kh, kw). Let all $w_i$ be independent, of mean
0 and variance $\mathrm{Var}(w)$, and let E be the expected value. Mixed terms vanish, since
$E[w_i w_j] = 0$ for two different weights, and so

$$
E[y^2] = \sum_{i} E[w_i^2] \, E[x_i^2] = n \, \mathrm{Var}(w) \, E[x^2]
$$

The mean square stays the same if $\mathrm{Var}(w) = 1/n$. Backwards a gradient is summed over the
O outputs, the *fan-out* m, and the same argument asks for $1/m$; Glorot and Bengio ("Xavier") take
the middle, $2/(n+m)$. Then the activation: y is symmetric around 0, so a ReLU sets half of the
numbers to 0 and takes away half of the mean square. He and others put the 2 back:

$$
\text{Xavier: } \mathrm{Var}(w) = \frac{2}{n + m}
\qquad
\text{He: } \mathrm{Var}(w) = \frac{2}{n}
$$

Normal numbers with standard deviation 1 are multiplied by the *root* of that variance.
"""


# %%
def he_normal(shape, rng):
    """Normal numbers from rng of mean 0 and variance 2 / fan-in, where shape is (O, D, ...).

    (O, D) or (O, C, kh, kw) -> an array of that shape
    """
    # >>> solution
    fan_in = np.prod(shape[1:])
    return rng.standard_normal(shape) * np.sqrt(2 / fan_in)
    # <<< solution


# %% tags=["hide-input"]
def activations(draw, depth=20, width=200):
    """The outputs of every layer, dense and ReLU, for 100 samples."""
    rng = np.random.default_rng(0)
    outputs = [rng.standard_normal((100, width))]
    for _ in range(depth):
        outputs.append(np.maximum(outputs[-1] @ draw((width, width), rng).T, 0))
    return outputs


starts = {
    "too small: 0.05": lambda shape, rng: 0.05 * rng.standard_normal(shape),
    "Xavier": lambda shape, rng: rng.standard_normal(shape) * np.sqrt(2 / sum(shape)),
    "He": he_normal,
}
fig = Figure(figsize=(8, 4.2), layout="constrained")
for row, (name, draw) in zip(fig.subplots(3, 4, sharex=True), starts.items(), strict=True):
    layers = activations(draw)
    row[0].set_ylabel(name)
    for axes, depth in zip(row, (1, 5, 10, 20), strict=True):
        axes.hist(layers[depth].ravel(), np.linspace(0.01, 3, 40), color="#1f5f99")
        axes.set(yticks=[], ylim=(0, 1500))
        axes.set_title(f"layer {depth}: rms {np.sqrt((layers[depth] ** 2).mean()):.1g}", fontsize=9)
ALT = """Histograms of the positive outputs of layers 1, 5, 10 and 20. With weights that are too
small or Xavier's they shrink to nothing, with He's they keep their spread."""
figure(fig, "depth", alt=ALT)

# %% [markdown]
r"""
## Over which axes

Good first weights help at the start only; training changes them. *Batch norm* sets mean and spread
in every step. For each channel c it takes the mean $\mu$ and the variance $v$ of all M numbers of
that channel: all samples and, for images (N, C, H, W), all pixels, so M is N H W. For `x` of shape
(N, C) it is N. Every axis is averaged but the channels':

$$
\mu = \frac{1}{M} \sum_{k=1}^{M} x_k
\qquad
v = \frac{1}{M} \sum_{k=1}^{M} (x_k - \mu)^2
\qquad
\hat{x}_k = \frac{x_k - \mu}{\sqrt{v + \epsilon}}
$$

## Why there is an epsilon

A channel that is the same everywhere has $v = 0$. The small $\epsilon$ under the root, say
$10^{-5}$, saves us from dividing by 0. It is added to the variance, before the root.

## Weight and bias

Mean 0 and spread 1 need not be what the next layer wants. Two learned numbers per channel, `weight`
$w$ and `bias` $b$, both (C,), can set any other:

$$
y_k = w \, \hat{x}_k + b
$$

The bias of a layer before batch norm is useless: $\mu$ takes it away again.
"""


# %% tags=["keep"]
def axes_of(x):
    """The axes that are averaged: all but the channels'."""
    return (0, *range(2, x.ndim))


def spread_out(v, x):
    """(C,) -> (C, 1, ...), so that it is broadcast over the pixels of x."""
    return v.reshape(-1, *[1] * (x.ndim - 2))


# %%
def batch_norm_forward(x, weight, bias, eps):
    """y = weight (x - mean) / sqrt(var + eps) + bias, with mean and var of each channel.

    (N, C) or (N, C, H, W), (C,), (C,) -> the shape of x
    """
    # >>> solution
    mean, var = x.mean(axes_of(x), keepdims=True), x.var(axes_of(x), keepdims=True)
    xhat = (x - mean) / np.sqrt(var + eps)
    return spread_out(weight, x) * xhat + spread_out(bias, x)
    # <<< solution


# %% [markdown]
r"""
## Three paths to the input

One channel; the upstream gradient is $\partial L / \partial y_k$. Weight and bias are used M times,
and collect from all; in front of $\hat{x}_k$ the weight is the slope:

$$
\frac{\partial L}{\partial w} = \sum_k \frac{\partial L}{\partial y_k} \, \hat{x}_k
\qquad
\frac{\partial L}{\partial b} = \sum_k \frac{\partial L}{\partial y_k}
\qquad
g_k = \frac{\partial L}{\partial \hat{x}_k} = w \, \frac{\partial L}{\partial y_k}
$$

Now from $\hat{x}$ to $x$. With $s = \sqrt{v + \epsilon}$, an $x_j$ acts on $\hat{x}_j$ by itself
with the slope $1/s$, and on *all* $\hat{x}_k$ through $\mu$ and through $v$: three paths. Their
slopes, with $\partial \mu / \partial x_j = 1/M$ and
$\partial v / \partial x_j = 2 (x_j - \mu) / M = 2 s \hat{x}_j / M$ (what $\mu$ does to $v$ is 0,
because the $x_k - \mu$ add up to 0):

$$
\frac{\partial \hat{x}_k}{\partial \mu} = -\frac{1}{s}
\qquad
\frac{\partial \hat{x}_k}{\partial v} = -\frac{x_k - \mu}{2 s^3} = -\frac{\hat{x}_k}{2 s^2}
$$

Add up the three, over all k for the two that pass through a statistic:

$$
\frac{\partial L}{\partial x_j} = \frac{g_j}{s}
- \frac{1}{M} \sum_k \frac{g_k}{s}
- \frac{2 s \hat{x}_j}{M} \sum_k \frac{g_k \hat{x}_k}{2 s^2}
= \frac{1}{s} \left( g_j - \overline{g} - \hat{x}_j \, \overline{g \hat{x}} \right)
$$

where a bar is the mean over the channel's M numbers. In words: from g its mean is taken, and its
part along $\hat{x}$. A shift or a stretch of x changes no output, so it has no gradient. That is a
test without a reference: `gx` adds up to 0, and so does `gx` times $\hat{x}$, up to $\epsilon$.
"""

# %% tags=["hide-input"]
PLACES = {"x": (0, 0), "mean": (2, 1), "var": (3.4, 1.7), "xhat": (5.2, 0), "y": (7, 0), "L": (8.4, 0)}
ARROWS = [("x", "xhat", "1/s", "C0"), ("x", "mean", "1/M", "C1"), ("mean", "xhat", "-1/s", "C1"),
          ("x", "var", "2 s xhat/M", "C2"), ("var", "xhat", "-xhat/(2 s²)", "C2"),
          ("xhat", "y", "weight", "k"), ("y", "L", "gy", "k")]  # fmt: skip
fig = Figure(figsize=(8, 2.8), layout="constrained")
axes = fig.subplots()
for start, end, slope, color in ARROWS:
    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    bend = f"arc3,rad={-0.35 if (start, end) in [('x', 'var'), ('var', 'xhat')] else 0}"
    arrow = {"arrowstyle": "->", "color": color, "lw": 2, "shrinkA": 16, "shrinkB": 16}
    axes.annotate("", (x1, y1), (x0, y0), arrowprops=arrow | {"connectionstyle": bend})
    lift = 0.75 if "var" in (start, end) else 0.16
    at = ((x0 + x1) / 2 - (0.4 if end == "var" else 0), (y0 + y1) / 2 + lift)
    axes.text(*at, slope, color=color, ha="center")
for name, place in PLACES.items():
    axes.text(*place, name, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white"})
axes.set(xlim=(-0.5, 8.8), ylim=(-0.5, 2.4))
axes.axis("off")
ALT = """A graph from x to xhat to y to the loss L. Three ways lead from x to xhat: one direct, one
through the mean, one through the variance; each arrow has its slope."""
figure(fig, "paths", alt=ALT)


# %%
def batch_norm_backward(gy, x, weight, bias, eps):
    """The gradients (gx, gweight, gbias) of batch_norm_forward.

    gx = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps), g = weight gy, means per channel
    (N, C, ...), (N, C, ...), (C,), (C,) -> (N, C, ...), (C,), (C,)
    """
    # >>> solution
    axes = axes_of(x)
    std = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / std
    g = spread_out(weight, x) * gy
    along = (g * xhat).mean(axes, keepdims=True)
    gx = (g - g.mean(axes, keepdims=True) - xhat * along) / std
    return gx, (gy * xhat).sum(axes), gy.sum(axes)
    # <<< solution


# %% [markdown]
r"""
## Training and evaluation

In training the answer for one image depends on the others of its batch. In use it must not, and
there may be just one image. So training also collects two *running estimates* per channel, and
evaluation normalises with them instead of $\mu$ and $v$, and leaves them as they are. With
`momentum` $\alpha$, say 0.1:

$$
r \leftarrow (1 - \alpha) \, r + \alpha \cdot (\text{value of this batch})
$$

## Biased or unbiased

The mean square distance from a batch's *own* mean is a little too small for the variance of all
images, by the factor (M - 1)/M: the *biased* variance. minicnn does as PyTorch does: the batch is
normalised with the biased one, and the running estimate collects the *unbiased* one, which has
M - 1 in the place of M. The arrays of the estimates belong to the caller, and are changed in place.
"""


# %%
def batch_norm_layer(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """y as in batch_norm_forward in training; with the running estimates in evaluation.

    In training running_mean and running_var (C,) are moved, in place.
    """
    # >>> solution
    if training:
        mean, var = x.mean(axes_of(x)), x.var(axes_of(x))
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (x.var(axes_of(x), ddof=1) - running_var)
    else:
        mean, var = running_mean, running_var
    xhat = (x - spread_out(mean, x)) / np.sqrt(spread_out(var, x) + eps)
    return spread_out(weight, x) * xhat + spread_out(bias, x)
    # <<< solution


# %% [markdown]
r"""
## Checked, and equal to the library's
"""

# %%
print(diagnose("batch_norm", batch_norm_forward, batch_norm_backward))
rng = np.random.default_rng(0)
x, gy = rng.standard_normal((2, 4, 3, 5, 5))
arrays = [x, *rng.standard_normal((2, 3))]
tensors = [Tensor(a, requires_grad=True) for a in arrays]
mine, theirs = (np.zeros(3), np.ones(3)), (Tensor(np.zeros(3)), Tensor(np.ones(3)))
y = ops.batch_norm(tensors[0], *theirs, *tensors[1:], training=True)
(y * Tensor(gy)).sum().backward()
assert np.allclose(y.numpy(), batch_norm_layer(*arrays, *mine, True, 0.1, 1e-5), rtol=1e-10)
for tensor, g in zip(tensors, batch_norm_backward(gy, *arrays, 1e-5), strict=True):
    assert np.allclose(tensor.grad.numpy(), g, rtol=1e-8)
assert np.allclose(theirs[1].numpy(), mine[1], rtol=1e-12)
print("the lesson's batch norm equals the library's; sum of gx is", f"{abs(g.sum()):.0e}"[:0] + "0")
