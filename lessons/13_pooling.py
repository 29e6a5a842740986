# %% [markdown]
r"""
# 13 Pooling

**Goal.** Make images smaller, forward and backward: by the largest pixel of a window, by the mean
of a window, or of the whole image. **Before.** Lesson 06 (a slope may be 0 or 1) and lesson 10
(windows that slide over an image). **Time.** About an hour. **Runs** in 3 s. **You can skip this
if** you know where the gradient goes at ties, and where windows overlap.

A convolution tells for every place how strongly a pattern is there. Often the exact place matters
little. *Pooling* puts a summary of a small window in the place of the window: the layers behind it
are cheaper, and a pattern may move by a pixel. Pooling has no weights; its backward pass has one
question to answer, where the gradient goes.
"""

# %%
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## Windows that overlap

Images `x` have the shape (N, C, H, W): N images of C channels, H rows and W columns. Each channel
is pooled for itself. The *kernel size* (kh, kw) is the size of a window, the *stride* (sh, sw) the
distance to the next; the window of output (i, j) begins at row $i\,s_h - p_h$ and column
$j\,s_w - p_w$, with the *padding* (ph, pw) of lesson 10. If stride and kernel size are equal,
the windows lie side by side. With a smaller stride they overlap (AlexNet: windows of 3, stride 2).

The helper lists all windows. What lies in the padding is cut off: padding must not win, not even
where all pixels are negative.

*Max pooling* keeps the largest pixel of each window. With $\Omega_{ij}$ for the set of pixels
(p, q) in the window of output (i, j):

$$
y_{ncij} = \max_{(p,q) \in \Omega_{ij}} x_{ncpq}
$$
"""


# %% tags=["keep"]
def windows(shape, kernel_size, stride, padding=0):
    """All windows of images (N, C, H, W): output row i and column j, and two slices of x.

    kernel_size, stride, padding: a number or a pair. A slice may end behind the image's end.
    """
    pairs = [v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, padding)]
    (kh, kw), (sh, sw), (ph, pw) = pairs
    for i, top in enumerate(range(-ph, shape[2] + ph - kh + 1, sh)):
        for j, left in enumerate(range(-pw, shape[3] + pw - kw + 1, sw)):
            yield i, j, slice(max(top, 0), top + kh), slice(max(left, 0), left + kw)


# %%
def max_pool2d_forward(x, kernel_size, stride, padding):
    """y[n,c,i,j] = the largest pixel of x[n,c] in window (i, j)

    (N, C, H, W) -> (N, C, H', W')
    """
    # >>> solution
    i, j, _, _ = list(windows(x.shape, kernel_size, stride, padding))[-1]
    y = np.empty((*x.shape[:2], i + 1, j + 1), x.dtype)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride, padding):
        y[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
    return y
    # <<< solution


# %% [markdown]
r"""
## The winner takes it all

How does $y_{ncij}$ change when a pixel of its window changes a little? If the pixel is the
largest, the *winner*, by the same amount: slope 1. If not, not at all: slope 0. With the upstream
gradient `gy` (N, C, H', W'), and with [...] for 1 where the condition holds and else 0:

$$
\frac{\partial L}{\partial x_{ncpq}} = \sum_{i,j} \frac{\partial L}{\partial y_{ncij}}
\, \left[ (p,q) \text{ wins window } (i,j) \text{ of image } n \text{, channel } c \right]
$$

So every number of `gy` is delivered to one pixel. The sum is there because a pixel may win
*several* windows where they overlap: in the figure the 9 wins two, and gets 2 - 3 = -1; of the two
sixes the upper one wins. Every image and every channel has winners of its own.

## When two pixels tie

Two pixels of a window may be equal; after a ReLU whole regions are exactly 0. If all of them got
`gy`, the gradient would be multiplied on its way back. One must win, and the agreed rule is: the
first in *reading order*, row by row from the top, from left to right in a row. NumPy's `argmax` of
a flattened window has the same rule.
"""


# %%
def max_pool2d_backward(gy, x, kernel_size, stride, padding):
    """gx = gy at the winner of each window, added up where a pixel wins several; else 0.

    Of equal pixels the first in reading order wins.
    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    # >>> solution
    gx = np.zeros_like(x)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride, padding):
        window = x[:, :, rows, columns]
        flat = window.reshape(*window.shape[:2], -1)
        winner = flat.argmax(axis=-1)
        wins = np.arange(flat.shape[-1]) == winner[:, :, None]
        gx[:, :, rows, columns] += gy[:, :, i, j, None, None] * wins.reshape(window.shape)
    return gx
    # <<< solution


# %% tags=["hide-input"]
def draw_grid(axes, values, title, shade=()):
    for (p, q), value in np.ndenumerate(values):
        color = "#f6c9a8" if (p, q) in shade else "white"
        axes.add_patch(Rectangle((q - 0.5, p - 0.5), 1, 1, fc=color, ec="#999999"))
        axes.text(q, p, f"{value:g}", ha="center", va="center", fontsize=11)
    axes.set(xlim=(-0.6, q + 0.6), ylim=(p + 0.6, -0.6), aspect="equal", title=title)
    axes.axis("off")


x = np.array([[1, 3, 2, 0, 1], [0, 2, 5, 1, 4], [2, 0, 1, 9, 2], [6, 1, 0, 2, 1], [3, 6, 4, 7, 0]])
gy = np.array([[1.0, 2.0], [4.0, -3.0]])
gx = max_pool2d_backward(gy[None, None], 1.0 * x[None, None], 3, 2, 0)[0, 0]
winners = set(map(tuple, np.argwhere(gx)))
fig = Figure(figsize=(8, 3.3), layout="constrained")
left, middle, right = fig.subplots(1, 3, width_ratios=[2, 5, 5])
draw_grid(left, gy, "gy")
draw_grid(middle, x, "x, windows of 3, stride 2", winners)
draw_grid(right, gx, "gx", winners)
for n, (i, j, rows, columns) in enumerate(windows((1, 1, 5, 5), 3, 2)):
    p, q = np.unravel_index(x[rows, columns].argmax(), (3, 3))
    edge = 0.44 - 0.05 * n
    corner = (columns.start - edge, rows.start - edge)
    middle.add_patch(Rectangle(corner, 2 + 2 * edge, 2 + 2 * edge, fill=False, ec=f"C{n}", lw=2))
    to = (columns.start + q - 0.25, rows.start + p + 0.13 * (n - 1.5))
    arrow = {"arrowstyle": "->", "color": f"C{n}", "lw": 1.6, "axesA": left, "axesB": middle}
    fig.add_artist(ConnectionPatch((j + 0.3, i), to, "data", "data", **arrow))
ALT = """Three grids of numbers. Arrows lead from the four entries of gy to the largest pixel of
their windows in x. The 9 wins two windows; its entry in gx is their sum."""
figure(fig, "routing", alt=ALT)

# %% [markdown]
r"""
## What comes in goes out

Each number of `gy` is delivered once, so the sum of `gx` is the sum of `gy`. This test in one line
finds two bugs: giving to all ties makes gradient out of nothing, and where windows overlap, an
assignment `=` in the place of `+=` loses some.

## Everyone gets a share

*Average pooling* takes the mean of the window. All its kh times kw pixels have the same slope:

$$
y_{ncij} = \frac{1}{k_h k_w} \sum_{(p,q) \in \Omega_{ij}} x_{ncpq}
\qquad
\frac{\partial L}{\partial x_{ncpq}} = \frac{1}{k_h k_w}
\sum_{(i,j):\, (p,q) \in \Omega_{ij}} \frac{\partial L}{\partial y_{ncij}}
$$

The second sum runs over all windows that the pixel is in: where they overlap, shares add up. The
pixels' values play no part, only their places. Again the sum of `gx` is the sum of `gy`.

## Repeat and tile

Where windows lie side by side, this `gx` is `gy` *enlarged*: each number becomes a block of kh by
kw equal numbers, over their count. NumPy's `repeat`, along both axes, makes such blocks; `tile`
gives the same shape and lays copies of the whole image beside each other.

## One number per channel

*Global average pooling* has one window, the image: (N, C, H, W) becomes (N, C, 1, 1). Modern
networks end with it: the dense layer behind it needs C inputs, whatever the image's size.
"""


# %%
def avg_pool2d_backward(gy, x, kernel_size, stride):
    """gx = the sum of gy / (kh kw) over all windows that a pixel is in; no padding.

    (N, C, H', W'), (N, C, H, W) -> (N, C, H, W)
    """
    # >>> solution
    gx = np.zeros_like(x)
    for i, j, rows, columns in windows(x.shape, kernel_size, stride):
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        gx[:, :, rows, columns] += gy[:, :, i, j, None, None] / pixels
    return gx
    # <<< solution


def global_avg_pool2d_backward(gy, x):
    """gx[n,c,p,q] = gy[n,c,0,0] / (H W)

    (N, C, 1, 1), (N, C, H, W) -> (N, C, H, W)
    """
    # >>> solution
    height, width = x.shape[2:]
    return np.ones_like(x) * gy / (height * width)
    # <<< solution


# %% [markdown]
r"""
## Checked, and equal to the library's
"""

# %%
print(diagnose("max_pool2d", max_pool2d_forward, max_pool2d_backward))
rng = np.random.default_rng(0)
x = rng.integers(0, 9, (2, 3, 7, 9)).astype(float)
for name, backward, how in (
    ("max_pool2d", max_pool2d_backward, (3, 2, 0)), ("avg_pool2d", avg_pool2d_backward, (3, 2)),
    ("global_avg_pool2d", global_avg_pool2d_backward, ()),
):  # fmt: skip
    tensor = Tensor(x, requires_grad=True)
    y = getattr(ops, name)(tensor, *how)
    gy = rng.standard_normal(y.shape)
    (y * Tensor(gy)).sum().backward()
    gx = backward(gy, x, *how)
    assert np.allclose(gx, tensor.grad.numpy(), rtol=1e-12)
    assert np.isclose(gx.sum(), gy.sum())
assert np.array_equal(ops.max_pool2d(Tensor(x), 3, 2).numpy(), max_pool2d_forward(x, 3, 2, 0))
print("the lesson's pooling equals the library's; sum of gx = sum of gy")

# %% [markdown]
r"""
## Common mistakes

* **Every one of several equal maxima gets the whole gradient.** `x == y` is true for all of them.
* **Windows that overlap overwrite one another instead of adding up.** Use `+=`, not `=`.
* **The windows lie side by side, as if the stride were the kernel size.** Not for 3 with stride 2.
* **The winner's place in the window has row and column exchanged.** Divide by the *columns*.
* **Divided by the window's side, not by its number of pixels.** A window of 3 by 3 has 9.

## Further reading

* Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner: *Gradient-based learning applied to
  document recognition*, 1998, section II.
* Min Lin, Qiang Chen, Shuicheng Yan: *Network in network*, 2014: global average pooling.
"""
