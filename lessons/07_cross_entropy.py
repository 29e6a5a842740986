# %% [markdown]
r"""
# 07 Softmax cross-entropy that never says NaN

**Goal.** Turn the last layer's numbers into probabilities and these into a loss that is finite for
every input; and find that the gradient of it all is "probability minus label". **Before.** Lesson
06 (large numbers in `exp`). **Time.** Two hours. **Runs** in 2 s. **You can skip this if** you
can derive "probability minus label", and keep the loss finite for logits of 1000.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## From logits to the loss and back

A classifier ends with a dense layer that gives one number per class and sample, its *scores* or
*logits*: `x` of shape (N, C), any numbers. *Softmax* makes probabilities of them: `p`, of the same
shape, is positive and sums to 1 in every row. The *cross-entropy* of a sample is minus the
logarithm of the probability of its true class, the *label* $t_n$, a class number from 0 to C - 1.
The loss $L$ is the mean over the batch, a single number:

$$
p_{nc} = \frac{e^{x_{nc}}}{\sum_j e^{x_{nj}}} \qquad L = \frac{1}{N} \sum_{n} - \ln p_{n,t_n}
$$

A sure right answer costs $-\ln 1 = 0$, a blind guess $\ln C$, a sure wrong answer more than any
limit. The backward pass goes all of this way back to the logits: the layer before needs `gx`, of
the shape (N, C), and has no use for a gradient of `p`.

## Which axis holds the classes?

Each sample has a distribution of its own over the classes, and the classes are the last axis. So
every maximum and sum of softmax runs along the last axis, and keeps it with the length 1
(`keepdims=True`) to fit its row. In a square batch, N = C, the wrong axis has the right shape.

## Exponents that do not overflow

In single precision $e^{89}$ is infinite. But softmax does not care about the level of a row: add
one number $a$ to all its scores, and the factor $e^{a}$ cancels:

$$
\frac{e^{x_{nc} + a}}{\sum_j e^{x_{nj} + a}}
= \frac{e^{a} e^{x_{nc}}}{e^{a} \sum_j e^{x_{nj}}} = p_{nc}
$$

This is *shift invariance*. With $a$ as minus the largest score of the row, no exponent is positive,
and the sum is at least $e^0 = 1$: nothing overflows, and nothing is divided by 0.
"""


# %%
def softmax_forward(x):
    """p[..., c] = e^x[..., c] / sum over j of e^x[..., j], for x of any size and shape (..., C)"""
    # >>> solution
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    # <<< solution


# %% [markdown]
r"""
## A softmax that never says NaN

Each row is shifted by *its own* maximum. With one for the whole batch, a row that lies 1000 below
another becomes $e^{-1000}$ everywhere, which rounds to 0, and 0 divided by 0 is NaN. One trap is
left: a sure wrong answer has $p = e^{-1000}$ and $-\ln 0$ is infinite, though the right loss is
1000. The cure is to take the logarithm on paper. With $m_n$ for the maximum of row $n$:

$$
- \ln p_{n,t_n} = \ln \sum_j e^{x_{nj}} - x_{n,t_n}
= \ln \sum_j e^{x_{nj} - m_n} - (x_{n,t_n} - m_n)
$$

The logarithm of a sum of exponentials is called *log-sum-exp*. After the shift the sum lies between
1 and C. The rest is a difference of scores, and no probability is ever formed.

## Logarithms near 0

Many programs write $\ln(p + 10^{-12})$ instead. That hides the infinity: no loss exceeds 27.7, so
being wrong by 30 and by 1000 look alike, and nothing is learned where the loss is flat. Below,
three formulas without it, for two classes in single precision: where is the loss a number?

## What the mean divides by

There is one loss per sample, however many classes there are: the mean divides by N, once.
"""


# %%
def cross_entropy_forward(x, target):
    """L = mean over n of (ln sum over c of e^x[n,c]) - x[n, target[n]], for x of any size

    (N, C), class numbers (N,) -> a single number
    """
    # >>> solution
    shifted = x - x.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return (log_sums - shifted[np.arange(len(x)), target]).mean()
    # <<< solution


# %% tags=["hide-input"]
grid = np.linspace(-200, 200, 81)
pairs = np.stack(np.broadcast_arrays(grid, grid[:, None]), axis=-1).astype(np.float32)
single = [cross_entropy_forward(pair[None], [0]) for pair in pairs.reshape(-1, 2)]
with np.errstate(all="ignore"):
    losses = {
        "the formula as it stands": -np.log(np.exp(pairs[..., 0]) / np.exp(pairs).sum(-1)),
        "shifted, then ln p": -np.log(softmax_forward(pairs)[..., 0]),
        "log-sum-exp": np.reshape(single, (81, 81)),
    }
fig = Figure(figsize=(8, 3), layout="constrained")
for axes, (name, y) in zip(fig.subplots(1, 3, sharey=True), losses.items(), strict=True):
    kind = 2 * np.isnan(y) + np.isinf(y)
    axes.contourf(grid, grid, kind, [-1, 0.5, 1.5, 3], colors=["#d7ecd9", "#f2b35f", "#d9776a"])
    axes.set(title=name, xlabel="score of the true class", ylabel="of the other", aspect="equal")
    for row, column in ((10, 10), (66, 66), (40, 40), (62, 18)):
        word = ("right", "infinity", "NaN")[kind[row, column]]
        axes.text(grid[column], grid[row], word, ha="center", va="center")
ALT = """The loss in single precision, over two scores from -200 to 200. The formula as it stands is
right only where both are below 88 and the true one is not 100 below 0 or the other, else infinite
or NaN; the shifted one is infinite where the wrong class leads by 100; log-sum-exp is right."""
figure(fig, "regions", alt=ALT)

# %% [markdown]
r"""
## Every probability depends on every score

Raise one score, and all other probabilities of the row fall, for their sum stays 1. So softmax has
a full matrix of slopes per row, where a sigmoid has one slope per entry. By the quotient rule, with
$[c = j]$ for 1 where $c = j$ and else 0, and $g_c$ for the upstream gradient `gy` of $p_c$:

$$
\frac{\partial p_c}{\partial x_j} = p_c \, ([c = j] - p_j) \qquad \frac{\partial L}{\partial x_j}
= \sum_c g_c \frac{\partial p_c}{\partial x_j} = p_j \, (g_j - \sum_c g_c p_c)
$$
"""

# %%
softmax_rule = lambda gy, y: y * (gy - (gy * y).sum(axis=-1, keepdims=True))  # noqa: E731
print(diagnose("softmax", softmax_forward, softmax_rule))

# %% [markdown]
r"""
## Probabilities minus labels

With the loss it gets simpler. The derivative of log-sum-exp by a score is, by the chain rule, an
exponential over the sum of all: the probability. And $x_{n,t_n}$ has the slope 1 for itself:

$$
\frac{\partial}{\partial x_{nc}} \Big( \ln \sum_j e^{x_{nj}} - x_{n,t_n} \Big) = p_{nc} - [c = t_n]
\qquad \frac{\partial L}{\partial x_{nc}} = \frac{p_{nc} - [c = t_n]}{N}
$$

The array $[c = t_n]$, of shape (N, C), has a single 1 per row; it is called *one-hot*. The gradient
is what was said minus what is true. It is 0 for a perfect answer, no entry exceeds 1/N, and each
row sums to 0. The slope of softmax is in it already. The upstream gradient `gy` is a single number
like the loss: 1 where the loss is the end, another one where the loss is multiplied by something.
"""


# %%
def cross_entropy_backward(gy, x, target):
    """gx[n,c] = gy / N (p[n,c] - 1 where c is target[n], else p[n,c]) with p = softmax(x)

    a single number, (N, C), class numbers (N,) -> (N, C)
    """
    # >>> solution
    gx = softmax_forward(x)
    gx[np.arange(len(x)), target] -= 1
    return gx * (gy / len(x))
    # <<< solution


# %% [markdown]
r"""
## A target that leaves some doubt

A one-hot target is never reached: a larger score of the label still lowers the loss, so weights are
driven to grow, and answers to be too sure. *Label smoothing* gives a share $s$ of the target to all
classes evenly, the true one included. The gradient $(p_{nc} - q_{nc}) / N$ is 0 at a finite score:

$$
q_{nc} = (1 - s) \, [c = t_n] + \frac{s}{C} \qquad L = - \frac{1}{N} \sum_n \sum_c q_{nc} \ln p_{nc}
$$
"""


# %%
def smooth_labels(target, classes, smoothing):
    """q[n,c] = (1 - smoothing) [c = target[n]] + smoothing / C;  class numbers (N,) -> (N, C)"""
    # >>> solution
    q = np.full((len(target), classes), smoothing / classes)
    q[np.arange(len(target)), target] += 1 - smoothing
    return q
    # <<< solution


# %% tags=["hide-input"]
x, label = np.array([[2.0, 1.0, -1.0, 0.0, -2.0]]), np.array([1])
smooth = smooth_labels(label, 5, 0.2)
parts = {"p": softmax_forward(x), "label": smooth_labels(label, 5, 0.0),
         "p - label": cross_entropy_backward(1.0, x, label), "smoothed": smooth,
         "p - smoothed": softmax_forward(x) - smooth}  # fmt: skip
fig = Figure(figsize=(8, 2.2), layout="constrained")
for axes, (name, part) in zip(fig.subplots(1, 5, sharey=True), parts.items(), strict=True):
    axes.bar(range(5), part[0], color=np.where(part[0] < 0, "#c0392b", "#1f5f99"))
    axes.set(title=name, xlabel="class", ylim=(-1.05, 1.05), xticks=range(5), yticks=[-1, 0, 1])
ALT = """Bars over five classes: the probabilities, the one-hot label, their difference, negative at
the label and positive elsewhere; and label and difference with smoothing, a little smaller."""
figure(fig, "gradient", alt=ALT)

# %%
print(diagnose("cross_entropy", cross_entropy_forward, cross_entropy_backward))
x, target = 300 * np.random.default_rng(0).standard_normal((4, 6)), np.array([5, 0, 0, 2])
tensor = Tensor(x, requires_grad=True)
loss = ops.cross_entropy(tensor, target)
loss.backward()
assert np.isclose(loss.item(), cross_entropy_forward(x, target), rtol=1e-12)
assert np.allclose(tensor.grad.numpy(), cross_entropy_backward(1.0, x, target), rtol=1e-12)
mine = ops.cross_entropy(tensor, smooth_labels(target, 6, 0.1))
assert np.isclose(mine.item(), ops.cross_entropy(tensor, target, label_smoothing=0.1).item())
print("the lesson's loss equals the library's")

# %% [markdown]
r"""
`minicnn learn swap 07.3 -- train --data digits --label-smoothing 0` trains with your function.

## Common mistakes

* **An exponential overflows for large inputs.** The row's maximum was not subtracted.
* **The shift is the maximum of the batch, not of each row.** NaN for rows that lie far below.
* **The logarithm of a probability that vanishes.** A small constant inside only hides it.
* **Not divided by the batch size.** Or by the number of classes instead.
* **The labels' columns are lowered in every row.** `p[:, target]` picks whole columns.
* **The slope of softmax is multiplied in once more.** "p minus label" is complete.

## Further reading

* John Bridle: *Probabilistic interpretation of feedforward classification network outputs*, 1990.
* Christian Szegedy and others: *Rethinking the Inception architecture for computer vision*, 2016.
* Rafael Müller, Simon Kornblith, Geoffrey Hinton: *When does label smoothing help?*, 2019.
"""
