# %% [markdown]
r"""
# 22 Few photos: augmentation, transfer and freezing

**Goal.** Learn from hundreds of photos, not a million: make more, and begin with what another
training learned. **Before.** Lessons 09, 14, 15. **Time.** An hour and a half. **Runs** in 4 s; in
full it trains on photos. **Skip it if** you know what moves in a network without gradients.

Who builds a recognizer of flowers has some hundred photos, and a network from scratch overfits on
them (lesson 15). Two things help: *augmentation*, changing photos in ways that do not change what
they show; and *transfer*, beginning with weights that have learned from other photos.
"""

# %%
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from minicnn import data, models, nn, optim, random, train, use_kernels
from minicnn.data.transforms import MixUp, random_shift
from minicnn.learn import FAST, figure, panels
from minicnn.learn.records import recorded, table
from minicnn.train import transfer

if FAST:
    use_kernels("numpy")  # nothing to load or compile

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

The data decide what is allowed: a mirrored flower is a flower, a mirrored letter is none. (Usual
too: parts of photos, scaled; other colours; *cutout*, a square set to 0.)

## Never on what you measure with

Validation asks how good the network is on photos as they come. Augmented, they would be others each
time. So outside training an image stays as it is.
"""


# %%
def augment(images, pixels, training, rng):
    """If training, each image moved by up to `pixels` and mirrored by chance: (N, C, H, W) -> same
    rng draws dy and dx of all images, evenly from -pixels ... pixels, as (2, N); then N coins.
    """
    # >>> solution
    if not training:
        return images
    n, _, h, w = images.shape
    rim = (0, 0), (0, 0), (pixels, pixels), (pixels, pixels)
    padded, moved = np.pad(images, rim), np.empty_like(images)
    for i, (top, left) in enumerate(rng.integers(0, 2 * pixels + 1, (2, n)).T):
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
takes any shares. $\lambda$ is drawn once per batch, between 0 and 1 (a Beta distribution):

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
pictures = data.shapes(3, 6, size=32, seed=3, noise=0.02).images
changed = augment(pictures[[1, 1, 1, 2, 2]], 6, True, np.random.default_rng(17))
shown = {"first": pictures[1], "second": pictures[2]}
shown |= zip(("first, 1", "first, 2", "first, 3", "second, 1", "second, 2"), changed, strict=True)
shown["0.6 of first"] = mixup(pictures[1:], np.eye(2), 0.4)[0][1]
figure(panels.images(shown), "augmented", alt="Two images; five versions of them; a blend of both.")

# %% [markdown]
r"""
## The head and the rest

A classifier's last layer, its *head*, turns features into scores of *its* classes. The layers
before, the *backbone*, make the features: edges, textures, parts. These serve other classes too. So
take a trained network, give it a fresh head for your classes, and learn the head alone, with a
*frozen* backbone: few numbers, little to overfit with, and fast, as no gradient goes below the
head. Or then learn everything, *fine-tuning*, in small steps. (A fresh head sends wild gradients
back. Early layers are the most general, and may take smaller steps.)

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
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(8, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(nn.Sequential(*layers, nn.Flatten()), nn.Linear(512, 10)).double()


def learn(net, images, test=None, epochs=20):
    how = {"epochs": epochs, "batch_size": 25, "progress": False}
    history = train.fit(net, images, test, optimizer=optim.Adam(net.parameters(), 0.003), **how)
    return np.array([epoch.val_accuracy for epoch in history])


digits = data.digits("train")
old, new = np.flatnonzero(digits.labels < 5), np.flatnonzero(digits.labels >= 5)
few, test = digits.subset(new[:25]), digits.subset(new[100:200])
random.manual_seed(0)
source = small_net()
learn(source, digits.subset(old[:200]), epochs=4)
curves = {"from scratch": 0, "frozen": 0, "fine-tuned": 0}
for seed in range(3):
    for name in curves:
        random.manual_seed(seed)
        net = small_net()
        if name != "from scratch":
            net[0].load_state_dict(source[0].state_dict())
        if name == "frozen":
            freeze(net, net[1])
        curves[name] += learn(net, few, test) / 3

net, theirs = small_net(), small_net()
freeze(net, net[1])
transfer.freeze(theirs, "0")
assert [p.requires_grad for p in net.parameters()] == [p.requires_grad for p in theirs.parameters()]
assert [m.training for m in net[0].modules()] == [m.training for m in theirs[0].modules()]
before = net.state_dict()
learn(net, few, epochs=10)  # ten steps, and not a bit of the backbone moves
moved = [key for key, value in net.state_dict().items() if not np.array_equal(before[key], value)]
print("moved in 10 steps:", *moved)
assert moved == ["1.weight", "1.bias"]
one_hot, rng = np.eye(10, dtype=np.float32)[few.labels], np.random.default_rng
ours, theirs = mixup(few.images, one_hot, rng(1).beta(1, 1)), MixUp()(few.images, one_hot, rng(1))
assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))
theirs = random_shift(few.images, 2, rng(1), flip=True)
assert np.array_equal(augment(few.images, 2, True, rng(1)), theirs)

# %% [markdown]
r"""
## Flowers, from a thousand other things

Fine-tuning on digits was ahead in the first steps; after 20, transfer has three images in a hundred
more right. A full run takes 4,317 photos of 5 flowers, and the small MobileNet (lesson 20): from
*scratch*, photos as they are; with *augmented* photos; then, augmented too, with the weights of
ImageNet: *frozen*, and *fine-tuned*, early layers slower.
"""


# %%
def run(name, load, size, epochs):
    random.manual_seed(0)
    parts, known = load(), None if FAST or name in ("scratch", "augmented") else weights
    net = models.create("mobilenet_v1_025", weights=known).replace_head(5)
    net.freeze_backbone(name == "frozen")  # the library's `freeze`
    preset = replace(net.preset, crop=size, resize=size, scale=None, shift=size // 10)
    how = preset.steps(parts[0], name != "scratch"), preset.steps(parts[1], False)
    loaders = [data.DataLoader(parts[i], 64, i == 0, **how[i]) for i in (0, 1)]
    decay = 0.8 if name == "fine-tuned" else 1  # of the learning rate, from block to block
    optimizer = optim.Adam(transfer.parameter_groups(net, 0.003, decay))
    schedule = optim.CosineAnnealingLR(optimizer, epochs * len(loaders[0]))
    return train.Trainer(net, optimizer, schedule=schedule).fit(*loaders, epochs)


folder = Path(os.environ.get("MINICNN_DATA", "data"))
photos, weights = folder / "flowers5", folder / "weights" / "mobilenet_v1_025_224.pth"
load = lambda: data.train_val_split(data.ImageFolder(photos), 0.2, 0)  # noqa: E731
assert not FAST or run("frozen", lambda: [data.shapes(10, 5)] * 2, 32, 1)
ready = FAST or (photos.exists() and weights.exists())
names = ["scratch", "augmented", "frozen", "fine-tuned"] if ready else []
records = {name: recorded("22_transfer", name, run, name, load, 96, 8) for name in names}
print(table(records, "flowers") if names else f"left out: it needs {photos} and {weights}")
by_epoch = {name: [e.val_accuracy for e in history] for name, history in records.items()}
drawn = panels.accuracies({"step (digits)": curves, "epoch (flowers)": by_epoch})
figure(drawn, "curves", alt="The share of other images that is right, by step, for each network.")

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
