# %% [markdown]
r"""
# 14 Keeping signals alive: initialisation and batch norm

**Goal.** Keep the numbers in a deep network at a useful size: by the first weights, and by a layer
that sets mean and spread, with its gradient worked out on paper. **Before.** Lessons 05, 06, 10.
**Time.** Two hours. **Runs** in 3 s. **You can skip this if** you can derive batch norm's gradient.

If each of 20 layers halves a signal, a millionth arrives. Only a factor near 1 survives depth.
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
a dense weight (O, D), C kh kw for filters (O, C, kh, kw). Let all $w_i$ be independent of each
other and of x, of mean 0 and variance Var(w); E: expected value. As $E[w_i w_j] = 0$ if $i \neq j$,

$$
E[y^2] = \sum_{i} E[w_i^2] \, E[x_i^2] = n \, \mathrm{Var}(w) \, E[x^2]
$$

The mean square stays the same if Var(w) = 1/n. Backwards a gradient sums over the *fan-out* m, O or
O kh kw outputs, and the same argument asks for 1/m; Glorot and Bengio ("Xavier") take the middle,
2/(n + m). But y is symmetric around 0, so a ReLU sets half of the numbers to 0 and takes away half
of the mean square. He and others put a 2 there: **Var(w) = 2/n**. (rms: root of the mean square.)
"""


# %%
def he_normal(shape, rng):
    """Normal numbers from rng, of mean 0 and variance 2 / fan-in; shape (O, D) or (O, C, kh, kw)"""
    # >>> solution
    return rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    # <<< solution


# %% tags=["hide-input"]
xavier = lambda s, rng: rng.standard_normal(s) * np.sqrt(2 / sum(s))  # noqa: E731
starts = {"0.05": lambda s, rng: 0.05 * rng.standard_normal(s), "Xavier": xavier, "He": he_normal}
fig = Figure(figsize=(8, 4.2), layout="constrained")
for row, (name, draw) in zip(fig.subplots(3, 4, sharex=True), starts.items(), strict=True):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 300))
    for layer in range(1, 21):
        x = np.maximum(x @ draw((200, x.shape[1]), rng).T, 0)  # dense, ReLU
        if layer in (1, 5, 10, 20):
            axes = row[(1, 5, 10, 20).index(layer)]
            axes.hist(x.ravel(), np.linspace(0.01, 3, 40), color="#1f5f99")
            axes.set(yticks=[], ylim=(0, 1500))
            axes.set_title(f"{name}, layer {layer}: rms {(x**2).mean() ** 0.5:.1g}", fontsize=9)
ALT = """Histograms of the positive outputs of layers 1, 5, 10 and 20. With weights that are too
small or Xavier's they shrink to nothing, with He's they keep their spread."""
figure(fig, "depth", alt=ALT)

# %% [markdown]
r"""
## Over which axes

Training changes the weights. *Batch norm* sets mean and spread in every step. For each channel c it
takes the mean $\mu$ and the variance $v$ of all M numbers of that channel: all samples and, for
images (N, C, H, W), all pixels, so M is N H W, or N for `x` (N, C):

$$
\mu = \frac{1}{M} \sum_{k=1}^{M} x_k \qquad v = \frac{1}{M} \sum_{k=1}^{M} (x_k - \mu)^2
\qquad \hat{x}_k = \frac{x_k - \mu}{\sqrt{v + \epsilon}}
$$

## Why there is an epsilon

A channel that is the same everywhere has $v = 0$. A small $\epsilon$, say $10^{-5}$, is added to
the variance, before the root, and saves us from dividing by 0.

## Weight and bias

Mean 0 and spread 1 need not be what the next layer wants. Two learned numbers per channel, `weight`
$w$ and `bias` $b$, both (C,), set any other: $y_k = w \hat{x}_k + b$. The bias of a layer before
batch norm is useless, since $\mu$ takes it away again.
"""


# %% tags=["keep"]
def axes_of(x):
    return (0, *range(2, x.ndim))


def spread_out(v, x):
    """(C,) -> (C, 1, ...)"""
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

One channel; $q_k = \partial L / \partial y_k$ is the upstream gradient. Weight and bias are used M
times, and collect from all; the slope of $y_k$ with respect to $\hat{x}_k$ is the weight:

$$
\frac{\partial L}{\partial w} = \sum_k q_k \hat{x}_k \qquad
\frac{\partial L}{\partial b} = \sum_k q_k \qquad
g_k = \frac{\partial L}{\partial \hat{x}_k} = w \, q_k
$$

With $s = \sqrt{v + \epsilon}$, an $x_j$ acts on $\hat{x}_j$ by itself, slope $1/s$, and on *all*
$\hat{x}_k$ through $\mu$ and through $v$: three paths. The slopes of the steps on the way are

$$
\frac{\partial \mu}{\partial x_j} = \frac{1}{M} \qquad
\frac{\partial v}{\partial x_j} = \frac{2 (x_j - \mu)}{M} = \frac{2 s \hat{x}_j}{M} \qquad
\frac{\partial \hat{x}_k}{\partial \mu} = -\frac{1}{s} \qquad
\frac{\partial \hat{x}_k}{\partial v} = -\frac{x_k - \mu}{2 s^3} = -\frac{\hat{x}_k}{2 s^2}
$$

($\mu$ does not move $v$, because the $x_k - \mu$ add up to 0). The sum of the three paths, over
all k for the two that pass through a statistic:

$$
\frac{\partial L}{\partial x_j} = \frac{g_j}{s}
- \frac{1}{M} \sum_k \frac{g_k}{s}
- \frac{2 s \hat{x}_j}{M} \sum_k \frac{g_k \hat{x}_k}{2 s^2}
= \frac{1}{s} \left( g_j - \overline{g} - \hat{x}_j \, \overline{g \hat{x}} \right)
$$

where a bar is the mean over the M numbers: g loses its mean and its part along $\hat{x}$. A shift
or a stretch of x changes no output. So `gx` must add up to 0, and `gx` times $\hat{x}$ almost.
"""

# %% tags=["hide-input"]
PLACES = {"x": (0, 0), "mean": (2.5, 1), "var": (2.5, -1), "xhat": (5, 0), "y": (7, 0), "L": (9, 0)}
ARROWS = [("x", "xhat", "1/s", "C0"), ("x", "mean", "1/M", "C1"), ("mean", "xhat", "-1/s", "C1"),
          ("x", "var", "2 s xhat/M", "C2"), ("var", "xhat", "-xhat/(2 s²)", "C2"),
          ("xhat", "y", "weight", "k"), ("y", "L", "upstream", "k")]  # fmt: skip
axes = (fig := Figure(figsize=(8, 2.8), layout="constrained")).subplots()
for start, end, slope, color in ARROWS:
    arrow = {"arrowstyle": "->", "color": color, "lw": 2, "shrinkA": 16, "shrinkB": 16}
    axes.annotate("", PLACES[end], PLACES[start], arrowprops=arrow)
    at = np.add(PLACES[start], PLACES[end]) / 2 + (0, -0.45 if color == "C2" else 0.15)
    axes.text(*at, slope, color=color, ha="center")
for name, place in PLACES.items():
    axes.text(*place, name, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white"})
axes.set(xlim=(-0.5, 9.4), ylim=(-1.4, 1.4))
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

In training the answer for one image depends on the others of its batch. In use it must not. So
training collects two *running estimates* r per channel: $r \leftarrow (1 - \alpha) r + \alpha u$,
where u is the batch's value, and `momentum` is $\alpha$, say 0.1 (in lesson 08, the share of the
old). Evaluation normalises with them instead of $\mu$ and $v$, and leaves them as they are.

## Biased or unbiased

Measured from a batch's *own* mean the variance is too small on average, by the factor (M - 1)/M; it
is *biased*. As in PyTorch, the batch is normalised with the biased one, and the running estimate
collects the *unbiased* one, divided by M - 1. The caller's arrays are changed in place.
"""


# %%
def batch_norm_layer(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """In training batch_norm_forward; it also moves the running arrays (C,). Else y uses those."""
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


# %%
print(diagnose("batch_norm", batch_norm_forward, batch_norm_backward))
rng = np.random.default_rng(0)
x, gy = rng.standard_normal((2, 4, 3, 5, 5))
arrays = [x, *rng.standard_normal((2, 3))]
tensors = [Tensor(a, requires_grad=True) for a in arrays]
mine, theirs = (np.zeros(3), np.ones(3)), (Tensor(np.zeros(3)), Tensor(np.ones(3)))
y = ops.batch_norm(tensors[0], *theirs, *tensors[1:], training=True)
(y * Tensor(gy)).sum().backward()
pairs = [(y, batch_norm_layer(*arrays, *mine, True, 0.1, 1e-5)), *zip(theirs, mine, strict=True)]
pairs += zip([t.grad for t in tensors], batch_norm_backward(gy, *arrays, 1e-5), strict=True)
assert all(np.allclose(theirs.numpy(), mine, rtol=1e-8) for theirs, mine in pairs)
print("the lesson's batch norm equals the library's")

# %% [markdown]
r"""
## Common mistakes

* **The path through the mean is missing**, or **through the variance**. The two sums are not 0.
* **Each pixel has statistics of its own.** `x.mean(0)` is right for (N, C), wrong for images.
* **Forward and backward divide by different counts.** Both by M; M - 1 is for `running_var` alone.
* **Epsilon stands outside the root.** It shows only where the variance is small.
* **In evaluation the batch's own statistics are used.** The answer depends on the neighbours.

## Further reading

* Xavier Glorot, Yoshua Bengio: *Understanding the difficulty of training deep feedforward neural
  networks*, 2010. Kaiming He and others: *Delving deep into rectifiers*, 2015.
* Sergey Ioffe, Christian Szegedy: *Batch normalization*, 2015.
"""
