# %% [markdown]
r"""
# 19 Everything is kept: DenseNet

**Goal.** Build a network whose layers see *all* that was computed before them, keep it in one
array, and find its gradient; then look which of it they use. **Before.** Lessons 17
(concatenation), 18. **Time.** An hour and a half. **Runs** in 7 s; in full it trains on CIFAR-10.
**You can skip this if** you can say how a dense block gets by with one array, there and back.

A residual block adds, and after many additions nobody can tell who said what. In 2017 Huang, Liu,
van der Maaten and Weinberger asked: what if everything is kept? Each layer puts its result *beside*
what is there. Nothing need be computed twice, so layers can be narrow. From their table, CIFAR-10:

| net | parameters, millions | test images wrong, % |
|---|---|---|
| ResNet-110 | 1.7 | 6.61 |
| ResNet-1001, improved | 10.2 | 4.62 |
| DenseNet-BC of 100 layers, k = 12 | 0.8 | 4.51 |

## Growth

In a *dense block* layer l takes all channels so far and adds k new ones; k is the *growth rate*.
Images of different sizes cannot be put side by side. So there are several blocks, and between two
of them a *transition* halves the channels (rounded down) and the image's height and width. With
$B_0$ channels at first, and blocks of $L_1, L_2, \ldots$ layers, the blocks give

$$
B_1 = B_0 + L_1 k \qquad B_2 = \lfloor B_1 / 2 \rfloor + L_2 k \qquad \ldots
$$
"""

# %%
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from minicnn import Tensor, data, models, nn, ops, optim, random, train
from minicnn.learn import FAST, figure
from minicnn.learn.course import find_course
from minicnn.learn.records import recorded, table
from minicnn.learn.zoo import same_layers
from minicnn.testing.doctor import diagnose


# %%
def block_channels(channels, growth, depths):
    """The number of channels that each block gives: a list like depths, layers per block."""
    # >>> solution
    found = []
    for depth in depths:
        channels += depth * growth
        found.append(channels)
        channels //= 2
    return found
    # <<< solution


# %% [markdown]
r"""
## One buffer

For a moment let a layer be a 1x1 convolution and ReLU. Layer l has the weight $W_l$, (k, $C_l$),
for the $C_l$ channels so far. If each layer *concatenates* its inputs, every result is copied again
for every later layer. Instead take one array for the whole block, the *buffer*, of shape (N, C + L
k, H, W). Its first C channels are x; layer l reads the first $C_l$ and writes the next k:

$$
y_{n,\,C_l + o,\,i,\,j} = \mathrm{relu} \sum_{c < C_l} W_{l,\,oc} \; y_{ncij}
\qquad C_l = C + l k, \quad l = 0, 1, \ldots, L - 1
$$
"""


# %%
def dense_block_forward(x, weights):
    """The buffer: x, then k new channels from each layer; weights is a list of (k, channels so far)

    (N, C, H, W), L weights -> (N, C + L k, H, W)
    """
    # >>> solution
    (n, end, h, w), growth = x.shape, len(weights[0])
    y = np.empty((n, end + growth * len(weights), h, w), x.dtype)
    y[:, :end] = x
    for weight in weights:
        new = np.einsum("oc,nchw->nohw", weight, y[:, :end])
        y[:, end : end + growth] = np.maximum(new, 0)
        end += growth
    return y
    # <<< solution


# %% [markdown]
r"""
## The gradient of what is used again

A channel goes to the loss in many ways: it is part of the block's result, and *every* later layer
reads it. All these gradients are added up. So take a second buffer, g, which starts as a copy of
the upstream gradient, and go through the layers from the last to the first. When it is layer l's
turn, all later layers have added theirs, and its k channels of g are complete. Let $\tilde g$ be
these k channels where ReLU was open (y > 0), else 0. Then, with L for the loss in these two lines,

$$
\frac{\partial L}{\partial W_{l,\,oc}} = \sum_{n,i,j} \tilde g_{noij} \; y_{ncij}
\qquad
g_{ncij} \text{ += } \sum_o W_{l,\,oc} \; \tilde g_{noij} \quad \text{for } c < C_l
$$

What is left in the first C channels is the gradient of x. (The order is lesson 2's rule once more.)
"""


# %%
def dense_block_backward(gy, y, weights):
    """gx (N, C, H, W), and the list of the weights' gradients; gy is shaped as the buffer y."""
    # >>> solution
    g, growth, end, found = gy.copy(), len(weights[0]), y.shape[1], []
    for weight in reversed(weights):
        first = end - growth
        new = g[:, first:end] * (y[:, first:end] > 0)
        found.insert(0, np.einsum("nohw,nchw->oc", new, y[:, :first]))
        g[:, :first] += np.einsum("oc,nohw->nchw", weight, new)
        end = first
    return g[:, :end], found
    # <<< solution


# %% [markdown]
r"""
## The real layer

In the paper a layer is batch norm, ReLU, a 1x1 convolution to 4 k channels (the bottleneck of
lesson 18), then batch norm, ReLU and a 3x3 convolution to k. Norm and ReLU stand *before* the
convolution, because each reader wants another scale of the same channels. A transition is batch
norm, ReLU, 1x1 convolution and 2x2 average pooling. On Tensors we concatenate, as the library does.
"""


# %%
def norm_relu_conv(channels, outputs, size):
    conv = nn.Conv2d(channels, outputs, size, padding=size // 2, bias=False)
    return [nn.BatchNorm2d(channels), nn.ReLU(), conv]


class DenseBlock(nn.Module):  # (N, C, H, W) -> (N, C + depth k, H, W)
    def __init__(self, channels, k, depth):
        super().__init__()
        self.layers = [
            nn.Sequential(*norm_relu_conv(channels + i * k, 4 * k, 1), *norm_relu_conv(4 * k, k, 3))
            for i in range(depth)
        ]

    def forward(self, x):
        for layer in self.layers:
            x = ops.concat([x, layer(x)], 1)
        return x


def densenet(stem, channels, k, depths, classes):
    layers, wide = [*stem], block_channels(channels, k, depths)
    for i, depth in enumerate(depths):
        if i:
            layers += [*norm_relu_conv(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
        layers.append(DenseBlock(channels, k, depth))
        channels = wide[i]
    head = [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *head, nn.Linear(channels, classes))


with nn.init.skip():
    stem = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    net = densenet([*stem, nn.MaxPool2d(3, 2, padding=1)], 64, 32, (6, 12, 24, 16), 1000)
    zoo = models.create("densenet121")
assert sum(p.data.size for p in net.parameters()) == 7_978_856
print(f"DenseNet-121, 7,978,856 parameters: {same_layers(net, zoo, (2, 3, 32, 32))} equal layers")

# %%
rng = np.random.default_rng(0)
x, weights = rng.standard_normal((2, 3, 4, 5)), [rng.standard_normal((2, c)) for c in (3, 5, 7)]
tensors = [Tensor(a, requires_grad=True) for a in (x, *weights)]
naive, y = tensors[0], dense_block_forward(x, weights)
for weight in tensors[1:]:
    new = ops.conv2d(naive, weight.reshape(*weight.shape, 1, 1))
    naive = ops.concat([naive, ops.relu(new)], 1)
gy = rng.standard_normal(y.shape)
(naive * Tensor(gy)).sum().backward()
gx, gweights = dense_block_backward(gy, y, weights)
for theirs, mine in zip([t.grad for t in tensors] + [naive], [gx, *gweights, y], strict=True):
    assert np.allclose(theirs.numpy(), mine, rtol=1e-10)
print("with one buffer as with copies: output and gradients")
print(diagnose(DenseBlock(3, 2, 1), x))

# %% [markdown]
r"""
The library's block concatenates for each layer; torchvision does too, and can compute layers again
in the backward pass to save memory. Both are "BC" nets: bottleneck, and *compression*, the halving.

## Who uses what

The 1x1 convolution of layer l has weights for every channel before it. The authors took the mean
absolute weight per source, the block's input or an earlier layer: so much the layer listens to it.
Here each row is divided by its largest entry. A full run learns 20,000 images of CIFAR-10 and keeps
the table; without that record the figure has a net that has hardly learned, and uses all alike.
"""

# %%
random.manual_seed(0)
k, depth, log = 6, 8, find_course().folder / "19_densenet" / "reuse.csv"
conv = nn.Conv2d(1 if FAST else 3, 12, 3, padding=1, bias=False)
net = densenet([conv], 12, k, (depth, depth), 10)
sgd = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
how = {"optimizer": sgd, "epochs": 1 if FAST else 8, "progress": False}
photos = data.digits if FAST else data.cifar10
sets = photos("train").subset(range(320 if FAST else 20000)), photos("test")
if FAST:
    train.fit(net, sets[0], **how)
record = recorded("19_densenet", "training", train.fit, net, *sets, **how)
print(table({"DenseNet": record}))
uses = np.full((depth, 2 * depth), np.nan)  # a row per layer, a column per source
blocks = [module for module in net.modules() if isinstance(module, DenseBlock)]
for block, channels, first in zip(blocks, (12, 30), (0, depth), strict=True):
    for i, layer in enumerate(block.layers):
        weight = abs(layer[2].weight.numpy()).mean((0, 2, 3))
        parts = np.array([p.mean() for p in np.split(weight, channels + k * np.arange(i))])
        uses[i, first : first + i + 1] = parts / max(parts)
if not FAST:
    np.savetxt(log, uses, "%.4f", delimiter=",")
uses = (np.loadtxt(log, delimiter=",") if log.exists() else uses).round(1)
axes = (fig := Figure((8, 3.4), layout="constrained")).subplots(1, 2)
colours, sources = colormaps["viridis"].resampled(11), range(depth)
for ax, part, title in zip(axes, np.split(uses, 2, axis=1), ("block 1", "block 2"), strict=True):
    shown = ax.pcolormesh(sources, sources, part, cmap=colours, vmin=-0.05, vmax=1.05)
    ax.set(title=title, xlabel="source: 0 is the block's input", ylabel="layer", ylim=(7.5, -0.5))
fig.colorbar(shown, ax=axes, label="mean absolute weight")
figure(fig, "reuse", alt="Two triangles of squares: how much each layer uses each earlier one.")

# %% [markdown]
r"""
## Common mistakes

* **The gradients of channels that are used again are lost.** Each reader adds to them.
* **The gradient of one reader replaces that of the others.** `=` where `+=` belongs.
* **A layer's gradient is used before its readers have added theirs.** Last layer first.
* **A layer sees only what the layer before it has made.** It reads all channels so far.

## Further reading

* Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Weinberger: *Densely connected convolutional
  networks*, 2017. Geoff Pleiss and others: *Memory-efficient implementation of DenseNets*, 2017.
"""
