# %% [markdown]
r"""
# 09 Data and the first classifier

**Goal.** From the bytes of a file to a trained classifier, without mistakes that nobody notices.
**Before.** Lesson 05 (the dense layer), 07 (cross-entropy), 08 (optimizers). **Time.** Two hours.
**Runs** in 3 s, on 1,797 digits of 8 x 8 pixels; with MNIST in `MINICNN_DATA`, in 24 s. **You can
skip this if** you can say which of a data set's numbers come from its training part alone, and why.

A wrong gradient shows up in a check. A mistake in the data shows up nowhere: the program runs, the
loss falls, and the result is worse than it could be, or better than it really is.
"""

# %%
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, manual_seed, nn, ops, optim, use_kernels
from minicnn.learn import FAST, figure

use_kernels("numpy")  # lesson 12 tells what else there is

# %% [markdown]
r"""
## A file is a row of bytes

MNIST, 70,000 handwritten digits, is published in the *idx* format. Bytes 0 and 1 of such a file are
zero; byte 2 is the type of the numbers, a code of the table below; byte 3 is the number of axes, 3
for images (N, H, W) and 1 for labels (N); then come 4 bytes for the length of each axis, and then
the numbers, the last axis running fastest. All numbers are *big-endian*: of several bytes, the one
with the largest part is first. In your processor it is almost surely last. NumPy's type names say
it: `np.frombuffer(content, ">u4")` reads unsigned whole numbers of 4 bytes, big-endian.
"""

# %%
NUMBERS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content):
    """The array in an idx file whose bytes are `content`; ValueError if it is cut short."""
    # >>> solution
    start = 4 + 4 * content[3]
    lengths = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content[start:], NUMBERS[content[2]]).reshape(lengths)
    # <<< solution


# %% [markdown]
r"""
## Bytes wrap around

Images are made of *bytes*: whole numbers from 0 to 255, the type `uint8`. 255 plus 1 is 0, without
a warning, and `2 * images` is wrong for every pixel above 127. First convert, then calculate.

## The channel axis moves

A colour image has the shape (H, W, C) in a file: the C = 3 *channels* red, green and blue of a
pixel lie side by side. Our networks take (N, C, H, W). `transpose` moves an axis. `reshape` never
moves a number: it reads the same row of numbers with other line breaks, and the result has the
right shape and is no picture any more. From $x$ of shape (N, H, W, C) to $y$ of shape (N, C, H, W):

$$
y_{nchw} = \frac{2 \, x_{nhwc}}{255} - 1
$$
"""


# %%
def to_float(images):
    """y[n,c,h,w] = 2 x[n,h,w,c] / 255 - 1: (N, H, W, C) uint8 -> (N, C, H, W) float32"""
    # >>> solution
    return images.transpose(0, 3, 1, 2) / np.float32(127.5) - 1
    # <<< solution


# %% tags=["hide-input"]
colours = data.shapes(8, num_classes=6, seed=4, noise=0.05)
photos = np.round(colours.pixels() * 255).astype(np.uint8).transpose(0, 2, 3, 1)
rows = {
    "right": to_float(photos),
    "2 * bytes": (2 * photos).transpose(0, 3, 1, 2) / 255 - 1,
    "reshape": photos.reshape(8, 3, 32, 32) / 127.5 - 1,
}
fig = Figure(figsize=(6.4, 2.8), layout="constrained")
for axes, (name, pictures) in zip(fig.subplots(3), rows.items(), strict=True):
    axes.imshow(np.concatenate(np.clip((pictures + 1) / 2, 0, 1), 2).transpose(1, 2, 0))
    axes.set(xticks=[], yticks=[], ylabel=name)
figure(fig, "pictures", alt="Shapes: right; too dark, in wrong colours; a coloured weave.")

# %% [markdown]
r"""
## Whose mean is it?

A network learns best from inputs with mean 0 and standard deviation 1. To *standardize*, subtract
the mean and divide by the standard deviation of a channel, over all images and pixels:

$$
\mu_c = \frac{1}{N H W} \sum_{n,h,w} x_{nchw} \qquad
\sigma_c^2 = \frac{1}{N H W} \sum_{n,h,w} (x_{nchw} - \mu_c)^2 \qquad
y_{nchw} = \frac{x_{nchw} - \mu_c}{\sigma_c}
$$

The images are *split*: the *training set* changes the weights, the *validation set* decides between
our attempts, the *test set* says at the very end how good the result is. It stands for images that
do not exist yet. So $\mu_c$ and $\sigma_c$ come **from the training set alone**, and are applied to
all three. Numbers from test images would be a *leak*: the test had a part in the training. And with
numbers of its own, the test set would come on another scale than the network has learned.
"""


# %%
def standardize(train, other):
    """Both (N, C, H, W) float32 arrays as (x - mean) / std, per channel, the numbers of `train`."""
    # >>> solution
    mean = train.mean(axis=(0, 2, 3), keepdims=True)
    std = train.std(axis=(0, 2, 3), keepdims=True)
    return (train - mean) / std, (other - mean) / std
    # <<< solution


# %% [markdown]
r"""
## Every sample once

The gradient of one *batch* of samples is a noisy estimate of the gradient of all N. One pass over
all samples is an *epoch*. In a file, samples are often sorted, and a batch of one class teaches
that class alone; so in each epoch they get a new random order, a *permutation* of 0 to N - 1.

* One permutation for both, so that image and label stay together.
* Every sample comes exactly once; the last batch is smaller where N cannot be divided evenly.
* The random numbers come from the caller's generator: the same seed, the same training.
"""


# %%
def batches(x, y, size, rng):
    """One epoch of x (N, ...) and y (N,): pairs (images, labels) of `size` samples, the last pair
    with what is left. The order is drawn from the NumPy generator `rng`.
    """
    # >>> solution
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]
    # <<< solution


# %% [markdown]
r"""
## Two dense layers

The first classifier is a *multilayer perceptron*: dense, ReLU, dense. With the D pixels of image n
in a row $x_n$, M *hidden units* and K classes, the logits of lesson 07 are
$z_n = W_2 \max(W_1 x_n + b_1, 0) + b_2$, where $W_1$ is (M, D) and $W_2$ is (K, M).
"""

# %%
FULL = not FAST and ("mnist", "not found") not in [row[:2] for row in data.find_data()]
NAME, HIDDEN, EPOCHS, SIZE = ("mnist", 400, 8, 128) if FULL else ("digits", 32, 25, 32)
train, val = data.train_val_split(data.load(NAME), 0.1)
test, y = data.load(NAME, "test"), train.labels
(x, x_val), (_, x_test) = (standardize(train.pixels(), part.pixels()) for part in (val, test))


def mlp(d=x[0].size):
    manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(d, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))


def learn(net, optimizer, pairs):
    losses = []  # of one epoch
    for images, labels in pairs:
        losses.append(ops.cross_entropy(net(Tensor(images)), labels))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    return np.mean([loss.item() for loss in losses])


# %% [markdown]
r"""
## First learn twenty by heart, then all

First let the network learn 20 images and nothing else. It has far more weights than that needs, so
the loss must go to zero; if not, something is broken. The second curve's loader shuffles labels
apart from images: all that it can learn is how often each digit comes, so it ends a little below
the $\ln 10 = 2.3$ of a blind guess. (Labels that are wrong but stay the same *can* be learned by
heart; so are images where validation loss rises and training loss falls.) The test set comes last.
"""

# %%
few = {"right": [], "shuffled apart": []}
for name, losses in few.items():
    net, rng = mlp(), np.random.default_rng(0)
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        labels = y[:20] if name == "right" else rng.permutation(y[:20])
        losses.append(learn(net, optimizer, batches(x[:20], labels, 20, rng)))
net, rng, curves = mlp(), np.random.default_rng(0), []
optimizer = optim.Adam(net.parameters(), lr=0.001)
for _ in range(EPOCHS):
    loss = learn(net, optimizer, batches(x, y, SIZE, rng))
    curves.append((loss, ops.cross_entropy(net(Tensor(x_val)), val.labels).item()))
accuracy = np.mean(net(Tensor(x_test)).numpy().argmax(axis=1) == test.labels)
print(f"{len(x)} images to train; {accuracy:.1%} of {len(test)} test images are right")
assert accuracy >= (0.975 if FULL else 0.93)

# %% tags=["hide-input"]
fig = Figure(figsize=(7.5, 2.4), layout="constrained")
grid, left, right = fig.subplots(1, 3)
digits = np.pad(train.images[:25, 0], ((0, 0), (1, 1), (1, 1)))
grid.imshow(np.block([list(digits[i::5]) for i in range(5)]), "gray_r")
grid.set(xticks=[], yticks=[])
left.plot(np.transpose(list(few.values())), label=list(few))
right.plot(curves, label=("training", "validation"))
for axes, title in ((left, "loss of twenty images"), (right, "loss of all images")):
    axes.set(title=title, xlabel="epoch", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, loc="right")
figure(fig, "losses", alt="Digits; loss of twenty images, right or broken; loss of all images.")

# %%
TINY = bytes([0, 0, 0x08, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60])
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "tiny").write_bytes(TINY)
    assert np.array_equal(parse_idx(TINY), data.read_idx(Path(folder, "tiny")))
assert np.allclose(to_float(photos), 2 * colours.pixels() - 1, atol=0.005)  # bytes are rounded
pairs = zip(data.DataLoader(train, SIZE), batches(train.pixels(), y, SIZE, rng), strict=True)
assert all(theirs[0].shape == mine[0].shape for theirs, mine in pairs)
print("the lesson's data equal the library's")

# %% [markdown]
r"""
## Common mistakes

* **Images and labels are shuffled apart.** Two permutations, or one array forgotten.
* **The last, smaller batch is missing.** The training never sees its samples in that epoch.
* **The test images are standardized with their own mean and std.** Use those of the training set.
* **Arithmetic in bytes wraps around at 256.** Convert first, then calculate.
* **Reshaped where an axis has to move.** Look at an image before you train on it.

## Further reading

* Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner: *Gradient-based learning applied to
  document recognition*, 1998 (MNIST).
* Chiyuan Zhang, Samy Bengio, Moritz Hardt, Benjamin Recht, Oriol Vinyals: *Understanding deep
  learning requires rethinking generalization*, 2017.
"""
