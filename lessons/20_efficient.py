# %% [markdown]
r"""
# 20 Efficient nets: MobileNet and EfficientNet

**Goal.** Nearly the same accuracy for a ninth of the multiplications: convolutions split in two,
channels gated, blocks wide inside. **Before.** Lessons 12 (roofline), 14 (batch norm), 18 (residual
blocks). **Time.** Two hours. **Runs** in 3 s; in full it trains on CIFAR-10. **Skip it if** you can
say why a ninth of the multiplications takes more than a ninth of the time.

MobileNet (2017) asked: how cheap can a network be, for a telephone? From the paper's table 4:

| Layers | ImageNet, % right | million multiply-adds | million parameters |
|---|---|---|---|
| full convolutions | 71.7 | 4866 | 29.3 |
| each split in two | 70.6 | 569 | 4.2 |
"""

# %%
import numpy as np

from minicnn import data, models, nn, ops, optim, random, summary, train, use_kernels
from minicnn.learn import FAST, costs, figure, log, pick, roofline
from minicnn.learn.records import recorded, table
from minicnn.learn.replacing import replaced
from minicnn.learn.zoo import same_layers
from minicnn.models import efficientnet, mobilenet_v1, mobilenet_v2, mobilenet_v3
from minicnn.models.blocks import Conv2dNormActivation as ConvNorm
from minicnn.models.blocks import SqueezeExcitation, make_divisible
from minicnn.testing.doctor import diagnose

if FAST:
    use_kernels("numpy")  # nothing to load or compile

# %% [markdown]
r"""
## One convolution in two steps

A convolution from C to F channels, k by k, looks at *neighbours* and mixes *channels* at once:
$C F k^2$ multiply-adds per output pixel. *Depthwise separable*: a *depthwise* one, k by k in each
channel, $C k^2$, then a *pointwise* one, 1 by 1, $C F$. As a part (k = 3, F large: about 1/9):

$$
\frac{C k^2 + C F}{C F k^2} = \frac{1}{F} + \frac{1}{k^2}
$$

## Groups and channels

Depthwise is lesson 10's convolution with G = C groups: filter c sees channel c alone. A full one
does what groups do if its filters have zeros for the channels of other groups: a *block-diagonal*
matrix of kernels, filters by channels, a block per group. Products with 0 change no sum.
"""


# %%
def dense_weight(weight, groups):
    """The weight (O, C, kh, kw) of a full convolution that does what weight (O, C/G, kh, kw) does
    with G groups: group g has filters g O/G to (g + 1) O/G and channels g C/G to (g + 1) C/G.
    """
    # >>> solution
    diagonal = np.kron(np.eye(groups), np.ones((len(weight) // groups, weight.shape[1])))
    return np.where(diagonal[:, :, None, None], np.tile(weight, (1, groups, 1, 1)), 0)
    # <<< solution


# %%
x, w = (np.random.default_rng(0).integers(-9, 9, s) * 1.0 for s in ((2, 6, 9, 7), (6, 1, 3, 3)))
assert np.array_equal(ops.conv2d(x, dense_weight(w, 6)).numpy(), ops.depthwise_conv2d(x, w).numpy())

# %% [markdown]
r"""
## Why it is not nine times as fast

By lesson 12's roofline, speed is at most bandwidth times intensity. Depthwise, 3 by 3, does 18
operations for each number read and written, 8 bytes: 2.25 per byte, whatever C. Pointwise does C/4.
The depthwise layer waits for memory; fewer multiplications cannot help it. A full run draws *your*
machine, this page a log. (Full layers may lie above: they multiply less, see docs/winograd.md.)
"""

# %% tags=["measured"]
print(found := roofline.measure(*(1, 8, 2) if FAST else ()))
if not FAST:
    log.write("20_efficient", [found])
drawn = roofline.draw(pick("roofline"), log.read("20_efficient")[0])
figure(drawn, "roofline", alt="A roof: depthwise lies under its slope, others at its flat part.")

# %% [markdown]
r"""
## Squeeze and excitation

A *gate* gives each channel of an image (`x` is (N, C, H, W)) a factor: *squeeze* all channels to
their means $m$, mix these by a layer with weight $w$ (C, C), take the sigmoid $\sigma$, and scale:

$$
m_{nc} = \frac{1}{HW} \sum_{i,j} x_{ncij} \qquad
s_{nd} = \sigma \Bigl( \sum_c w_{dc} \, m_{nc} \Bigr) \qquad y_{ncij} = x_{ncij} \, s_{nc}
$$

An x reaches y directly, slope $s$, and through the gate. A gate is used at all its pixels, so its
gradient is $q_{nd} = \sum_{i,j} gy_{ndij} \, x_{ndij}$; before the sigmoid it is
$r_{nd} = q_{nd} \, s_{nd} (1 - s_{nd})$. In a mean, each pixel has a share of 1/(HW):

$$
\frac{\partial L}{\partial w_{dc}} = \sum_n r_{nd} \, m_{nc} \qquad
\frac{\partial L}{\partial x_{ncij}} = gy_{ncij} \, s_{nc} + \frac{1}{HW} \sum_d r_{nd} \, w_{dc}
$$
"""


# %%
def squeeze_excite_backward(gy, x, weight):
    """The gradients (gx, gweight), shaped as x (N, C, H, W) and weight (C, C)."""
    # >>> solution
    means = x.mean((2, 3))
    gate = 1 / (1 + np.exp(-means @ weight.T))
    r = (gy * x).sum((2, 3)) * gate * (1 - gate)
    through = r @ weight / np.prod(x.shape[2:])
    return gy * gate[:, :, None, None] + through[:, :, None, None], r.T @ means
    # <<< solution


# %% [markdown]
r"""
## Narrow outside, wide inside

MobileNet V2 (2018): a pointwise layer *expands* the channels, mostly 6 times; the depthwise layer
works there; a pointwise one *projects* to few, where the shortcut is: lesson 18's bottleneck
*inverted*. The activation is ReLU6, min(max(x, 0), 6), **none** after the projection (a *linear
bottleneck*): what ReLU sets to 0 is lost where no other channel knows it. V3 (2019) has a gate
after the depthwise layer, and x ReLU6(x + 3) / 6 for SiLU. `ConvNorm(channels, out, kernel, stride,
groups, activation=...)` is convolution (same size at stride 1), batch norm, activation.
"""


# %%
class InvertedResidual(nn.Module):
    def __init__(self, channels, expanded, out, kernel, stride, activation, gate=None):
        """self.layers: expand (not if channels == expanded), depthwise with the stride, gate (not
        if None), project. self.skip: can x be added? (N, channels, H, W) -> (N, out, H', W')
        """
        super().__init__()
        # >>> solution
        wide = ConvNorm(expanded, expanded, kernel, stride, expanded, activation=activation)
        layers = [wide] if gate is None else [wide, gate]
        if expanded != channels:
            layers.insert(0, ConvNorm(channels, expanded, 1, activation=activation))
        self.layers = nn.Sequential(*layers, ConvNorm(expanded, out, 1, activation=None))
        self.skip = stride == 1 and channels == out
        # <<< solution

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y


# %% [markdown]
r"""
## The papers' nets with your block, counted before any training

The papers' tables stand in `minicnn/models`; `replaced` builds the nets of *our* blocks. The last,
EfficientNet (2019), asks: should a net that may cost more be deeper, wider, or see larger images?
All at once (*compound scaling*): depth times $1.2^\phi$, width $1.1^\phi$, side $1.15^\phi$; width
and side count twice: a step of $\phi$ costs twice as much. (B4: depth 1.8, width 1.4, 380 pixels.)
"""


# %%
def in_v3(c, row, norm):
    kernel, t, out, gated, activation, stride = row
    gate = SqueezeExcitation(t, make_divisible(t // 4), nn.ReLU, nn.Hardsigmoid) if gated else None
    return InvertedResidual(c, t, out, kernel, stride, activation, gate)


def in_efficient(c, out, t, kernel, stride, *_):
    gate = SqueezeExcitation(t * c, c // 4, nn.SiLU)
    return InvertedResidual(c, t * c, out, kernel, stride, nn.SiLU, gate)


forward = lambda x, w: x * (1 / (1 + np.exp(-x.mean((2, 3)) @ w.T)))[:, :, None, None]  # noqa: E731
print(diagnose("squeeze_excite", forward, squeeze_excite_backward))
full = lambda c, out, s, *_: ConvNorm(c, out, 3, s)  # noqa: E731
split = lambda c, out, s, *_: nn.Sequential(ConvNorm(c, c, 3, s, c), ConvNorm(c, out, 1))  # noqa: E731
in_v2 = lambda c, out, s, t: InvertedResidual(c, t * c, out, 3, s, nn.ReLU6)  # noqa: E731
NETS = (
    ("mobilenet_v1", mobilenet_v1.DepthwiseSeparable, full, 29_294_088),
    ("mobilenet_v1", mobilenet_v1.DepthwiseSeparable, split, 4_231_976),
    ("mobilenet_v2", mobilenet_v2.InvertedResidual, in_v2, 3_504_872),
    ("mobilenet_v3_small", mobilenet_v3.InvertedResidual, in_v3, 2_542_856),
    ("mobilenet_v3_large", mobilenet_v3.InvertedResidual, in_v3, 5_483_032),
    ("efficientnet_b0", efficientnet.MBConv, in_efficient, 5_288_548),
)
for name, theirs, ours, published in NETS:
    how = {"norm": nn.BatchNorm2d} if "v3" in name else {}  # see below
    with nn.init.skip():  # builds without drawing weights
        zoo = models.create(name, **how)
        with replaced(theirs, ours):
            mine = models.create(name, **how)
    cost = summary.total(summary.summarize(mine, (1, 3, 224, 224)))
    print(f"{name:20}{cost.parameters:11,}{cost.multiply_adds / 1e6:6.0f} million multiply-adds")
    assert cost.parameters == published
    if ours is not full:
        same_layers(mine, zoo, (1, 3, 32, 32))
b0, b4 = (models.info(f"efficientnet_{b}").multiply_adds / 1e6 for b in ("b0", "b4"))
print(f"B4: {1.8 * 1.4**2 * (380 / 224) ** 2 * b0:.0f} by the rule; depths rounded up: {b4:.0f}")

# %% [markdown]
r"""
The same weights gave the library's numbers, layer by layer. As torchvision, it has gates of two
layers, in V3 of multiples of 8 channels, and there an epsilon of 1e-3; it skips EfficientNet's
blocks by chance in training. Its V1 ends with stride 1: the paper has 2, which misses 7 x 7 pixels.

## What it costs in accuracy

All these papers draw it against multiply-adds: here published ones (V1's the paper's, the others
torchvision's). Then table 4 at our size, on CIFAR-10: V1 an eighth as wide, full and split, and
a quarter as wide, split: 24.0, 3.4 and 12.0 million multiply-adds. Compare the minutes, too.
"""

# %% tags=["hide-input"]
names = "mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "efficientnet", "resnet", "densenet"
known = {name: [models.info(m) for m in models.list() if m.startswith(name)] for name in names}
figure(costs.draw(known), "accuracy", alt="MobileNets lie far to the left of ResNet and DenseNet.")


# %%
def run(ours, width, photos, epochs):
    random.manual_seed(0)
    with replaced(mobilenet_v1.DepthwiseSeparable, ours):
        net = models.create("mobilenet_v1_cifar", width_mult=width)
    how = {"optimizer": optim.Adam(net.parameters(), 0.01), "batch_size": 128, "progress": False}
    how["schedule"] = optim.OneCycleLR(how["optimizer"], 0.01, 391 * epochs)
    return train.fit(net, photos("train"), photos("test"), epochs=epochs, **how)


assert not FAST or run(split, 1 / 8, lambda part: data.shapes(20, 10), 1)
sizes = {"full_8": (full, 1 / 8), "split_8": (split, 1 / 8), "split_4": (split, 1 / 4)}
print(table({n: recorded("20_efficient", n, run, *s, data.cifar10, 5) for n, s in sizes.items()}))

# %% [markdown]
r"""
## Common mistakes

* **The groups are not kept apart**, or **a group's filters meet another group's channels.**
* **The squeeze is over the wrong axes**, or **the path through the gate is missing.**
* **There is an activation after the projection**, or **the input is added where it does not fit.**

## Further reading

* Howard et al.: *MobileNets*, 2017, and *Searching for MobileNetV3*, 2019. Tan, Le: *EfficientNet*,
  2019. Sandler et al.: *MobileNetV2*, 2018. Hu et al.: *Squeeze-and-excitation networks*, 2018.
"""
