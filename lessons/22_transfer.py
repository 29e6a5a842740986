# %% [markdown]
r"""
# 22 Few photos: augmentation, transfer and freezing

**Goal.** Learn from hundreds of photos, not a million: make more, and begin with what another
training learned. **Before.** Lessons 09, 14, 15. **Time.** An hour and a half. **Runs** in 8 s.

Who builds a recognizer of flowers has some hundred photos, and a network from scratch overfits on
them (lesson 15). Two things help: *augmentation*, changing photos in ways that do not change what
they show; and *transfer*, beginning with weights that have learned from other photos.
"""

# %%
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minicnn import Tensor, data, models, nn, ops, optim, random, train
from minicnn.data.transforms import MixUp
from minicnn.learn import FAST, figure
from minicnn.train.transfer import freeze as library_freeze

# %% [markdown]
r"""
## Photos that show the same

A flower stays one when it is mirrored left to right, or moved by a few pixels. So in each step of
training every image of the batch is moved by dy rows and dx columns, drawn evenly from -p to p *for
each image anew*, and mirrored with probability 1/2; what comes in from outside is 0:

$$
y_{ncij} = x_{n,\,c,\,i+dy_n,\,j+dx_n} \qquad \text{or} \qquad
y_{ncij} = x_{n,\,c,\,i+dy_n,\,(W-1-j)+dx_n}
$$

The data decide what is allowed: a mirrored flower is a flower, a mirrored letter is none.

## Never on what you measure with

Validation asks how good the network is on photos as they come. Augmented, they would be others each
time. So outside training an image stays as it is.
"""


# %%
def augment(images, pixels, training, rng):
    """If training, each image moved by up to `pixels` and mirrored by chance: (N, C, H, W) -> same
    rng draws, for each image, dy and dx evenly from -pixels ... pixels, and whether to mirror.
    """
    # >>> solution
    if not training:
        return images
    n, _, h, w = images.shape
    rim = (0, 0), (0, 0), (pixels, pixels), (pixels, pixels)
    padded, moved = np.pad(images, rim), np.empty_like(images)
    for i, (top, left) in enumerate(rng.integers(0, 2 * pixels + 1, (n, 2))):
        moved[i] = padded[i, :, top : top + h, left : left + w]
    mirrored = rng.random(n) < 0.5
    moved[mirrored] = moved[mirrored][..., ::-1]
    return moved
    # <<< solution


# %% [markdown]
r"""
## Mixed labels for mixed images

*Mixup* blends each image with the one before it in the batch (the first with the last): a share
$\lambda$ (lambda) of its own, $1 - \lambda$ of the other. Then the right answer is the same blend.
Labels are rows of shares, `targets` (N, K), with a single 1 at first; the cross-entropy of lesson 7
takes any shares. $\lambda$ is drawn once per batch, from a Beta distribution:

$$
y_n = \lambda x_n + (1 - \lambda) x_{n-1} \qquad t'_n = \lambda t_n + (1 - \lambda) t_{n-1}
$$
"""


# %%
def mixup(images, targets, lam):
    """Both blended with those before them: (N, C, H, W), (N, K), a number -> the same shapes"""
    # >>> solution
    before = np.roll(images, 1, axis=0), np.roll(targets, 1, axis=0)
    return lam * images + (1 - lam) * before[0], lam * targets + (1 - lam) * before[1]
    # <<< solution


# %% tags=["hide-input"]
rng = np.random.default_rng(0)
pictures = data.shapes(2, 4, size=32, seed=3, noise=0.02).images
shown = [*pictures, *augment(pictures[[0, 0, 0, 1, 1]], 6, True, rng)]
shown.append(mixup(pictures, np.eye(2), 0.6)[0][0])
names = "first", "second", *["augmented"] * 5, "0.6 of first"
fig = Figure(figsize=(8, 1.5), layout="constrained")
for axes, picture, name in zip(fig.subplots(1, 8), shown, names, strict=True):
    axes.imshow(picture.transpose(1, 2, 0).clip(0, 1))
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=8)
figure(fig, "augmented", alt="Two pictures of shapes; five changed versions; a blend of both.")

# %% [markdown]
r"""
## The head and the rest

A classifier's last layer, its *head*, turns features into scores of *its* classes. The layers
before, the *backbone*, make the features: edges, textures, parts. These serve other classes too. So
take a trained network, give it a fresh head for your classes, and learn the head alone, with a
*frozen* backbone: few numbers, little to overfit with, and fast, as no gradient goes below the
head. Or then learn everything, *fine-tuning*, in small steps. (A fresh head sends wild gradients
back. Early layers are the most general, and may take smaller steps: `train.parameter_groups`.)

## Statistics move without gradients

`p.requires_grad_(False)` keeps a parameter as it is: it gets no gradient, and optimizers, with
momentum and weight decay, leave out what has none. But batch norm's running mean and variance are
no parameters. In training mode they follow every batch, and the batch's own normalise. So the
"frozen" backbone makes other features in each step. And dropout drops.

A frozen layer must also *behave as in use*. A call of `eval()` is not enough, as the training loop
calls `train()` again. In minicnn, `module.frozen = True` lets a module, not those inside it, be as
in use whatever `train()` says; it acts from the next call of `train()` or `eval()` on.
"""


# %%
def freeze(net, head):
    """Freeze all of the Module net but the Module head inside it; put net in training mode.
    net.modules() and net.parameters() list what is in it, also in inner modules, and net too.
    """
    # >>> solution
    net.requires_grad_(False)
    head.requires_grad_(True)
    for module in net.modules():
        module.frozen = True
    for module in head.modules():
        module.frozen = False
    net.train()
    # <<< solution


# %% [markdown]
r"""
## Digits from other digits

A small network learns the digits 0 to 4. Then 25 images of the digits 5 to 9 are all there is, and
three networks learn from them; the curves are means of three tries.
"""


# %%
def small_net():
    layers = [nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    layers += [nn.Conv2d(16, 32, 3, 2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    backbone = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
    return nn.Sequential(backbone, nn.Linear(512, 5)).double()


def learn(net, images, labels, steps, test=()):
    """Steps of Adam; the accuracy on `test` after each"""
    optimizer, found = optim.Adam(net.parameters(), lr=0.003), []
    for _ in range(steps):
        net.train().zero_grad()
        ops.cross_entropy(net(Tensor(images)), labels).backward()
        optimizer.step()
        if test:
            found.append(np.mean(net.eval()(Tensor(test[0])).numpy().argmax(1) == test[1]))
    return np.array(found)


images, labels = data.digits("train").images.astype(float), data.digits("train").labels
old, new = np.flatnonzero(labels < 5)[:200], np.flatnonzero(labels >= 5)
few, test = ((images[at], labels[at] - 5) for at in (new[:25], new[100:250]))
random.manual_seed(0)
source = small_net()
learn(source, images[old], labels[old], 30)
curves = {"from scratch": 0, "frozen": 0, "fine-tuned": 0}
for seed in range(3):
    for name in curves:
        random.manual_seed(seed)
        net = small_net()
        if name != "from scratch":
            net[0].load_state_dict(source[0].state_dict())
        if name == "frozen":
            freeze(net, net[1])
        curves[name] += learn(net, *few, 20, test) / 3

# %% tags=["hide-input"]
axes = (fig := Figure(figsize=(6, 2.8), layout="constrained")).subplots()
for name, accuracies in curves.items():
    axes.plot(accuracies, label=name)
axes.set(xlabel="step", ylabel="accuracy, 150 other images", ylim=(0, 1))
axes.legend(frameon=False, fontsize=8)
figure(fig, "curves", alt="Accuracy against steps, from scratch, frozen and fine-tuned.")

# %% [markdown]
r"""
Fine-tuning is ahead in the first steps; after 20 all are alike. Digits are easy, 25 are enough. For
photos a full run takes MobileNet (lesson 20), weights from ImageNet and the flowers in
`$MINICNN_DATA/flowers5`, if they are there; `replace_head` and `freeze_backbone` are our two steps.
`examples/flowers_transfer.py` races it, frozen, against a network from scratch, for equal time.
"""

# %% tags=["measured"]
photos = Path(os.environ.get("MINICNN_DATA", "data")) / "flowers5"
weights = photos.parent / "weights" / "mobilenet_v1_025_224.pth"
if not FAST and weights.exists() and photos.exists():
    parts = data.train_val_split(data.ImageFolder(photos), 0.2, 0)
    model = models.create("mobilenet_v1_025", weights=weights).replace_head(5)
    steps = replace(model.preset, crop=128, resize=128).steps
    loaders = [data.DataLoader(p, 64, p is parts[0], **steps(p, p is parts[0])) for p in parts]
    for frozen, lr in ((True, 0.003), (False, 0.0003)):
        model.freeze_backbone(frozen)
        trainer = train.Trainer(model, optim.Adam(model.parameters(), lr))
        trainer.fit(loaders[0], epochs=3)
        print(f"frozen: {frozen}; {trainer.evaluate(loaders[1]).accuracy:.1%} of the other photos")

# %%
net, theirs = small_net(), small_net()
freeze(net, net[1])
library_freeze(theirs, "0")
assert [p.requires_grad for p in net.parameters()] == [p.requires_grad for p in theirs.parameters()]
assert [m.training for m in net[0].modules()] == [m.training for m in theirs[0].modules()]
before = net.state_dict()
learn(net, *few, 10)  # and not a bit of the backbone moves
moved = [key for key, value in net.state_dict().items() if not np.array_equal(before[key], value)]
print("moved in 10 steps:", *moved)
assert moved == ["1.weight", "1.bias"]
shares, one_hot = np.random.default_rng(1).beta(1, 1), np.eye(5, dtype=np.float32)[few[1]]
ours, batch = mixup(few[0], one_hot, shares), few[0].astype(np.float32)
for a, b in zip(ours, MixUp()(batch, one_hot, np.random.default_rng(1)), strict=True):
    assert np.allclose(a, b, atol=1e-6)

# %% [markdown]
r"""
## Common mistakes

* **The statistics of the frozen layers move**, or **dropout goes on in the frozen layers.**
* **Images outside training are changed.** The accuracy then depends on luck.
* **All images of a batch are changed alike.** Each needs draws of its own.
* **The labels are not mixed with the images.**

## Further reading

* Jason Yosinski and others: *How transferable are features in deep neural networks?*, 2014.
* Hongyi Zhang and others: *mixup: beyond empirical risk minimization*, 2018.
"""
