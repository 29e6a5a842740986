"""Inception v3: the published counts, the same numbers as torch, gradients, the auxiliary head."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn
from minicnn.models.blocks import auxiliary_loss
from minicnn.models.inception import (
    Inception3,
    InceptionAux,
    InceptionOutputs,
    inception_v3,
    inception_v3_cifar,
)  # fmt: skip
from minicnn.models.inception_blocks import (
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)  # fmt: skip
from minicnn.testing import gradcheck, gradgradcheck

from .torch_parity import assert_same_as_torch
from .whole_nets import along_random_directions

W = 1 / 32  # 32, 64, 96, 128, 160, 192, 320, 384 and 448 channels become 1, 2, 3, 4, 5, ...
NARROW = {"num_classes": 5, "width_mult": 1 / 16, "dropout": 0.0}


def images(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# The same blocks, written with torch.nn. A chain is a list of (channels, kernel size), where the
# kernel's padding keeps the size; a list of two kernel sizes stands side by side.


class Theirs:
    """Builders of torch modules whose widths are ``w`` times those of the published weights."""

    def __init__(self, torch, w):
        self.torch, self.t, self.w = torch, torch.nn, w

    def conv(self, c, out, kernel, stride=1, padding=0):
        conv = self.t.Conv2d(c, out, kernel, stride, padding, bias=False)
        return self.t.Sequential(conv, self.t.BatchNorm2d(out, eps=0.001), self.t.ReLU())

    def beside(self, *branches):
        torch = self.torch

        class Beside(torch.nn.ModuleList):
            def forward(self, x):
                return torch.cat([branch(x) for branch in self], 1)

        return Beside(branches)

    def chain(self, c, *steps, halve=False):
        layers = []
        for i, (width, kernel) in enumerate(steps):
            out = int(width * self.w)
            if isinstance(kernel, list):
                layers.append(self.beside(*(self.chain(c, (width, k)) for k in kernel)))
            elif halve and i == len(steps) - 1:
                layers.append(self.conv(c, out, kernel, 2))
            else:
                pair = (kernel, kernel) if isinstance(kernel, int) else kernel
                layers.append(self.conv(c, out, pair, 1, tuple(k // 2 for k in pair)))
            c = out
        return self.t.Sequential(*layers)

    def pooled(self, c, width):
        return self.t.Sequential(self.t.AvgPool2d(3, 1, 1), self.chain(c, (width, 1)))

    def a(self, c, pool):
        five, three = [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]
        chains = (self.chain(c, *steps) for steps in ([(64, 1)], five, three))
        return self.beside(*chains, self.pooled(c, pool))

    def b(self, c):
        chains = [(384, 3)], [(64, 1), (96, 3), (96, 3)]
        return self.beside(
            *(self.chain(c, *steps, halve=True) for steps in chains), self.t.MaxPool2d(3, 2)
        )

    def c(self, c, n):
        one = [(n, 1), (n, (1, 7)), (192, (7, 1))]
        two = [(n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))]
        chains = (self.chain(c, *steps) for steps in ([(192, 1)], one, two))
        return self.beside(*chains, self.pooled(c, 192))

    def d(self, c):
        chains = [(192, 1), (320, 3)], [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]
        return self.beside(
            *(self.chain(c, *steps, halve=True) for steps in chains), self.t.MaxPool2d(3, 2)
        )

    def e(self, c):
        fork = (384, [(1, 3), (3, 1)])
        chains = [(320, 1)], [(384, 1), fork], [(448, 1), (384, 3), fork]
        return self.beside(*(self.chain(c, *steps) for steps in chains), self.pooled(c, 192))

    def aux(self, c, classes, average=True):
        first = [self.t.AvgPool2d(5, 3)] if average else []
        n = int(128 * self.w), int(768 * self.w)
        convs = self.conv(c, n[0], 1), self.conv(*n, 5)
        last = self.t.AdaptiveAvgPool2d(1), self.t.Flatten(), self.t.Linear(n[1], classes)
        return self.t.Sequential(*first, *convs, *last)

    def net(self, small_images):
        t, widths = self.t, (32, 32, 64, 80, 192, 256, 288, 768, 1280, 2048)
        n = [int(width * self.w) for width in widths]
        stem = [self.conv(3, n[0], 3, 1 if small_images else 2), self.conv(n[0], n[1], 3)]
        stem += [self.conv(n[1], n[2], 3, padding=1)]
        stem += [] if small_images else [t.MaxPool2d(3, 2)]
        stem += [self.conv(n[2], n[3], 1), self.conv(n[3], n[4], 3), t.MaxPool2d(3, 2)]
        fives = self.a(n[4], 32), self.a(n[5], 64), self.a(n[6], 64)
        sixes = self.b(n[6]), *(self.c(n[7], width) for width in (128, 160, 160, 192))
        first = t.Sequential(*stem, *fives, *sixes)
        sevens = self.d(n[7]), self.e(n[8]), self.e(n[9])
        last = t.Sequential(*sevens, t.AdaptiveAvgPool2d(1), t.Flatten(), t.Linear(n[9], 5))
        return two_heads(self.torch, first, self.aux(n[7], 5, not small_images), last)


def two_heads(torch, first, aux, last):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.aux, self.last = first, aux, last

        def forward(self, x):
            x = self.first(x)
            return (self.last(x), self.aux(x)) if self.training else self.last(x)

    return Net()


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


# Name: ours, torch's, shape of x
BLOCKS = {
    "A": (lambda: InceptionA(4, 32, W), lambda t: t.a(4, 32), (2, 4, 6, 5)),
    "B": (lambda: InceptionB(4, W), lambda t: t.b(4), (2, 4, 6, 7)),
    "C": (lambda: InceptionC(4, 160, W), lambda t: t.c(4, 160), (2, 4, 5, 6)),
    "D": (lambda: InceptionD(4, W), lambda t: t.d(4), (2, 4, 7, 6)),
    "E": (lambda: InceptionE(4, W), lambda t: t.e(4), (2, 4, 4, 5)),
    "Aux": (lambda: InceptionAux(4, 3, W), lambda t: t.aux(4, 3), (3, 4, 17, 17)),
    "Aux of small images": (
        lambda: InceptionAux(4, 3, W, average=False), lambda t: t.aux(4, 3, False), (2, 4, 6, 6)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_torchs(torch, name):
    ours, theirs, shape = BLOCKS[name]
    assert_same_as_torch(ours(), theirs(Theirs(torch, W)), shape)


@pytest.mark.parametrize(("small_images", "size"), [(False, 299), (True, 32)])
def test_the_whole_net_is_torchs(torch, small_images, size):
    ours = Inception3(**NARROW, small_images=small_images)
    theirs = Theirs(torch, 1 / 16).net(small_images)
    assert_same_as_torch(ours, theirs, (2, 3, size, size))


# Gradients


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_blocks(name):
    """The second order, too, which ReLU and max pool let through as long as none flips."""
    manual_seed(1)
    build, _, shape = BLOCKS[name]
    block, x = build(), images(*shape)
    assert gradcheck(block, x, max_entries=1, directions=3).ok
    assert gradgradcheck(block, x, max_entries=1, directions=1).ok


def test_gradients_of_the_whole_net():
    """In random directions over all parameters, with dropout and the logits of both heads."""
    manual_seed(0)
    model = Inception3(5, width_mult=W, small_images=True)
    run = along_random_directions(model, images(3, 3, 32, 32))
    assert gradcheck(run, Tensor(np.zeros(3), requires_grad=True)).ok


# Published figures and options


def test_published_counts():
    with nn.init.skip():
        assert count(inception_v3(aux_logits=False)) == 23_834_568
        assert count(inception_v3()) == 27_161_264
        assert count(inception_v3_cifar()) == 346_830


def test_first_weights():
    """Normal with deviation 0.1, the auxiliary head's last layer 0.001."""
    manual_seed(0)
    for name, p in Inception3(300, width_mult=0.25).named_parameters():
        if p.ndim > 1 and p.numel() > 5000:
            std = 0.001 if name == "AuxLogits.fc.weight" else 0.1
            assert 0.95 * std < p.numpy().std() < 1.05 * std, name


def test_logits_are_plain_in_use_and_twofold_in_training():
    model, x = Inception3(**NARROW, small_images=True).double(), images(2, 3, 32, 32)
    outputs = model(x)
    assert isinstance(outputs, InceptionOutputs)
    assert [y.shape for y in outputs] == [(2, 5)] * 2
    assert model.eval()(x).shape == (2, 5)
    plain = Inception3(**NARROW, small_images=True, aux_logits=False).double()
    assert plain(x).shape == (2, 5)
    assert not [key for key in plain.state_dict() if key.startswith("Aux")]
    assert list(plain.head_paths) == ["fc"]


def test_auxiliary_loss_reaches_both_heads_and_heads_can_be_learnt_alone():
    model = Inception3(**NARROW, small_images=True).replace_head(3).freeze_backbone()
    outputs = model(Tensor(images(2, 3, 32, 32).numpy().astype(np.float32)))
    auxiliary_loss(outputs, Tensor(np.array([0, 2])), weight=0.4).backward()
    learnt = {name for name, p in model.named_parameters() if p.grad is not None}
    assert learnt == {"fc.weight", "fc.bias", "AuxLogits.fc.weight", "AuxLogits.fc.bias"}


def test_options():
    model = Inception3(7, in_channels=2, width_mult=0.125, small_images=True, dropout=0.1)
    x = Tensor(np.zeros((1, 2, 32, 32), np.float32))
    layers = ["Conv2d_1a_3x3", "Mixed_5b", "Mixed_6e", "Mixed_7c", "fc"]
    shapes = [y.shape[1:] for y in model.eval().extract(x, layers).values()]
    assert shapes == [(4, 30, 30), (32, 12, 12), (96, 5, 5), (256, 2, 2), (7,)]
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.1]


def test_transform_input_takes_imagenet_normalisation_to_one_half():
    """What the first layer sees of pixels in [0, 1] that came as (pixels - mean) / std."""
    model = Inception3(**NARROW, small_images=True, transform_input=True).double().eval()
    seen: list[np.ndarray] = []
    model.Conv2d_1a_3x3.register_forward_pre_hook(lambda _, xs: seen.append(xs[0].numpy()))
    pixels = np.random.default_rng(0).random((2, 3, 32, 32))
    mean, std = (np.reshape(v, (3, 1, 1)) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    model(Tensor((pixels - mean) / std))
    assert abs(seen[0] - (pixels - 0.5) / 0.5).max() < 1e-14
