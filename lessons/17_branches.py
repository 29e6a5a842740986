# %% [markdown]
r"""
# 17 Branches: 1 by 1 convolutions and GoogLeNet

**Goal.** Mix channels pixel by pixel; send an image four ways side by side, and its gradient back;
build GoogLeNet: 22 layers deep, 6,624,904 parameters, a ninth of AlexNet's. **Before.** Lessons 13,
14, 16. **Time.** Two hours. **Runs** in 8 s; in full it trains three nets on CIFAR-10. **You can
skip this if** you know what a 1 by 1 convolution is for, and how a concatenation's gradient is cut.

In 2013 Lin, Chen and Yan (*Network in network*) asked whether a filter, a weighted sum, is clever
enough, and whether dense layers are needed; in 2014 Szegedy and others, how to be deeper *and*
wider with few multiply-adds. For 6.7 % of the test images the class is not among five guesses of
seven *GoogLeNets* together (AlexNets: 15 %). Below is the table of *Inception blocks*, in channels:
of the 1 by 1 branch; before and after the 3 by 3; before and after the 5 by 5; after the pool.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, models, nn, ops, optim, random, train
from minicnn.learn import FAST, figure
from minicnn.learn.records import recorded, table
from minicnn.testing.doctor import diagnose

TABLE = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip

# %% [markdown]
r"""
## A dense layer at every pixel

A convolution with a window of 1 by 1 sees one pixel and all its channels: `x` is (N, C, H, W), the
weight $w$ is (O, C), the bias $b$ is (O,). At each pixel $(i, j)$ it is the dense layer of lesson
05, with the same weights everywhere. A weight works at every pixel of every sample, and collects
its gradient from all. With $q$ for the upstream gradient `gy`:

$$
y_{noij} = b_o + \sum_c w_{oc} \, x_{ncij} \qquad
\frac{\partial L}{\partial x_{ncij}} = \sum_o q_{noij} \, w_{oc} \qquad
\frac{\partial L}{\partial w_{oc}} = \sum_{n,i,j} q_{noij} \, x_{ncij} \qquad
\frac{\partial L}{\partial b_o} = \sum_{n,i,j} q_{noij}
$$
"""


# %%
def pointwise_backward(gy, x, weight, bias):
    """The gradients (gx, gweight, gbias), shaped as x, weight and bias; gy is (N, O, H, W)."""
    # >>> solution
    gx = np.einsum("nohw,oc->nchw", gy, weight)
    return gx, np.einsum("nohw,nchw->oc", gy, x), gy.sum((0, 2, 3))
    # <<< solution


# %% [markdown]
r"""
With a ReLU it is a small network at every pixel: the network in the network. It can also make many
channels *few*, before a dear layer looks at them. A 5 by 5 convolution from 192 to 32 channels has
153,600 weights; by way of 16 channels it is 3,072 + 12,800.

## Concatenation, there and back

Put `a` and `b` one after the other along an axis, for images the channels. Nothing is computed: an
entry of `gy` belongs to the entry of `a` or `b` that stood in its place.
"""


# %%
def concat_backward(gy, a, b, axis):
    """The gradients (ga, gb) of np.concatenate([a, b], axis), shaped as a and b."""
    # >>> solution
    ga, gb = np.split(gy, [a.shape[axis]], axis)
    return ga, gb
    # <<< solution


# %% [markdown]
r"""
## Where the ways part

In a block all branches read the same `x`, and what is read several times gets a gradient from each
reader; they add up (lesson 02). So the block's backward pass cuts `gy` into the branches' pieces,
sends each piece back through its own branch, and adds what arrives.
"""


# %%
def branches_backward(gy, x, branches):
    """gx of the outputs forward(x), each (N, C_b, H, W), put together along axis 1; branches is a
    list of pairs of functions (forward, backward), and backward(gy_b, x) has the shape of x."""
    # >>> solution
    gx, first = np.zeros_like(x), 0
    for forward, backward in branches:
        last = first + forward(x).shape[1]
        gx += backward(gy[:, first:last], x)
        first = last
    return gx
    # <<< solution


# %% [markdown]
r"""
## The Inception block

Which window is right, 1, 3 or 5? The block takes all, and a 3 by 3 max pool beside them. All need
the same height and width: windows of k get padding (k - 1) / 2, and the pool has stride 1. 1 by 1
convolutions make channels few before the 3 by 3 and the 5 by 5, and *after* the pool, which cannot.
"""


# %% tags=["keep"]
def conv(channels, filters, kernel, stride=1):
    """Convolution without bias, batch norm, ReLU; the padding keeps the size at stride 1."""
    layer = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters, 0.001), nn.ReLU())


class Branches(nn.Sequential):
    def forward(self, x):
        return ops.concat([branch(x) for branch in self], 1)


# %%
def inception(c, n1, reduce3, n3, reduce5, n5, pool, large=5):
    """The list of four branches, of conv: 1x1 to n1; 1x1 to reduce3, 3x3 to n3; 1x1 to reduce5,
    a window of large to n5; 3x3 max pool, 1x1 to pool. c is the number of channels of x."""
    # >>> solution
    return [
        conv(c, n1, 1),
        nn.Sequential(conv(c, reduce3, 1), conv(reduce3, n3, 3)),
        nn.Sequential(conv(c, reduce5, 1), conv(reduce5, n5, large)),
        nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(c, pool, 1)),
    ]
    # <<< solution


# %% tags=["hide-input"]
x, block = Tensor(np.zeros((1, 192, 28, 28), np.float32)), inception(192, *TABLE["3a"])
boxes = {(0, 2): f"x\n{x.shape[1:]}", (6, 2): f"concat\n{Branches(*block)(x).shape[1:]}"}
axes = (fig := Figure((8, 2.6), layout="constrained")).subplots()
for k, names in enumerate((["1x1"], ["1x1", "3x3"], ["1x1", "5x5"], ["pool", "1x1"])):
    out = x
    for j, (name, layer) in enumerate(zip(names, block[k] if k else [block[0]], strict=True)):
        out = layer(out)
        boxes[2 * j + 2, k + 0.5] = f"{name}\n{out.shape[1:]}"
    axes.plot([0, 2, 4, 6], [2, k + 0.5, k + 0.5, 2], color="0.6", zorder=0)
for place, text in boxes.items():
    axes.text(*place, text, ha="center", va="center", size=8, bbox={"fc": "w", "boxstyle": "round"})
axes.set(xlim=(-0.9, 6.9), ylim=(4, 0), frame_on=False, xticks=[], yticks=[])
figure(fig, "block", alt="x goes four ways: 1x1; 1x1, 3x3; 1x1, 5x5; pool, 1x1; then concat.")

# %% [markdown]
r"""
## Is it the published network?

GoogLeNet ends with each channel's mean over all pixels (*global average pooling*) and one dense
layer: 1,025,000 parameters instead of VGG's 124 million. The library's is torchvision's: batch norm
for biases and AlexNet's normalising; 3 by 3 windows for 5 by 5, a slip; a 2 by 2 pool before 5a,
not 3 by 3; dropout 0.2, not 0.4. The paper's two *auxiliary heads* for training, whose losses count
0.3 each, are left out here.
"""


# %%
def googlenet(thinner=1, classes=1000):
    first, c = 64 // thinner, 192 // thinner
    layers = [conv(3, first, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True)]
    layers += [conv(first, first, 1), conv(first, c, 3)]
    for name, row in TABLE.items():
        if name in ("3a", "4a", "5a"):
            layers.append(nn.MaxPool2d(2 if name == "5a" else 3, 2, ceil_mode=True))
        n1, _, n3, _, n5, pool = row = [n // thinner for n in row]
        layers.append(Branches(*inception(c, *row, large=3)))
        c = n1 + n3 + n5 + pool
    head = [nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Flatten(), nn.Linear(c, classes)]
    return nn.Sequential(*layers, *head)


with nn.init.skip():
    assert sum(p.numel() for p in googlenet().parameters()) == 6_624_904
ours = googlenet(8, 10).eval().double()
zoo = models.create("googlenet", width_mult=1 / 8, num_classes=10, aux_logits=False).double()
ours.load_state_dict(dict(zip(ours.state_dict(), zoo.state_dict().values(), strict=True)))
*layers, last = zoo.eval().children()
a = b = Tensor((rng := np.random.default_rng(0)).standard_normal((1, 3, 96, 96)))
for layer, other in zip(ours, [*layers, nn.Flatten(), last], strict=True):
    a, b = layer(a), other(b)
    assert np.allclose(a.numpy(), b.numpy(), rtol=1e-9)
print(f"GoogLeNet has 6,624,904 parameters; all {len(ours)} parts equal the library's")
block = Branches(*inception(3, 2, 2, 3, 1, 2, 1)).eval()
print(diagnose(block, rng.standard_normal((2, 3, 5, 5))))

# %% [markdown]
r"""
## Which head?

On CIFAR-10 Lin, Chen and Yan tried three heads: dense (11.6 % of the test images wrong), with
dropout (10.9 %), a channel for each class, averaged (10.4 %). We do so, after two Inception blocks.
"""


# %%
def run(head, photos, epochs):
    random.manual_seed(0)
    c, side, _ = (training := photos("train")).images.shape[1:]
    body = [conv(c, 32, 3), nn.MaxPool2d(2)]
    body += [Branches(*inception(n, 16, 24, 32, 4, 8, 8)) for n in (32, 64)]  # 64 channels each
    dense = [nn.Flatten(), nn.Dropout(0.5 * (head == "dropout")), nn.Linear(4 * side**2, 10)]
    average = [nn.Conv2d(64, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(*body, nn.MaxPool2d(2), *(average if head == "average" else dense))
    how = {"optimizer": optim.Adam(net.parameters()), "epochs": epochs, "progress": False}
    return train.fit(net, training, photos("test"), **how)


heads = ("dense", "dropout", "average")
if FAST:  # grey digits of 8 by 8 pixels
    assert all(run(head, data.digits, 1)[-1].val_accuracy > 0.3 for head in heads)
print(table({h: recorded("17_branches", h, run, h, data.cifar10, 8) for h in heads}))
x, weight, bias, gy = map(rng.standard_normal, ((2, 3, 4, 5), (6, 3), 6, (2, 6, 4, 5)))
tensors = [Tensor(a, requires_grad=True) for a in (x, weight.reshape(6, 3, 1, 1), bias)]
ops.conv2d(*tensors).backward(gy)
for tensor, g in zip(tensors, pointwise_backward(gy, x, weight, bias), strict=True):
    assert np.allclose(tensor.grad.numpy().reshape(g.shape), g)
parts = [(lambda x, w=w: np.einsum("oc,nchw->nohw", w, x),  # the same filters in two branches
          lambda gy, x, w=w: pointwise_backward(gy, x, w, bias)[0])
         for w in np.split(weight, [2])]  # fmt: skip
assert np.allclose(branches_backward(gy, x, parts), tensors[0].grad.numpy())
print(diagnose("concat", lambda a, b, axis: np.concatenate([a, b], axis), concat_backward))

# %% [markdown]
r"""
## Common mistakes

* **The pieces of the gradient come from each other's place.** Equal widths hide it.
* **Only one branch's gradient arrives.** `=` where `+=` belongs.
* **The branches stand in another order.** The next block then reads other channels.
* **A branch changes height and width.** Mind padding, and the pool's stride.
* **An auxiliary head's loss counts as much as the main one's.** See `models.auxiliary_loss`.

## Further reading

* Min Lin, Qiang Chen, Shuicheng Yan: *Network in network*, 2014
* Christian Szegedy and others: *Going deeper with convolutions*, 2015
"""
