# %% [markdown]
r"""
# 21 A vision transformer in the same engine

**Goal.** Let an image's patches look at each other: attention, layer norm, their gradients, and the
ViT of them. **Before.** Lessons 07 (softmax), 10 (convolution), 14 (batch norm). **Time.** 3 hours.
**Runs** in 8 s; in full it trains on CIFAR-10. **Skip it if** you can write attention backwards.

For text, the best networks of 2020 were *transformers*: they read a sequence of vectors, one per
word, the *tokens*, each of which looks at all others. Dosovitskiy and others asked: **is
convolution needed to see?** They took patches of 16 by 16 pixels for words. From their table 1:

| Model | Layers | Width D of a token | of the MLP | Heads | Parameters |
|---|---:|---:|---:|---:|---:|
| ViT-Base | 12 | 768 | 3072 | 12 | 86 M |

Learned from 1.3 million images, ViTs were below a ResNet of their size; from 300 million, above.
"""

# %%
import numpy as np

from minicnn import Tensor, data, models, nn, ops
from minicnn.learn import FAST, attention_maps, few_images, figure, log, swap

# %% [markdown]
r"""
## Patches: windows that do not overlap

An image (C, H, W) is cut into T = (H / p) (W / p) patches of p by p pixels, read row by row. A
dense layer makes a token of width D of each. With its weight written as kernels w (D, C, p, p), in
whose order the pixels must stand, that is a convolution with stride p: its window $(i, j)$ begins
in row $ip$ and column $jp$, so it is patch $(i, j)$, and windows do not overlap.
"""


# %%
def patches(x, p):
    """(N, C, H, W) -> (N, T, C p p): the patches row by row, each by channel, row, column"""
    # >>> solution
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // p, p, w // p, p)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, -1, c * p * p)
    # <<< solution


# %% [markdown]
r"""
## Attention

Three dense layers make of each of the T tokens a *query* (what it asks), a *key* (what it answers
to) and a *value* (what it says): q, k, v, all (T, D). The *score* of query i and key j is their
product over $\sqrt{D}$; a softmax makes *weights* of row i; the answer is the values' mean:

$$
S_{ij} = \frac{1}{\sqrt{D}} \sum_{d=1}^{D} q_{id} \, k_{jd} \qquad
P_{ij} = \frac{e^{S_{ij}}}{\sum_{l=1}^{T} e^{S_{il}}} \qquad
y_{id} = \sum_{j=1}^{T} P_{ij} \, v_{jd}
$$

## Why the scores are divided by the root of D

If all $q_{id}$ and $k_{jd}$ are independent, with mean 0 and variance 1, a sum of D products has
variance D (lesson 14). The softmax of numbers $\sqrt{D}$ apart is almost 1 in one place, almost 0
elsewhere, and its slope almost 0: nothing would be learned.

## A row of weights adds up to 1

Row i of P belongs to query i: the softmax runs over the *keys*, the last axis, and each answer is a
mean. Over the other axis each value would be shared among those who ask. B samples: (B, T, D).
"""


# %%
def attention_forward(q, k, v):
    """y = P v, P = softmax over the keys of q k^T / sqrt(D): three times (B, T, D) -> (B, T, D)"""
    # >>> solution
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    return ops.softmax(scores, -1).numpy() @ v
    # <<< solution


# %% [markdown]
r"""
## Attention backwards

Let G (T, D) be the upstream gradient. y = P v is a product, as in a dense layer. A score moves all
weights of its row: the slope of $P_{il}$ with respect to $S_{ij}$ is $P_{ij} (1 - P_{ij})$ for
$l = j$, else $-P_{il} P_{ij}$. Times the gradient R of P, summed over l: Z, that of S; all (T, T).

$$
\frac{\partial L}{\partial v} = P^T G \qquad
R = G \, v^T \qquad
Z_{ij} = P_{ij} \Big( R_{ij} - \sum_{l=1}^{T} R_{il} P_{il} \Big) \qquad
\frac{\partial L}{\partial q} = \frac{Z k}{\sqrt{D}} \qquad
\frac{\partial L}{\partial k} = \frac{Z^T q}{\sqrt{D}}
$$

Each row of Z adds up to 0: a number added to all scores of a row changes nothing.
"""


# %%
def attention_backward(gy, q, k, v):
    """The gradients (gq, gk, gv) of attention_forward; all arrays are (B, T, D)."""
    # >>> solution
    p = ops.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -1).numpy()
    gp = gy @ v.swapaxes(1, 2)
    gs = p * (gp - (gp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return gs @ k, gs.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ gy
    # <<< solution


# %% [markdown]
r"""
## Layer norm

Batch norm (lesson 14) takes mean and variance of a feature over the batch; *layer norm* takes them
of one token, over its D features: training and evaluation are the same. Again $y = w \hat{x} + b$
with $\hat{x} = (x - \mu) / s$, learned w and b, both (D,), and s the root of variance plus
$\epsilon$. Three paths lead to the input, as there; a bar is the mean over one token's features:

$$
\frac{\partial L}{\partial x_d}
= \frac{1}{s} ( g_d - \overline{g} - \hat{x}_d \, \overline{g \hat{x}} ) \qquad g_d = w_d \, G_d
$$

All tokens of all samples use w and b: their gradients are sums over all axes but the last.
"""


# %%
def layer_norm_backward(gy, x, weight, bias, eps):
    """(gx, gweight, gbias) of layer norm over the last axis; gy, x (..., D), weight, bias (D,)"""
    # >>> solution
    std = np.sqrt(x.var(-1, keepdims=True) + eps)
    xhat, g = (x - x.mean(-1, keepdims=True)) / std, gy * weight
    gx = g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)
    rest = tuple(range(x.ndim - 1))
    return gx / std, (gy * xhat).sum(rest), gy.sum(rest)
    # <<< solution


# %% [markdown]
r"""
## An embedding is a table

Shuffled tokens get the same answers, shuffled; nothing knows which patch lies beside which. So a
learned table (T + 1, D), an *embedding*, is added, row i to token i. A learned *class token* comes
first; the head reads what it has gathered. A block has two residual branches (lesson 18): attention
and the *MLP*, two dense layers with GELU (lesson 06). *Heads*: D is cut into h parts that attend on
their own; a dense layer mixes what they bring. The library's ViT, as torchvision's, can also drop
numbers out and begin with convolutions; the paper's first training has a deeper head.
"""


# %%
class Block(nn.Module):
    """y = x + attention(norm(x)), then y + mlp(norm(y)): (N, T, D) -> (N, T, D)"""

    def __init__(self, d, heads, hidden):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(d, 1e-6), nn.MultiheadAttention(d, heads)
        self.norm2 = nn.LayerNorm(d, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d))

    def forward(self, x):
        y = x + self.attention(self.norm1(x))
        return y + self.mlp(self.norm2(y))


class ViT(nn.Module):
    def __init__(self, size, p, d, layers, heads, hidden, classes):
        super().__init__()
        self.token = nn.Parameter(np.zeros((1, 1, d), np.float32))
        self.places = nn.Parameter(np.zeros((1, 1 + (size // p) ** 2, d), np.float32))
        self.patch = nn.Conv2d(3, d, p, p)
        self.blocks = nn.Sequential(*(Block(d, heads, hidden) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(d, 1e-6), nn.Linear(d, classes)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).permute(0, 2, 1)
        x = ops.concat([ops.expand(self.token, len(x), -1, -1), tokens], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


with nn.init.skip():  # no weight is drawn
    count = sum(p.numel() for p in ViT(224, 16, 768, 12, 12, 3072, 1000).parameters())
assert count == 86_567_656  # as published
rng = np.random.default_rng(0)
x, w = rng.integers(0, 256, (2, 3, 12, 8)) * 1.0, rng.integers(-9, 10, (5, 3, 4, 4)) * 1.0
y = ops.conv2d(x, w, stride=4).numpy().reshape(2, 5, 6)  # sums of whole numbers: no rounding
assert np.array_equal(patches(x, 4) @ w.reshape(5, -1).T, y.swapaxes(1, 2))
net = ViT(32, 4, 64, 3, 4, 128, 10).double()
zoo = models.create("vit_tiny_cifar", conv_stem=()).double()
theirs = sorted(zoo.parameters(), key=lambda p: p.shape[:1] != (1,))  # token and places first
for mine, other in zip(net.parameters(), theirs, strict=True):
    mine.data[...] = other.data[...] = rng.standard_normal(mine.shape) / mine.shape[-1] ** 0.5
x, tokens = (Tensor(rng.standard_normal(shape)) for shape in ((2, 3, 32, 32), (2, 65, 64)))
order, right = rng.permutation(65), [layer(tokens).numpy() for layer in zoo.encoder.layers]
with swap("attention_forward", attention_forward), swap("attention_backward", attention_backward):
    for mine, output in zip(net.blocks, right, strict=True):
        assert np.allclose(mine(tokens).numpy(), output, rtol=1e-9)
        assert np.allclose(mine(tokens[:, order]).numpy(), output[:, order], rtol=1e-9)
    with swap("layer_norm_backward", layer_norm_backward):
        ops.cross_entropy(net(x), [1, 2]).backward()
ops.cross_entropy(zoo(x), [1, 2]).backward()
for mine, other in zip(net.parameters(), theirs, strict=True):
    assert np.allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-9)
print("with the lesson's attention and layer norm: the library's outputs and gradients")

# %% [markdown]
r"""
## What it needs, and where it looks

A CNN *begins* with two facts: what is near belongs together, and an edge is an edge anywhere. A ViT
must learn both, from images. So two nets learn from few and from more, in as many steps: drawn
shapes, and CIFAR-10 as a full run left it. Read the last column: ours are thousands of images, the
paper's are millions. Then the class token's row of P in the last block, mean of the heads.
"""

# %% tags=["hide-input"]
if FAST:
    vit, sizes, steps = (16, 4, 24, 2, 2, 48, 3), (100, 800), 40
    sets = data.shapes(800, 3, 16, seed=1), data.shapes(400, 3, 16, seed=2)
else:
    vit, sizes, steps = (32, 4, 64, 3, 4, 128, 10), (1000, 5000, 50000), 1200
    sets = data.cifar10("train"), data.cifar10("test")
cnn = few_images.small_cnn if FAST else lambda k: models.CifarResNet(3, k, width_mult=0.5)
nets = {"ViT": lambda: ViT(*vit), "CNN": lambda: cnn(vit[-1])}
rows, learned = few_images.compare(nets, *sets, sizes, steps, lesson="" if FAST else "21_vit")
print(few_images.table(results := {"shapes": rows * FAST, "CIFAR-10": log.read("21_vit")}))
figure(few_images.draw(results), "few_images", "Right answers of both nets by number of images.")
drawn = attention_maps.draw(learned["ViT"], sets[1].images[:6])
figure(drawn, "maps", "Six images; below each, how much the class token looks at which patch.")

# %% [markdown]
r"""
## Common mistakes

* **The scores are scaled by 1/D instead of 1/sqrt(D).** The answers are nearly plain means.
* **The softmax runs over the queries instead of the keys.** Rows of weights add up to 1.
* **The softmax's slope lacks the sum over the row.** Rows of its gradient add up to 0.
* **Layer norm mixes the samples.** Change one: no other's output may change.

## Further reading

* Vaswani and others: *Attention is all you need*, 2017. Ba, Kiros, Hinton: *Layer normalization*,
  2016. Dosovitskiy and others: *An image is worth 16x16 words*, 2021.
"""
