# %% [markdown]
r"""
# 15 Dropout, weight decay, and MNIST above 99 %

**Goal.** Two ways to keep a network from learning its training images by heart; then put together
all that was built so far, and read handwritten digits with less than one mistake in a hundred.
**Before.** Lessons 08 (optimizers), 09 (data), 13 (pooling), 14 (batch norm). **Time.** An hour and
a half. **Runs** in 8 s if `MINICNN_FAST=1`; else, with MNIST, in 53 s on two cores: 99.35 % of its
test images are read right. **You can skip this if** you know why dropout divides by 1 - p, and
which parameters weight decay leaves alone.

A network with more weights than images can know every training image and understand none. Then the
loss on images it has not seen, the *validation loss*, grows while the training loss still falls:
it *overfits*. More images would help most. What else helps is to make learning by heart harder.
"""

# %%
import time

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, nn, ops, optim, random, train
from minicnn.learn import FAST, figure
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## Why the kept values are scaled

*Dropout* sets every value to 0 with probability p, anew in each step of training. No unit can rely
on one other unit being there, so what is learned is spread over many. Let `mask` be an array of
x's shape: $m_i$ is 1 (kept) with probability $1 - p$, else 0 (dropped). The output is

$$
y_i = \frac{x_i \, m_i}{1 - p}
\qquad
E[y_i] = \frac{x_i \, (1 - p)}{1 - p} = x_i
$$

with E for the expected value, the mean over all masks. The division makes up for what is missing:
if 8 of 10 values are kept, each counts 10/8. So the next layer sees numbers of the usual size, and
after training dropout is simply left away. (The first paper multiplied by $1 - p$ after training
instead. Today's form is called *inverted dropout*.)
"""


# %%
def dropout_forward(x, p, mask):
    """y = x mask / (1 - p); mask has x's shape: 1 where a value is kept, 0 where it is dropped."""
    # >>> solution
    return x * mask / (1 - p)
    # <<< solution


# %% [markdown]
r"""
## One mask, there and back

For a given mask dropout multiplies each value by a constant, 0 or $1/(1-p)$. That constant is the
slope, so the upstream gradient `gy` is multiplied by the very same one. It must be the *same* mask:
a value that was dropped had no part in the loss and gets no gradient. So the forward pass keeps the
mask for the backward pass. It is also why a gradient check of dropout needs the mask from outside:
central differences of a function that draws anew with every call compare two different functions.
"""


# %%
def dropout_backward(gy, p, mask):
    """gx of dropout_forward with the same p and mask; all arrays have one shape."""
    # >>> solution
    return gy * mask / (1 - p)
    # <<< solution


# %% [markdown]
r"""
## Drawn anew each time

As a layer dropout draws its mask from a generator, which goes on from call to call. A number drawn
evenly from [0, 1) is at least p with probability $1 - p$. Outside training it does nothing. And p
may be 1: then all is 0, and 0 divided by 0 must not be computed.
"""


# %%
def dropout(x, p, training, rng):
    """Dropout of every value of x with a fresh mask from rng.random; x itself unless training."""
    # >>> solution
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p)
    # <<< solution


# %% tags=["hide-input"]
rng = np.random.default_rng(0)
x = np.linspace(-1, 1, 11)
fig = Figure(figsize=(8, 2.8), layout="constrained")
for axes, count in zip(fig.subplots(1, 3, sharey=True), (1, 20, 2000), strict=True):
    outputs = np.array([dropout(x, 0.5, True, rng) for _ in range(count)])
    axes.plot(x, x, color="0.7")
    axes.plot(x, outputs.mean(0), "o", color="C0")
    axes.set(title=f"mean of {count} mask{'s' * (count > 1)}", xlabel="x")
ALT = """The output of dropout against its input. With one mask each value is 0 or doubled; the mean
of 20 masks is near the line y = x, that of 2000 masks is on it."""
figure(fig, "expected", alt=ALT)

# %% [markdown]
r"""
## Weight decay

A function that goes through every training image needs steep slopes, and steep slopes need large
weights. *Weight decay* puts a price on them. To the loss L it adds half of $\lambda$ times the sum
of all squared weights, and the derivative of that is simple:

$$
L' = L + \frac{\lambda}{2} \sum_i w_i^2
\qquad
\frac{\partial L'}{\partial w_i} = \frac{\partial L}{\partial w_i} + \lambda w_i
$$

Each step then also takes a small share of every weight away: the weights *decay*, unless the loss
holds on to them. Only what multiplies inputs makes a function steep; a bias does not, and is left
alone. So are, by custom, batch norm's weight and bias; all of these are vectors, with one axis.
(The trainings below use AdamW, which puts the decay beside the gradient: lesson 08.)
"""


# %%
def add_weight_decay(gradients, parameters, decay):
    """A list of the gradients, plus decay times the parameter where that has two axes or more.

    gradients and parameters are lists of arrays, of the same shapes; they are not changed.
    """
    # >>> solution
    return [g + decay * w if w.ndim > 1 else g for g, w in zip(gradients, parameters, strict=True)]
    # <<< solution


# %% [markdown]
r"""
## Does it help?

A dense network with two hidden layers of 200 units learns 200 digits, of 8 by 8 pixels; other
digits are for validation. Without help the validation loss turns around. One could stop at its
minimum (the dot): that is *early stopping*, the cheapest remedy of all.
"""


# %% tags=["hide-input"]
def validation_losses(p, decay, steps=100):
    """The loss on 300 other digits after each step, of Adam with all 200 digits."""
    random.manual_seed(1)
    images, labels = data.digits("train").images[:500].astype(float), data.digits("train").labels
    units = [nn.Linear(64, 200), nn.ReLU(), nn.Dropout(p), nn.Linear(200, 200), nn.ReLU()]
    net = nn.Sequential(nn.Flatten(), *units, nn.Dropout(p), nn.Linear(200, 10)).double()
    optimizer, losses = optim.AdamW(net.parameters(), lr=0.004, weight_decay=decay), []
    for _ in range(steps):
        net.train().zero_grad()
        ops.cross_entropy(net(Tensor(images[:200])), labels[:200]).backward()
        optimizer.step()
        losses.append(ops.cross_entropy(net.eval()(Tensor(images[200:])), labels[200:500]).item())
    return np.round(losses, 3)


fig = Figure(figsize=(7, 3), layout="constrained")
axes = fig.subplots()
for name, p, decay in (("nothing", 0, 0), ("weight decay 1", 0, 1), ("dropout 0.5", 0.5, 0)):
    losses = validation_losses(p, decay)
    (line,) = axes.plot(losses, label=name)
    axes.plot(losses.argmin(), losses.min(), "o", color=line.get_color())
axes.set(xlabel="step", ylabel="validation loss", ylim=(0, 1))
axes.legend(frameon=False)
ALT = """Validation loss against training step. Without regularisation it falls, has a minimum and
rises again; with weight decay and with dropout it is lower at the end."""
figure(fig, "overfitting", alt=ALT)

# %% [markdown]
r"""
## More than 99 %

Two blocks of convolution (lessons 10 to 12), batch norm, ReLU and max pooling, then two dense
layers with dropout before each: the plan of LeCun's LeNet-5 with the parts of today. The optimizer
has two groups of parameters, and the vectors' weight decay is 0. `OneCycleLR` is a schedule (lesson
08): a warm-up, then half a cosine. With `MINICNN_FAST=1`, digits of 8 by 8 pixels stand for MNIST.
"""


# %% tags=["measured"]
def block(channels, filters):
    """(N, channels, H, W) -> (N, filters, H/2, W/2)"""
    conv = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
    return conv, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)


random.manual_seed(0)
load, epochs, batch = (data.digits, 12, 48) if FAST else (data.mnist, 4, 128)
training, test = load("train"), load("test")
side = training.images.shape[-1] // 4
net = nn.Sequential(
    *block(1, 16), *block(16, 32), nn.Flatten(), nn.Dropout(0.25),
    nn.Linear(32 * side * side, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, 10),
)  # fmt: skip
vectors = {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0}
weights = {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 0.01}
optimizer = optim.AdamW([weights, vectors], lr=0.01)
steps = epochs * -(-len(training) // batch)
schedule = optim.OneCycleLR(optimizer, 0.01, total_steps=steps, cycle_momentum=False)
start = time.perf_counter()
train.fit(net, training, optimizer=optimizer, schedule=schedule, epochs=epochs, batch_size=batch,
          progress=False)  # fmt: skip
seconds, result = time.perf_counter() - start, train.evaluate(net, test)
print(f"{training.name}: {100 * result.accuracy:.2f} % of the test images in {seconds:.0f} s")
assert result.accuracy >= (0.96 if FAST else 0.99)

# %%
print(diagnose("dropout", dropout_forward, dropout_backward))
x = Tensor(rng.standard_normal((50, 40)), requires_grad=True)
y = ops.dropout(x, 0.3)
mask = y.numpy() != 0
y.sum().backward()
assert np.allclose(y.numpy(), dropout_forward(x.numpy(), 0.3, mask), rtol=1e-12)
assert np.allclose(x.grad.numpy(), dropout_backward(np.ones(x.shape), 0.3, mask), rtol=1e-12)
in_use = ops.dropout(x, 0.3, training=False)
assert np.array_equal(in_use.numpy(), dropout(x.numpy(), 0.3, False, rng))
print("the lesson's dropout equals the library's")

# %% [markdown]
r"""
## Common mistakes

* **The kept values are not scaled by 1/keep**, keep = 1 - p: smaller in training than afterwards.
* **The division is by p, the probability to drop, not to keep.** At p = 0.5 nobody notices.
* **Backward and forward use different masks.** Draw once, keep the mask.
* **Values are dropped in evaluation too.** Call `net.eval()`; `evaluate` does.
* **Biases and the parameters of batch norm decay too.** All vectors are left alone.

## Further reading

* Nitish Srivastava and others: *Dropout: a simple way to prevent neural networks from
  overfitting*, 2014. Ilya Loshchilov, Frank Hutter: *Decoupled weight decay regularization*, 2019.
* Lutz Prechelt: *Early stopping - but when?*, 1998.
* Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner: *Gradient-based learning applied to
  document recognition*, 1998.
"""
