# %% [markdown]
r"""
# 16 Depth: from AlexNet to VGG

**Goal.** Read a network as a table: what a unit sees, where parameters and multiplications are;
build AlexNet and VGG-16, to the last of 138,357,544 parameters; ask what depth does. **Before.**
Lessons 10, 13, 14. **Time.** Two hours. **Runs** in 7 s; in full, on CIFAR-10, in 17 minutes.
**You can skip this if** you can count a net's parameters, multiply-adds and field from its table.

In 2012 Krizhevsky and others trained *AlexNet*, 8 layers with weights, on 1.2 million photographs
of 1000 classes (ImageNet). For 15 % of the test images the class is not among five guesses of seven
such nets together; for the next entry of the contest, 26 %. In 2014 Simonyan and Zisserman asked
what *depth* alone does. They kept the windows at 3 by 3 pixels and added layers:

| configuration | A | B | D | E |
|---|---|---|---|---|
| layers with weights | 11 | 13 | 16 | 19 |
| convolutions in the 5 stages | 1 1 2 2 2 | 2 2 2 2 2 | 2 2 3 3 3 | 2 2 4 4 4 |
| first guess wrong, % | 29.6 | 28.7 | 27.0 | 27.3 |

Stages have 64, 128, 256, 512, 512 filters and end with a 2 by 2 max pool; dense layers of 4096,
4096, 1000 units follow. D is VGG-16. A ReLU follows each convolution and dense layer but the last.
"""

# %%
import math

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, models, nn, ops, optim, random, train
from minicnn.learn import FAST, figure
from minicnn.learn.records import recorded, table
from minicnn.testing.doctor import diagnose


def vgg(depths, filters=(64, 128, 256, 512, 512), units=4096, classes=1000):
    stages = zip(depths, filters, strict=True)
    rows = sum(([("conv", f, 3, 1, 1)] * d + [("pool", 2, 2)] for d, f in stages), [])
    return [*rows, ("flatten",), *[("dense", units), ("dropout", 0.5)] * 2, ("dense", classes)]


# ("conv", filters, kernel, stride, padding), ("pool", kernel, stride), ("dense", units)
NETS = {"VGG-16": vgg((2, 2, 3, 3, 3)), "AlexNet": [
    ("conv", 64, 11, 4, 2), ("pool", 3, 2), ("conv", 192, 5, 1, 2), ("pool", 3, 2),
    ("conv", 384, 3, 1, 1), ("conv", 256, 3, 1, 1), ("conv", 256, 3, 1, 1), ("pool", 3, 2),
    ("flatten",), ("dropout", 0.5), ("dense", 4096), ("dropout", 0.5), ("dense", 4096),
    ("dense", 1000)]}  # fmt: skip

# %% [markdown]
r"""
## How much of the image a unit sees

The *receptive field* $r$ of a unit is the side of the square of image pixels that can change it;
the *jump* $J$ is the distance in pixels between two neighbours of a layer. In the image itself
$r_0 = J_0 = 1$. Layer $l$ with kernel $k_l$ and stride $s_l$ looks at $k_l$ neighbours of the layer
below, with $k_l - 1$ jumps *of that layer* from the first to the last; its own stride makes the
distances larger for the layers above (pools count like convolutions, padding does not matter):

$$
r_l = r_{l-1} + (k_l - 1) \, J_{l-1} \qquad J_l = s_l \, J_{l-1}
$$
"""


# %%
def receptive_field(windows):
    """The side of the receptive field after each layer; windows is a list of (kernel, stride)."""
    # >>> solution
    field, jump, fields = 1, 1, []
    for kernel, stride in windows:
        field += (kernel - 1) * jump
        jump *= stride
        fields.append(field)
    return fields
    # <<< solution


# %% tags=["hide-input"]
for name, rows in NETS.items():
    windows = [r[2:4] if r[0] == "conv" else r[1:] for r in rows if r[0] in ("conv", "pool")]
    print(f"{name}:", *(fields := receptive_field(windows)))
axes = (fig := Figure((3, 3), layout="constrained")).subplots()
image = y = Tensor(np.zeros((1, 1, fields[-1], fields[-1])), requires_grad=True)
for kernel, stride in windows:  # every weight 1: the gradient counts the ways
    y = ops.conv2d(y, np.ones((1, 1, kernel, kernel)), stride=stride)
y.reshape(1).backward()  # one unit, so the field is what it needs, and no pixel more
axes.imshow(image.grad.numpy()[0, 0], cmap="magma")
axes.set_title("AlexNet: ways from each pixel to one unit", fontsize=8)
figure(fig, "field", alt="A square of 195 by 195 pixels, bright inside and dark at the edge.")

# %% [markdown]
r"""
## Two small windows for one large

Two layers of 3 by 3 see 5 by 5 pixels. Without a ReLU between, they can do no more than one layer
of 5 by 5, as a sum of sums is a sum. With it they can, and they cost less: for C channels in and
out $2 \cdot 9 C^2$ weights against $25 C^2$. This is the paper's reason for windows of 3 by 3.

## Where parameters and multiply-adds live

Let O filters of k by k over C channels, with biases, make $H' \times W'$ pixels, and a dense layer
have O units on D numbers. P counts parameters, A *multiply-adds* for one image (a multiplication
and its addition; biases are not counted). A filter's weight works once for each output pixel:

$$
P_{conv} = O \, (C k^2 + 1) \quad A_{conv} = O \, C k^2 \, H' W'
\qquad P_{dense} = O \, (D + 1) \quad A_{dense} = O D
$$
"""


# %%
def layer_costs(rows, shape):
    """[(shape after it, parameters, multiply-adds)] of the rows; shapes are (C, H, W) or (D,)."""
    # >>> solution
    costs = []
    for kind, *numbers in rows:
        weights = biases = uses = 0
        if kind == "conv":
            biases, kernel, stride, padding = numbers
            size = [(n + 2 * padding - kernel) // stride + 1 for n in shape[1:]]
            weights, uses = biases * shape[0] * kernel**2, math.prod(size)
            shape = (biases, *size)
        elif kind == "pool":
            kernel, stride = numbers
            shape = (shape[0], *((n - kernel) // stride + 1 for n in shape[1:]))
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "dense":
            (biases,), uses = numbers, 1
            weights, shape = biases * shape[0], (biases,)
        costs.append((shape, weights + biases, weights * uses))
    return costs
    # <<< solution


# %% tags=["hide-input"]
places = iter((fig := Figure((8, 4.2), layout="constrained")).subplots(2, 2).flat)
for name, rows in NETS.items():
    costs = [c for c in layer_costs(rows, (3, 224, 224)) if c[1]]
    colours = ["C0" if len(shape) == 3 else "C1" for shape, _, _ in costs]
    for k, what in ((1, "parameters"), (2, "multiply-adds")):
        numbers = [c[k] / 1e6 for c in costs]
        (axes := next(places)).bar(range(len(costs)), numbers, color=colours)
        axes.set(title=f"{name}: {sum(numbers):,.0f} million {what}", xticks=[])
fig.supxlabel("layers with weights: convolutions blue, dense layers orange")
figure(fig, "costs", alt="Bars per layer: most parameters are dense, most multiply-adds are not.")


# %%
def network(rows, shape):
    """The rows as an nn.Sequential for images of shape (C, H, W): ReLU as above, not at the end.
    Layers take a row's numbers in its order; Conv2d and Linear first the size of what comes in."""
    # >>> solution
    layers = []
    for kind, *numbers in rows:
        if kind == "conv":
            layers += [nn.Conv2d(shape[0], *numbers), nn.ReLU()]
        elif kind == "dense":
            layers += [nn.Linear(shape[0], *numbers), nn.ReLU()]
        else:
            layer = {"pool": nn.MaxPool2d, "flatten": nn.Flatten, "dropout": nn.Dropout}[kind]
            layers.append(layer(*numbers))
        shape = layer_costs([(kind, *numbers)], shape)[0][0]
    return nn.Sequential(*layers[:-1])
    # <<< solution


# %% [markdown]
r"""
## Is it the published network?

First the count, before any training (`nn.init.skip` draws no weights). Then, a sixteenth as wide
and with the library's weights, each layer must give what the library's gives. The AlexNet of 2012
was cut in halves for two graphics cards and normalised neighbouring channels. This is its author's
net of 2014 as in torchvision: 256 filters in the fourth convolution (the paper: 384), dropout
*before* the dense layers. The library and torchvision also average the last output to 6 by 6 (VGG:
7 by 7) pixels: nothing at 224 by 224, and other images fit the dense layer.
"""

# %%
x = Tensor(np.random.default_rng(0).standard_normal((1, 3, 224, 224)))
for (name, rows), count in zip(NETS.items(), (138_357_544, 61_100_840), strict=True):
    with nn.init.skip():
        net = network(rows, x.shape[1:])
    assert count == sum(p.numel() for p in net.parameters())
    assert count == sum(parameters for _, parameters, _ in layer_costs(rows, x.shape[1:]))
    thin = [(r[0], r[1] // 16, *r[2:]) if r[0] in ("conv", "dense") else r for r in rows]
    net = network(thin, x.shape[1:]).double().eval()
    zoo = models.create(name.lower().replace("-", ""), width_mult=1 / 16, num_classes=62)
    net.load_state_dict(dict(zip(net.state_dict(), zoo.state_dict().values(), strict=True)))
    layers = [*zoo.double().eval().features, nn.Flatten(), *zoo.classifier]
    ours = theirs = x
    for layer, other in zip(net, layers, strict=True):
        ours, theirs = layer(ours), other(theirs)
        assert np.allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)
    print(f"{name}: {count:,} parameters; all {len(layers)} layers equal the library's")
print(diagnose(network(vgg((2, 1), (3, 4), 5, 2), (3, 8, 8)).eval(), x[:, :, :8, :8]))

# %% [markdown]
r"""
## Does depth help?

The paper gains nothing from 16 to 19 layers. Our nets of 16, 32, 64 filters, one to three times,
gain from 6 to 9 layers and lose from 9 to 12, on training images too: lesson 18 asks why.
"""


# %%
def run(depth, photos, epochs):
    random.manual_seed(0)
    training, test = photos("train"), photos("test")
    net = network(vgg((depth,) * 3, (16, 32, 64), 128, 10), training.images.shape[1:])
    for weight in (p for p in net.parameters() if p.ndim > 1):
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    adam = optim.Adam(net.parameters())
    return train.fit(net, training, test, optimizer=adam, epochs=epochs, progress=False)


if FAST:  # grey digits of 8 by 8 pixels
    assert run(1, data.digits, 2)[-1].val_accuracy > 0.3
logs = {d: recorded("16_alexnet_vgg", f"depth{d}", run, d, data.cifar10, 8) for d in (1, 2, 3)}
print(table({f"{3 * d + 3} layers": epochs for d, epochs in logs.items()}))

# %% tags=["hide-input"]
axes = (fig := Figure((5, 2.8), layout="constrained")).subplots()
axes.plot([11, 13, 16, 19], [29.6, 28.7, 27.0, 27.3], "o-", label="ImageNet, the paper's nets")
wrong = [100 - 100 * epochs[-1].val_accuracy for epochs in logs.values()]
axes.plot([3 * d + 3 for d in logs], wrong, "o-", label="CIFAR-10, ours")
axes.set(xlabel="layers with weights", ylabel="first guess wrong, %")
axes.legend(frameon=False)
figure(fig, "depth", alt="Error against layers: the paper's falls from 11 to 16, and rises at 19.")

# %% [markdown]
r"""
## Common mistakes

* **The layer's own stride is counted for its own window.** It acts on the layers above.
* **The multiply-adds are counted on the input's pixels.** A filter works once per output pixel.
* **The dense layer's inputs are the channels alone.** They are channels times rows times columns.
* **There is a ReLU after the last layer.** Logits may be negative.
* **Dropout stands in another place than in the table.** Here AlexNet's is before, VGG's after.

## Further reading

* A. Krizhevsky and others: *ImageNet classification with deep convolutional neural networks*, 2012
* K. Simonyan, A. Zisserman: *Very deep convolutional networks for large-scale image recognition*,
  2015. A. Krizhevsky: *One weird trick for parallelizing convolutional neural networks*, 2014.
"""
