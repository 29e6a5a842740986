# %% [markdown]
r"""
# 18 Skip connections: ResNet

**Goal.** See why more plain layers can learn worse, and build the block against it: a branch of
convolutions, *added* to its input. **Before.** Lessons 14, 16, 17. **Time.** Two hours. **Runs** in
9 s; in full, on CIFAR-10, in 25 minutes. **You can skip this if** you can say why a branch
ends without ReLU, and which of its weights starts as 0.

In 2015 He, Zhang, Ren and Sun asked: is stacking layers enough to make a network better? With batch
norm in every layer, first guesses on ImageNet that are wrong, in per cent:

| layers | plain | residual |
|---|---|---|
| 18 | 27.94 | 27.88 |
| 34 | 28.54 | 25.03 |

The deeper plain net is worse, on its *training* images too, so it does not overfit (lesson 15). Yet
34 layers could do what 18 do, if 16 handed on their input, the *identity*; the optimizer does not
find such weights. So let the identity be there from the beginning: for x (N, C, H, W), and a
*branch* F of layers that keep the shape, a *residual block* has a path around F, the *shortcut* or
*skip connection*, and F learns only what to *add*: $y = \mathrm{relu}(x + F(x))$.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, grad, models, nn, ops, optim, random, train
from minicnn.learn import FAST, figure
from minicnn.learn.records import draw, recorded, table
from minicnn.learn.zoo import same_layers
from minicnn.testing.doctor import diagnose

# %% [markdown]
r"""
## A sum gives its gradient to both

Take the smallest branch there is, $F(x) = w x$ with a weight per channel, w (C,). Let $s = x + w x$
be the sum, and `gy` the upstream gradient, both shaped as x. ReLU lets pass $g = gy$ where $s > 0$,
and 0 elsewhere. x reaches s on two paths, side by side, so their slopes 1 and w are *added*:

$$
gx_{ncij} = g_{ncij} + w_c \, g_{ncij} \qquad gw_c = \sum_{n,i,j} g_{ncij} \, x_{ncij}
$$

Whatever w is, the 1 stays. Plain layers with slopes $f_l$ multiply the gradient by all of them in
turn; blocks by all $1 + f_l$. For two, $1 + f_1 + f_2 + f_1 f_2$: one path leads around everything.

## Adding in place

`x += branch` changes the caller's x, which the backward pass needs. `x + branch` is a new array.
"""


# %%
def residual_forward(x, weight):
    """y = relu(x + weight x), with a weight per channel: (N, C, H, W), (C,) -> (N, C, H, W)"""
    # >>> solution
    return np.maximum(x + weight[:, None, None] * x, 0)
    # <<< solution


def residual_backward(gy, x, weight):
    """The gradients (gx, gweight) of residual_forward; gy is (N, C, H, W) as x."""
    # >>> solution
    w = weight[:, None, None]
    g = gy * (x + w * x > 0)
    return g + w * g, (g * x).sum((0, 2, 3))
    # <<< solution


# %% [markdown]
r"""
## Two branches

Batch norm follows each convolution, which therefore has no bias. The **basic** branch, for up to 34
layers, has two 3x3 convolutions to `planes` channels. The **bottleneck** has 1x1 to `planes`, 3x3,
and 1x1 to 4 `planes`: the costly 3x3 sees few channels. ReLU stands *between* them; after the last
there is none, for a branch must be able to subtract. The first 3x3 has the stride. (`nn.Sequential`
makes one layer, in the library's word a *Module*, of several.)

## Where the shape changes

Where the branch halves the image or makes other channels, the shortcut is a *projection*: a 1x1
convolution with the same stride, and batch norm, no ReLU. Else it is `nn.Identity()`, no weights.
(That is the paper's option B. Its CIFAR nets have A: every second pixel, and channels of zeros.)
"""


# %%
def conv_bn(channels, out, size, stride=1):
    """Convolution and batch norm: (N, channels, H, W) -> (N, out, H/stride, W/stride)"""
    return [nn.Conv2d(channels, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out)]


def basic(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, planes, H/stride, W/stride)"""
    # >>> solution
    first, second = conv_bn(channels, planes, 3, stride), conv_bn(planes, planes, 3)
    return nn.Sequential(*first, nn.ReLU(), *second)
    # <<< solution


def bottleneck(channels, planes, stride):
    """An nn.Sequential: (N, channels, H, W) -> (N, 4 planes, H/stride, W/stride)"""
    # >>> solution
    squeeze, look = conv_bn(channels, planes, 1), conv_bn(planes, planes, 3, stride)
    return nn.Sequential(*squeeze, nn.ReLU(), *look, nn.ReLU(), *conv_bn(planes, 4 * planes, 1))
    # <<< solution


def shortcut(channels, outputs, stride):
    """A Module beside a branch: (N, channels, H, W) -> (N, outputs, H/stride, W/stride)"""
    # >>> solution
    if stride == 1 and channels == outputs:
        return nn.Identity()
    return nn.Sequential(*conv_bn(channels, outputs, 1, stride))
    # <<< solution


# %% [markdown]
r"""
## Starting as the identity

Batch norm's `weight` $\gamma$ starts as 1, its `bias` $\beta$ as 0. With the *last* $\gamma$ 0 the
branch gives 0, and as what comes from a ReLU is not negative, the block is the identity. (With all
$\gamma$ 0 only the last $\beta$ could learn.) `modules()` lists layers, `nn.init.zeros_(p)` sets p.
"""


# %%
def zero_last_gamma(branch):
    """Set the weight of the branch's last BatchNorm2d to 0, in place; nothing else changes."""
    # >>> solution
    norms = [module for module in branch.modules() if isinstance(module, nn.BatchNorm2d)]
    nn.init.zeros_(norms[-1].weight)
    # <<< solution


# %%
class Block(nn.Module):  # relu(branch(x) + way(x)); in a plain net way is None: relu(branch(x))
    def __init__(self, branch, way):
        super().__init__()
        self.branch, self.way, self.relu = branch, way, nn.ReLU()

    def forward(self, x):
        y = self.branch(x)
        return self.relu(y if self.way is None else y + self.way(x))


print(diagnose("residual", residual_forward, residual_backward))
x = np.maximum(np.random.default_rng(0).standard_normal((4, 8, 6, 6)), 0)
for branch, planes in ((basic, 8), (bottleneck, 2)):
    print(diagnose(Block(branch(3, 2, 2), shortcut(3, 8 // planes * 2, 2)), x[:2, :3]))
    zero_last_gamma(start := branch(8, planes, 1))
    assert abs(Block(start, nn.Identity()).double()(Tensor(x)).numpy() - x).max() <= 1e-12

# %% [markdown]
r"""
## Stages

In a *stage* all images have one size; each but the first begins with stride 2 and twice the planes.
Before them stands a *stem*; `cifar(n)` has 6 n + 2 layers. We count, then compare layer by layer.
"""


# %%
def resnet(stem, way, branch, depths, growth=1, classes=1000):
    """Stem, stages of Blocks, logits; the branch gives growth times planes channels."""
    blocks, channels = [], (first := stem[0].out_channels)
    for i, j in ((i, j) for i, depth in enumerate(depths) for j in range(depth)):
        planes, stride = first * 2**i, 2 if i and not j else 1
        after = growth * planes
        blocks.append(Block(branch(channels, planes, stride), way(channels, after, stride)))
        channels = after
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    return nn.Sequential(*stem, *blocks, *head)


def cifar(n, way=models.resnet_cifar.ZeroPadShortcut):
    return resnet([*conv_bn(3, 16, 3), nn.ReLU()], way, basic, (n, n, n), classes=10)


with nn.init.skip():
    nets, zoo = [cifar(3)], [models.create(f"resnet{depth}") for depth in (20, 18, 34, 50)]
    for shape in (basic, (2, 2, 2, 2)), (basic, (3, 4, 6, 3)), (bottleneck, (3, 4, 6, 3), 4):
        stem = [*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
        nets.append(resnet(stem, shortcut, *shape))
counts = [sum(p.data.size for p in net.parameters()) for net in nets]
assert counts == [269_722, 11_689_512, 21_797_672, 25_557_032]
print("parameters of ResNet-20, 18, 34, 50:", *counts)
print("layers equal to the library's:", *map(same_layers, nets, zoo, [(2, 3, 32, 32)] * 4))

# %% [markdown]
r"""
The library computes batch norm, sum and ReLU in one pass. In the paper the bottleneck's *first*
convolution has the stride; here, in the library and in torchvision the second one.

## Plain-20, plain-56, residual-56

The figure: the gradient after each block, before training. In the deep plain net it does not
vanish: batch norm sees to that. It *explodes* on its way back, and one learning rate has to fit
both ends. A full run learns 20,000 images of CIFAR-10, four pixels averaged to one: the deeper
plain net is worse on its *training* images too (80 % wrong, not 43 %), so it does not overfit.
"""


# %%
def run(net, *sets, **how):
    how["optimizer"] = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return train.fit(nn.Sequential(nn.AvgPool2d(2), net), *sets, progress=False, **how)


pictures, plain, norms, records = data.shapes(32, 10, seed=1), (lambda *_: None,), {}, {}
photos = [] if FAST else [data.cifar10("train").subset(range(20000)), data.cifar10("test")]
for name, way in {"plain-20": (3, *plain), "plain-56": (9, *plain), "residual-56": (9,)}.items():
    random.manual_seed(0)
    net, after = cifar(*way), [Tensor(pictures.images[:, :, ::2, ::2])]
    for layer in net:
        after.append(layer(after[-1]))
    gradients = grad(ops.cross_entropy(after[-1], pictures.labels), after[4:-3])  # of the blocks
    norms[name] = [np.linalg.norm(g.numpy()) for g in gradients]
    if FAST:
        run(net, pictures, epochs=1, batch_size=32)
    records[name] = recorded("18_resnet", name, run, net, *photos, epochs=10, batch_size=128)
print(table(records))

# %% tags=["hide-input"]
axes = (fig := Figure((5, 2.8), layout="constrained")).subplots()
for name, lengths in norms.items():
    axes.semilogy(np.linspace(0, 1, len(lengths)), lengths, label=name)
axes.set(xlabel="block, from the first (0) to the last (1)", ylabel="norm of the gradient")
axes.legend(frameon=False)
figure(fig, "gradients", alt="Plain-56's gradient grows 4,000-fold going back, others' tenfold.")
figure(draw(records), "training", alt="Plain-56 hardly learns, residual-56 learns best.")

# %% [markdown]
r"""
## Common mistakes

* **ReLU is taken before the sum.** Then a branch can only add, never subtract.
* **The block's input was overwritten before it was used again.** By `+=`.
* **The identity path is lost**, or **counted twice**. With w = 0 the gradient is g.

## Further reading

* Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: *Deep residual learning for image
  recognition*, 2016; *Identity mappings in deep residual networks*, 2016.
"""
