# %% [markdown]
r"""
# 10 Convolution with loops

**Goal.** Write the layer that gives convolutional networks their name, forward and backward, with
loops that say what the formula says; and know where every window begins. **Before.** Lesson 05 (the
dense layer). **Time.** Two hours. **Runs** in 2 s. **You can skip this if** you can write a
convolution's backward pass with stride, padding and dilation.

A dense layer learns an edge at the left and the same edge at the right as two things. A
*convolution* uses one small array of weights, the *kernel*, at every place of the image.

## A sum of shifted products

Let the image $x$ be (H, W), grey values, and the kernel $w$ (kh, kw). Lay the kernel on the image
with its corner on pixel $(i, j)$, multiply what lies on top of each other, and add up. The pixels
under the kernel are the *window* of output pixel $(i, j)$:

$$
y_{ij} = \sum_{u=0}^{kh-1} \sum_{v=0}^{kw-1} x_{i+u,\,j+v} \, w_{uv}
$$

Read it in two ways. For a fixed $(i, j)$ a window is weighed, and slides; the figure's kernel has
the rows (-1, 0, 1). For a fixed $(u, v)$ the *whole image*, shifted, is multiplied by one number.
A window lies inside the image, so its first row is one of 0 to H - kh, the last included.
"""

# %%
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.learn import figure
from minicnn.testing.doctor import diagnose


def correlate(image, kernel):
    (h, w), (kh, kw) = np.subtract(image.shape, kernel.shape) + 1, kernel.shape
    return sum(kernel[u, v] * image[u : u + h, v : v + w] for u, v in np.ndindex(kh, kw))


# %% tags=["hide-input"]
def draw_grid(axes, marks, values):
    colours = ListedColormap(["#fff", "#f5b041", "#7fb3d5", "#a2d9a5", "#ddd"])
    axes.pcolormesh(marks, cmap=colours, vmin=0, vmax=4, ec="#566573", lw=0.7)
    for i, j in np.argwhere(marks != 4):
        axes.text(j + 0.5, i + 0.5, values[i, j], ha="center", va="center", fontsize=8)
    axes.set(ylim=(len(marks), 0), aspect="equal", xticks=[], yticks=[])


image = np.array([[0, 0, 1, 2, 0], [0, 1, 3, 1, 0], [0, 2, 2, 0, 1], [1, 3, 0, 0, 2]])
fig = Figure(figsize=(8, 3), layout="constrained")
for k, (above, below) in enumerate(fig.subplots(2, 4, height_ratios=(4, 2)).T):
    i, j = divmod(k, 3)
    read, made = np.zeros((4, 5)), np.full((2, 3), 4)
    read[i : i + 3, j : j + 3], made.flat[:k], made[i, j] = 1, 0, 2
    draw_grid(above, read, image)
    draw_grid(below, made, correlate(image, np.array([[-1, 0, 1]] * 3)))
figure(fig, "sliding", alt="A window in four steps over an image; below, the output fills up.")

# %% [markdown]
r"""
## Correlation and convolution

In mathematics a convolution turns the kernel round, so that its first entry meets the window's
last pixel. What every network library computes, and we above, is called *cross-correlation*
there. A gradient check cannot find a turned kernel, as both passes agree; comparing outputs can.
The kernel of the figure compares right with left: it finds vertical edges. With a middle row that
counts twice it is the *Sobel* filter; its transpose finds horizontal edges.
"""

# %% tags=["hide-input"]
rows, cols = np.mgrid[-22:42, -24:40]
image = 0.6 * (rows**2 + cols**2 < 225) + (abs(rows - 29) < 7) * (abs(cols - 20) < 12)
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
shown = {"image": image, "Sobel": correlate(image, sobel), "transposed": correlate(image, sobel.T)}
fig = Figure(figsize=(7, 2.5), layout="constrained")
for axes, (name, picture) in zip(fig.subplots(1, 3), shown.items(), strict=True):
    axes.imshow(picture, cmap="gray")
    axes.set(title=name, xticks=[], yticks=[])
figure(fig, "edges", alt="A disc and a box; then their vertical edges; then their horizontal ones.")

# %% [markdown]
r"""
## Where a window begins

*Padding* p puts p rows of zeros above and below the image: zero adds nothing to a sum. *Stride* s
moves the window s rows at a time. Window $i$ begins in row $i s$ of the padded image, which is row
$i s - p$ of $x$. On the way back p rows and columns are cut off again at each side.

## Windows with gaps

*Dilation* d spreads the kernel: row $u$ of the kernel meets row $i s + u d$ of the padded image.
With k for kh (columns: kw), a window has $d (k - 1) + 1$ rows from first to last; k for d = 1.

## How many windows fit

There are $H + 2p$ rows. One window fits if they are enough, and one more for each stride left:

$$
H' = \left\lfloor \frac{H + 2p - d (k - 1) - 1}{s} \right\rfloor + 1
$$

It is rounded down: where a rest is left, the last rows belong to no window, and have no gradient.
Below, the first window is orange, the second one blue, what both meet green, and padding grey.
"""


# %%
def windows(size, kernel, stride, padding, dilation):
    """The rows of the padded image that each window meets: H' slices. size is H (for columns W)."""
    # >>> solution
    span = dilation * (kernel - 1) + 1
    starts = range(0, size + 2 * padding - span + 1, stride)
    return [slice(start, start + span, dilation) for start in starts]
    # <<< solution


# %% tags=["hide-input"]
fig = Figure(figsize=(8, 2.6), layout="constrained")
for axes, how in zip(fig.subplots(1, 4), ["011", "111", "021", "012"], strict=True):
    p, s, d = map(int, how)
    first, second = windows(6, 3, s, p, d)[:2]
    marks = np.pad(np.zeros((6, 6)), p, constant_values=4)
    marks[first, second] = 2
    marks[first, first] = np.where(marks[first, first] == 2, 3, 1)
    draw_grid(axes, marks, np.full(marks.shape, ""))
    axes.set_title(f"padding {p}, stride {s}, dilation {d}", fontsize=8)
ALT = """Four images with the first window orange, the second blue, both green: plain; with a grey
border of padding; two columns apart with stride 2; with gaps for dilation 2."""
figure(fig, "options", alt=ALT)

# %% [markdown]
r"""
## Height before width

Pairs are (height, width); `np.broadcast_to(1, 2)` is the pair (1, 1). Square tests hide mistakes.

## Every channel has a kernel

An image has C channels, and a batch N images: `x` is (N, C, H, W). A *filter* has a kernel for
each channel and sums over them. O filters make O output channels: `weight` is (O, C, kh, kw).

## One bias per filter

`bias` is (O,): one number, added once to every pixel of output channel $o$, so that its gradient
is a sum over samples, rows and columns. With the padded input (N, C, H + 2p, W + 2p):

$$
y_{noij} = b_o + \sum_{c,u,v} x^{pad}_{n,\,c,\,is+ud,\,js+vd} \; w_{ocuv}
$$

## Groups and channels

With G *groups*, channels and filters are cut into G equal parts, and the filters of a part see its
channels alone: G convolutions side by side. `weight` is (O, C/G, kh, kw).
"""


# %%
def conv2d_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n,o,i,j] = bias[o] + sum over c,u,v of padded[n,c,i*sh+u*dh,j*sw+v*dw] weight[o,c,u,v]

    (N, C, H, W), (O, C/groups, kh, kw), (O,) -> (N, O, H', W')
    """
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    # >>> solution
    (n, _, h, w), (o, c, kh, kw) = x.shape, weight.shape
    rows, cols = windows(h, kh, sh, ph, dh), windows(w, kw, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y = np.empty((n, o, len(rows), len(cols)), x.dtype)
    for k, i, j in np.ndindex(o, len(rows), len(cols)):
        first = k // (o // groups) * c
        window = padded[:, first : first + c, rows[i], cols[j]]
        y[:, k, i, j] = (window * weight[k]).sum((1, 2, 3))
    return y + bias[:, None, None]
    # <<< solution


# %% [markdown]
r"""
## Backward is the same walk

A pixel reaches the loss through every window that it lies in and every filter, each time with the
weight that it met there. So walk over the windows once more. At window $(i, j)$ forward *read* the
window's pixels; backward *adds* to the same places of the padded gradient:

$$
\text{gradient of } x^{pad}_{n,\,c,\,is+ud,\,js+vd} \text{ += } \sum_o gy_{noij} \, w_{ocuv}
$$

## The gradient of a filter is a patch

For a single 1 in `gy`, the filter's gradient is the window itself, a *patch* of the image. A weight
has met one pixel in every window of every sample, so in general it is a sum of patches:

$$
\frac{\partial L}{\partial w_{ocuv}} = \sum_{n,i,j} gy_{noij} \; x^{pad}_{n,\,c,\,is+ud,\,js+vd}
$$
"""


# %%
def conv2d_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(n, 2) for n in (stride, padding, dilation))
    # >>> solution
    (_, _, h, w), (o, c, kh, kw) = x.shape, weight.shape
    rows, cols = windows(h, kh, sh, ph, dh), windows(w, kw, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    gpadded, gweight = np.zeros_like(padded), np.zeros_like(weight)
    for k, i, j in np.ndindex(o, len(rows), len(cols)):
        first = k // (o // groups) * c
        here = (slice(None), slice(first, first + c), rows[i], cols[j])
        g = gy[:, k, i, j, None, None, None]
        gpadded[here] += g * weight[k]
        gweight[k] += (g * padded[here]).sum(0)
    return gpadded[:, :, ph : ph + h, pw : pw + w], gweight, gy.sum((0, 2, 3))
    # <<< solution


# %%
print(diagnose("conv2d", conv2d_forward, conv2d_backward))
rng = np.random.default_rng(0)
arrays = [rng.standard_normal(shape) for shape in ((2, 4, 9, 7), (6, 2, 3, 2), (6,))]
how = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
tensors = [Tensor(a, requires_grad=True) for a in arrays]
y, gy = ops.conv2d(*tensors, **how), rng.standard_normal((2, 6, 5, 9))
(y * Tensor(gy)).sum().backward()
assert np.allclose(y.numpy(), conv2d_forward(*arrays, **how), rtol=1e-10)
for tensor, g in zip(tensors, conv2d_backward(gy, *arrays, **how), strict=True):
    assert np.allclose(tensor.grad.numpy(), g, rtol=1e-10)
print("the lesson's convolution equals the library's")

# %% [markdown]
r"""
## Common mistakes

* **The kernel is turned round: that is convolution proper.** No gradient check finds it.
* **The dilation is not used: the window has no gaps.** Often in the backward pass alone.
* **The image is cut out of the padded one a pixel off.** `[p:-p]` also fails for p = 0.
* **Height and width are mixed up.** With a square image, kernel and stride nobody notices.
* **The filter keeps the last contribution instead of the sum.** `=` where `+=` belongs.

## Further reading

* Yann LeCun et al.: *Gradient-based learning applied to document recognition*, 1998.
* Vincent Dumoulin, Francesco Visin: *A guide to convolution arithmetic for deep learning*, 2016.
"""
