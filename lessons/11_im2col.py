# %% [markdown]
r"""
# 11 im2col and GEMM

**Goal.** Turn a convolution into one product of matrices, both ways, and know what it costs.
**Before.** Lesson 10 (convolution with loops). **Time.** Two hours. **Runs** in 3 s. **You can skip
this if** you know the adjoint of im2col, and what the columns cost in memory.

The loops of lesson 10 are right and slow: each turn does little work. *GEMM* (general matrix
multiply) is the most carefully tuned routine of any computer. So we make a matrix.

## From windows to columns

Every number of $y$ is a product of a window and a filter, entry by entry, and then a sum. Write
each window as a *column*, from top to bottom: a list of its K = C kh kw pixels. The L = H' W'
windows of an image side by side are a matrix `columns` of K rows and L columns; a batch has N of
them, (N, K, L). This copying is called *im2col*, image to columns:

$$
col_{n,\,(c,u,v),\,(i,j)} = x^{pad}_{n,\,c,\,is+ud,\,js+vd}
$$

$(c, u, v)$ is *one* index, the row $c \, kh \, kw + u \, kw + v$: that is how `reshape` counts,
the last axis fastest. $(i, j)$ is the column $i W' + j$.

To fill it, do not walk over the windows. A window has kh kw places, often 9, and what all windows
have in place $(u, v)$ is one slice of the padded image: every s-th row and column from row $u d$
and column $v d$ on. In the figure a pixel has its number and colour.
"""

# %%
import time

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, ops
from minicnn.kernels.reference.conv import out_size
from minicnn.learn import figure, pick
from minicnn.testing.doctor import diagnose


# %%
def im2col(x, kernel_size, stride=1, padding=0, dilation=1):
    """columns[n,(c,u,v),(i,j)] = padded[n,c,i*sh+u*dh,j*sw+v*dw]

    (N, C, H, W) -> (N, C*kh*kw, H'*W') with H' = out_size(H, kh, sh, (ph, ph), dh)
    """
    options = (kernel_size, stride, padding, dilation)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(o, 2) for o in options)
    # >>> solution
    n, c, h, w = x.shape
    oh, ow = out_size(h, kh, sh, (ph, ph), dh), out_size(w, kw, sw, (pw, pw), dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u * dh, u * dh + sh * (oh - 1) + 1, sh)
        cols = slice(v * dw, v * dw + sw * (ow - 1) + 1, sw)
        columns[:, :, u, v] = padded[:, :, rows, cols]
    return columns.reshape(n, c * kh * kw, oh * ow)
    # <<< solution


# %% tags=["hide-input"]
def draw_numbers(axes, values, title):
    axes.pcolormesh(values, cmap="YlGnBu", vmin=-1, vmax=20, ec="#566573", lw=0.7)
    for (i, j), value in np.ndenumerate(values):
        axes.text(j + 0.5, i + 0.5, int(value), ha="center", va="center", fontsize=8)
    axes.set(ylim=(len(values), 0), aspect="equal", xticks=[], yticks=[], title=title)


fig = Figure(figsize=(6, 3.4), layout="constrained")
image = np.arange(16.0).reshape(1, 1, 4, 4)
left, right = fig.subplots(1, 2)
draw_numbers(left, image[0, 0], "an image, 4 x 4")
draw_numbers(right, im2col(image, 3)[0], "its 3 x 3 windows, 9 x 4")
figure(fig, "columns", alt="Pixels 0 to 15, and the matrix of their 3 by 3 windows, most repeated.")

# %% [markdown]
r"""
## One product

A filter, its numbers in the same order, is a row of K numbers; O filters are a matrix $W$ of shape
(O, K), which is `weight.reshape(O, K)`. Row times column is the sum of lesson 10, so one product,
(O, K) times (K, L), gives all of $y$ for sample $n$, as a matrix (O, L):

$$
Y_n = W \, col_n + b
$$

`W @ columns` does so for all N at once. With G groups there are G smaller products, which `@` also
takes: (G, O/G, K/G) times (N, G, K/G, L).

## Reshape does not move axes

`reshape` reads the numbers in their order in memory and cuts them anew. It joins neighbours or
splits an axis, and never exchanges two. (N, O, L) to (N, O, H', W') is a split. But a matrix with
axes (L, O) does not become (O, L) by `reshape`: the shape is right then, the numbers are in wrong
places. Only `transpose` moves axes. Write the axes' names beside every `reshape`.
"""


# %%
def gemm_forward(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """y[n] = W columns[n] + bias as (N, O, H', W'); bias is (O,), weight (O, C/groups, kh, kw)."""
    # >>> solution
    columns = im2col(x, weight.shape[2:], stride, padding, dilation)
    (n, k, count), o = columns.shape, len(weight)
    filters = weight.reshape(groups, o // groups, k // groups)
    y = (filters @ columns.reshape(n, groups, k // groups, count)).reshape(n, o, count)
    sh, ph, dh = (np.broadcast_to(a, 2)[0] for a in (stride, padding, dilation))
    height = out_size(x.shape[2], weight.shape[2], sh, (ph, ph), dh)
    return (y + bias[:, None]).reshape(n, o, height, count // height)
    # <<< solution


# %% [markdown]
r"""
## Where does a column go home?

Backward, the product gives a gradient for each entry of `columns`. An entry is a copy of a pixel,
so its gradient belongs to that pixel; a pixel in several windows has several copies, and their
gradients *add up*. That is *col2im*: walk as im2col does, and where it copied from, add to.

With $x$ and `columns` as long vectors, im2col is a matrix $A$ of zeros and ones times $x$. Then
col2im is $A^T$, its *adjoint*. With $\langle a, b \rangle$ for the sum of all products $a_k b_k$,
this holds for every $x$, and every $c$ of the shape of `columns`:

$$
\langle A x, c \rangle = \langle x, A^T c \rangle
$$

That is a test without a loop and without a formula: draw $x$ and $c$ at random, and compare two
numbers. It finds a mistake in one of the two functions, but not one that both share.

col2im does not undo im2col. Take all windows out of an image of ones and put them back: each pixel
is now the number of windows that it lies in, as the figure shows.
"""


# %%
def col2im(columns, output_size, kernel_size, stride=1, padding=0, dilation=1):
    """The adjoint of im2col: each pixel is the sum of the entries that were copied from it.

    (N, C*kh*kw, H'*W') -> (N, C, H, W); output_size is (H, W), without padding.
    """
    options = (output_size, kernel_size, stride, padding, dilation)
    (h, w), (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(o, 2) for o in options)
    # >>> solution
    oh, ow = out_size(h, kh, sh, (ph, ph), dh), out_size(w, kw, sw, (pw, pw), dw)
    n, c = len(columns), columns.shape[1] // (kh * kw)
    parts = columns.reshape(n, c, kh, kw, oh, ow)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), columns.dtype)
    for u, v in np.ndindex(kh, kw):
        rows = slice(u * dh, u * dh + sh * (oh - 1) + 1, sh)
        cols = slice(v * dw, v * dw + sw * (ow - 1) + 1, sw)
        padded[:, :, rows, cols] += parts[:, :, u, v]
    return padded[:, :, ph : ph + h, pw : pw + w]
    # <<< solution


# %%
rng = np.random.default_rng(0)
for how in ({}, {"stride": 2, "padding": 1}, {"stride": 3}, {"dilation": 2}):
    x = rng.standard_normal((2, 3, 8, 7))
    c = rng.standard_normal(im2col(x, 3, **how).shape)
    one, other = np.vdot(im2col(x, 3, **how), c), np.vdot(x, col2im(c, (8, 7), 3, **how))
    print(f"{one:9.4f} {other:9.4f}   {how}")
    assert np.isclose(one, other, rtol=1e-10)

# %% tags=["hide-input"]
fig = Figure(figsize=(7, 2.6), layout="constrained")
ones = np.ones((1, 1, 7, 7))
for axes, s in zip(fig.subplots(1, 3), (1, 2, 3), strict=True):
    draw_numbers(axes, col2im(im2col(ones, 3, s), 7, 3, s)[0, 0], f"3 x 3, stride {s}")
figure(fig, "overlap", alt="How many 3 by 3 windows cover a pixel: up to 9, up to 4, one or none.")

# %% [markdown]
r"""
## Axes before shapes

The gradients of a product are products. With $g_n$ for sample $n$ of `gy`, as a matrix (O, L):

$$
\frac{\partial L}{\partial col_n} = W^T g_n \quad \frac{\partial L}{\partial W} = \sum_n g_n col_n^T
$$

Decide on the axes first: (K, O) times (O, L), and (O, L) times (L, K). (N, O, L) is a `reshape` of
`gy`; a matrix (O, N L) of all samples is not, for N stands before O: `transpose` first. In the end
col2im brings the gradient of `columns` home.
"""


# %%
def gemm_backward(gy, x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H', W')."""
    # >>> solution
    how = (weight.shape[2:], stride, padding, dilation)
    columns = im2col(x, *how)
    n, k, count = columns.shape
    columns = columns.reshape(n, groups, k // groups, count)
    g = gy.reshape(n, groups, len(weight) // groups, count)
    filters = weight.reshape(groups, len(weight) // groups, k // groups)
    gcolumns = (filters.swapaxes(1, 2) @ g).reshape(n, k, count)
    gweight = (g @ columns.swapaxes(2, 3)).sum(0).reshape(weight.shape)
    return col2im(gcolumns, x.shape[2:], *how), gweight, gy.sum((0, 2, 3))
    # <<< solution


# %% tags=["measured"]
x = rng.standard_normal((16, 16, 28, 28)).astype(np.float32)
weight, bias = rng.standard_normal((32, 16, 3, 3)).astype(np.float32), np.zeros(32, np.float32)
for name, forward in (("loops", pick("conv2d_forward")), ("im2col", gemm_forward)):
    start = time.perf_counter()
    forward(x, weight, bias, padding=1)
    print(f"{name:7} {1000 * (time.perf_counter() - start):7.1f} ms")
print(f"x {x.nbytes / 1e6:.2f} MB, columns {im2col(x, 3, padding=1).nbytes / 1e6:.2f} MB")

# %%
print(diagnose("conv2d", gemm_forward, gemm_backward))
arrays = [rng.standard_normal(shape) for shape in ((2, 4, 9, 7), (6, 2, 3, 2), (6,))]
how = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
tensors = [Tensor(a, requires_grad=True) for a in arrays]
y, gy = ops.conv2d(*tensors, **how), rng.standard_normal((2, 6, 5, 9))
(y * Tensor(gy)).sum().backward()
assert np.allclose(y.numpy(), gemm_forward(*arrays, **how), rtol=1e-10)
for tensor, g in zip(tensors, gemm_backward(gy, *arrays, **how), strict=True):
    assert np.allclose(tensor.grad.numpy(), g, rtol=1e-10)
print("the lesson's convolution equals the library's")

# %% [markdown]
r"""
## What it costs

A pixel is copied as often as windows see it, about $kh \, kw / s^2$ times: with a 3 x 3 kernel
an image of 64 channels and 56 x 56 pixels, 0.8 MB, becomes 7.2 MB of columns. That buys time: on
one busy core, the batch above took the loops of lesson 10 about 800 ms and the product 20 ms.

## Common mistakes

* **Windows that overlap overwrite one another instead of adding up.** `=` for `+=` in col2im.
* **The stride is not used in the position of a window.** In col2im alone: right for stride 1.
* **Axes in another order: a reshape where a transpose belongs.** All shapes fit, nothing learns.

## Further reading

* Kumar Chellapilla, Sidd Puri, Patrice Simard: *High performance convolutional neural networks for
  document processing*, 2006.
* Sharan Chetlur et al.: *cuDNN: Efficient primitives for deep learning*, 2014.
"""
