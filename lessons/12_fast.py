# %% [markdown]
r"""
# 12 Fast: layout, threads, Numba, GPU

**Goal.** Make an op thousands of times faster: where numbers lie, who computes them, and the limit.
**Before.** Lesson 10 (convolution), 11 (im2col). **Time.** About two hours. **Runs** in 4 s. **You
can skip this if** you can say what bounds an op's speed, and which loops two threads may share.

An *op* says what is computed, a *kernel* is the code that does it. minicnn has *backends* for each
op, for NumPy, Numba and the GPU, and all must give the same numbers up to rounding.
"""

# %%
import timeit
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from matplotlib.figure import Figure
from numba import njit

from minicnn import Tensor, ops, set_num_threads, use_kernels
from minicnn.learn import FAST, figure

# %% [markdown]
r"""
## Where numbers lie

Memory is one long row of numbers, and the *layout* of an array says in which order it fills it.
With the channels as second axis, (N, C, H, W), all of red comes first, then green, then blue. In
*channels-last*, (N, H, W, C), the C numbers of a pixel lie side by side. It matters, because a
processor fetches memory in pieces of 64 bytes, and calculates with 4 to 16 neighbours at once. The
figure shows a 3x3 window of an image with 3 channels: nine runs of 3 numbers, or three runs of 9.
"""

# %% tags=["hide-input"]
colour = np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.1], [0.1, 0.2, 0.9]]) * np.ones((6, 6, 3, 3))
pale = 0.25 * colour + 0.7
pale[1:4, 2:5] = colour[1:4, 2:5]
fig = Figure(figsize=(8, 1.6), layout="constrained")
for axes, name in zip(fig.subplots(2), ("CHW", "HWC"), strict=True):
    row = pale.transpose(2, 0, 1, 3) if name == "CHW" else pale
    axes.imshow(row.reshape(1, 108, 3), aspect="auto")
    axes.set(yticks=[], ylabel=name, xticks=range(0, 109, 18))
figure(fig, "layout", alt="A row of numbers twice: nine short dark runs, and three long ones.")

# %% [markdown]
r"""
## A kernel for one part of the work

In a *depthwise* convolution (as many groups as channels) each channel has its own filter, of kh kw
*taps* (u, v). With x (N, H, W, C), weight (kh, kw, C), y (N, H', W', C), no padding and stride 1:

$$
y_{nijc} = \sum_{u=0}^{kh-1} \sum_{v=0}^{kw-1} x_{n,\, i+u,\, j+v,\, c} \; w_{uvc}
$$

*Numba* compiles plain loops to machine code: `njit(function)`. The innermost loop should be the one
over c, along memory. For use by many threads, the kernel computes the rows i of a *part*, and
touches no other row. `y` comes uninitialized (`np.empty`), with whatever was in memory.
"""


# %%
def depthwise_part(x, weight, y, start, stop):
    """Write y[n,i,j,c] = sum over u,v of x[n,i+u,j+v,c] weight[u,v,c] for start <= i < stop, into
    y (N, H', W', C), whose other rows stay as they are. x (N, H, W, C), weight (kh, kw, C)
    """
    # >>> solution
    kh, kw, channels = weight.shape
    for n in range(len(y)):
        for i in range(start, stop):
            for j in range(y.shape[2]):
                y[n, i, j] = 0
                for u in range(kh):
                    for v in range(kw):
                        for c in range(channels):
                            y[n, i, j, c] += x[n, i + u, j + v, c] * weight[u, v, c]
    # <<< solution


# %% [markdown]
r"""
## Parts without gaps and overlaps

A *thread* is a row of instructions that runs beside others, on a core of its own. Each gets one
part of the rows. Every row must be in exactly one part: a row in none stays what it was, a row in
two is a race (below). And the slowest thread decides, so no part may be more than one row larger
than another: 10 rows for 4 threads are 2, 3, 2, 3 and not 2, 2, 2, 4.
"""


# %%
def parts(count, workers):
    """`workers` pairs (start, stop), in order, that cut range(count) into nearly equal pieces.
    Sizes differ by 1 at most; with fewer rows than workers, some parts are empty.
    """
    # >>> solution
    return [(count * p // workers, count * (p + 1) // workers) for p in range(workers)]
    # <<< solution


# %%
compiled = njit(nogil=True)(depthwise_part)  # nogil: Python threads may run it at the same time


def depthwise_3x3(x, weight, workers):
    y = np.empty((len(x), x.shape[1] - 2, x.shape[2] - 2, x.shape[3]), x.dtype)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda part: compiled(x, weight, y, *part), parts(y.shape[1], workers)))
    return y


rng = np.random.default_rng(0)
x, weight = rng.random((2, 30, 30, 64), np.float32), rng.random((3, 3, 64), np.float32)
one, *more = (depthwise_3x3(x, weight, workers) for workers in (1, 2, 3, 40))
print("1, 2, 3 and 40 threads give the same bits:", all(np.array_equal(one, y) for y in more))

# %% [markdown]
r"""
## A race

`total += value` is three steps: load total, add, store. If thread B loads between A's load and A's
store, one addition is lost. That is a *race*: the result depends on who comes first. It gives no
error and often the right result.

A forward pass has no race if each output belongs to one part. But to the gradient of a weight, all
parts add. So minicnn gives each part **a sum of its own**, and adds these at the end, in a fixed
order. To see a race, run several times with the same threads, and compare bits. (Other parts round
differently, without a race.) Here two threads add 50 ones each, steps in random order, 2,000 times:
"""


# %%
def adding(memory):
    for _ in range(50):
        loaded = memory["total"]
        yield  # here the other thread may run
        memory["total"] = loaded + 1
        yield


def race(rng):
    memory = {"total": 0}
    threads = [adding(memory), adding(memory)]
    while threads:
        thread = threads[rng.integers(len(threads))]
        if next(thread, "ended") == "ended":
            threads.remove(thread)
    return memory["total"]


totals = sorted(race(rng) for _ in range(2000))
print("lowest, middle and highest total:", totals[0], totals[1000], totals[-1])

# %% [markdown]
r"""
## The roof over a kernel

A core has a *peak*, operations per second (GFLOP/s: billions), and a *bandwidth*, bytes per second
from memory (GB/s). A kernel has an *intensity*: operations per byte. The *roofline* bounds it:

$$
\text{speed} \le \min(\text{peak},\ \text{bandwidth} \cdot \text{intensity})
$$

A convolution with P = N H W pixels in x and as many in y, C and O channels, T = kh kw taps and G
groups does P O T C / G multiply-adds, and each counts as 2 operations. At best, x, weight and y
are moved once: P C + O T C / G + P O numbers, 4 bytes each in float32.
"""


# %%
def roofline(p, c, o, t, g, peak, bandwidth):
    """min(peak, bandwidth * operations / bytes) of a float32 convolution: p pixels in x and in y,
    c to o channels, t taps, g groups; all speeds in GFLOP/s, the bandwidth in GB/s.
    """
    # >>> solution
    products = o * t * c / g
    operations = 2 * p * products
    numbers = p * c + p * o + products
    return min(peak, bandwidth * operations / (4 * numbers))
    # <<< solution


# %% tags=["hide-input"]
fig = Figure(figsize=(6, 2.8), layout="constrained")
axes = fig.subplots()
for name, t, g in (("3x3", 9, 1), ("1x1", 1, 1), ("depthwise 3x3", 9, 64)):
    intensity = roofline(3136, 64, 64, t, g, 1e9, 1)  # at 1 GB/s
    axes.loglog(intensity, roofline(3136, 64, 64, t, g, 100, 15), "o", label=name)
axes.loglog([0.5, 100 / 15, 1000], [7.5, 100, 100], color="gray", zorder=0)
axes.set(xlabel="operations per byte", ylabel="GFLOP/s", title="64 channels, 56 x 56")
axes.legend(frameon=False, fontsize=8)
figure(fig, "roofline", alt="A line that rises, then is flat; depthwise lies low on the slope.")

# %% [markdown]
r"""
With 100 GFLOP/s and 15 GB/s, the depthwise convolution waits for memory; the others could reach the
peak. How, is in `docs/convolution.md`; what a thread costs, in `docs/threads.md`.

## The GPU, read and not run

A GPU has thousands of slow cores and memory of its own; `Tensor.to("cuda")` copies there. Read
`kernels_for` in `minicnn/kernels/__init__.py`: CuPy arrays get the NumPy kernels, which ask
`array_module(x)` for new arrays of the right kind. A call only *starts* work and returns at once:
wait (`cupy.cuda.Device().synchronize()`) before you look at the clock.

## One op, several backends

`use_kernels("numpy")` and `use_kernels("numba")` choose. Time the shortest of several runs: the
first one compiles. Milliseconds for 64 channels, one thread; in Python, 8 x 8 takes 40 ms:

| pixels | your loops, compiled | library, NumPy | library, Numba |
|---|---|---|---|
| 8 x 8 | 0.005 | 0.14 | 0.08 |
| 32 x 32 | 0.08 | 0.56 | 0.13 |
| 128 x 128 | 1.4 | 6.5 | 0.8 |
"""

# %%
set_num_threads(1)
for size in (8, 16) if FAST else (8, 32, 128):
    x, y = (rng.random((1, side, side, 64), np.float32) for side in (size + 2, size))
    given = Tensor(x.transpose(0, 3, 1, 2)), Tensor(weight.transpose(2, 0, 1)[:, None])
    used = {"f": compiled, "a": (x, weight, y, 0, size)}
    times = [timeit.repeat("f(*a)", globals=used, number=1)]
    for name in ("numpy", "numba"):
        with use_kernels(name):
            theirs = ops.depthwise_conv2d(*given).numpy()
            used = {"f": ops.depthwise_conv2d, "a": given}
            times.append(timeit.repeat("f(*a)", globals=used, number=1))
        assert np.allclose(theirs, y.transpose(0, 3, 1, 2), rtol=1e-5)
    if not FAST:
        print(f"{size} x {size}, milliseconds:", *(f"{1000 * min(t):.3f}" for t in times))
print("the lesson's kernel equals both of the library's")

# %% [markdown]
r"""
## Common mistakes

* **Rows outside the part are written.** Another thread owns them: this is a race.
* **The old content of y is added to.** Uninitialized memory often holds zeros, and then it works.
* **Rows are in no part.** `count // workers` rows for each leave a rest.
* No check sees this: the first call is timed. It compiles. Or, on a GPU: the clock stopped early.

## Further reading

* Samuel Williams, Andrew Waterman, David Patterson: *Roofline: an insightful visual performance
  model for multicore architectures*, 2009.
"""
