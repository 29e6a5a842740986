"""GoogLeNet: the published counts, the same numbers as torch, gradients, auxiliary heads."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, train
from minicnn.data import Dataset
from minicnn.models.blocks import BasicConv2d, auxiliary_loss
from minicnn.models.googlenet import (
    GoogLeNet,
    GoogLeNetOutputs,
    Inception,
    InceptionAux,
    googlenet,
    googlenet_cifar,
)  # fmt: skip
from minicnn.optim import SGD
from minicnn.testing import gradcheck, gradgradcheck

from .torch_parity import assert_same_as_torch
from .whole_nets import along_random_directions

NARROW = {"num_classes": 5, "width_mult": 1 / 8, "dropout": 0.0, "dropout_aux": 0.0}
# Table 1 of the paper, at an eighth of the width.
WIDTHS = [(8, 12, 16, 2, 4, 4), (16, 16, 24, 4, 12, 8), (24, 12, 26, 2, 6, 8),
          (20, 14, 28, 3, 8, 8), (16, 16, 32, 3, 8, 8), (14, 18, 36, 4, 8, 8),
          (32, 20, 40, 4, 16, 16), (32, 20, 40, 4, 16, 16), (48, 24, 48, 6, 16, 16)]  # fmt: skip


def images(*shape: int, requires_grad: bool = True) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=requires_grad)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# The same net, written with torch.nn


def their_conv(torch, c, out, kernel, **options):
    conv = torch.nn.Conv2d(c, out, kernel, bias=False, **options)
    return torch.nn.Sequential(conv, torch.nn.BatchNorm2d(out, eps=0.001), torch.nn.ReLU())


def their_inception(torch, c, n1, reduce3, n3, reduce5, n5, pool):
    def pair(a, b):
        convs = their_conv(torch, c, a, 1), their_conv(torch, a, b, 3, padding=1)
        return torch.nn.Sequential(*convs)

    class SideBySide(torch.nn.ModuleList):
        def forward(self, x):
            return torch.cat([branch(x) for branch in self], 1)

    pooled = torch.nn.Sequential(torch.nn.MaxPool2d(3, 1, 1), their_conv(torch, c, pool, 1))
    return SideBySide([their_conv(torch, c, n1, 1), pair(reduce3, n3), pair(reduce5, n5), pooled])


def their_aux(torch, c, classes, channels=16, hidden=128):
    t = torch.nn
    conv = their_conv(torch, c, channels, 1)
    fcs = t.Linear(16 * channels, hidden), t.ReLU(), t.Linear(hidden, classes)
    return t.Sequential(t.AdaptiveAvgPool2d((4, 4)), conv, t.Flatten(), *fcs)


def their_net(torch, small_images):
    t = torch.nn
    size, stride = (3, 1) if small_images else (7, 2)

    def pool(window=3):
        return t.MaxPool2d(window, 2, ceil_mode=True)

    class Net(t.Module):
        def __init__(self):
            super().__init__()
            stem = [their_conv(torch, 3, 8, size, stride=stride, padding=size // 2)]
            stem += [] if small_images else [pool()]
            stem += [their_conv(torch, 8, 8, 1), their_conv(torch, 8, 24, 3, padding=1), pool()]
            outputs = [24, *(w[0] + w[2] + w[4] + w[5] for w in WIDTHS)]
            b = [their_inception(torch, c, *w) for c, w in zip(outputs, WIDTHS, strict=False)]
            self.first = t.Sequential(*stem, b[0], b[1], pool(), b[2])
            self.middle = t.Sequential(*b[3:6])
            self.last = t.Sequential(b[6], pool(2), b[7], b[8], t.AdaptiveAvgPool2d(1))
            self.aux1, self.aux2 = their_aux(torch, 64, 5), their_aux(torch, 66, 5)
            self.fc = t.Linear(128, 5)

        def forward(self, x):
            early = self.first(x)
            late = self.middle(early)
            logits = self.fc(self.last(late).flatten(1))
            return (logits, self.aux2(late), self.aux1(early)) if self.training else logits

    return Net()


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


@pytest.mark.parametrize(
    ("kernel", "options"), [(3, {"stride": 2}), ((1, 7), {"padding": (0, 3)}), (1, {})]
)
def test_basic_conv_is_torchs(torch, kernel, options):
    theirs = their_conv(torch, 3, 4, kernel, **options)
    assert_same_as_torch(BasicConv2d(3, 4, kernel, **options), theirs, (2, 3, 9, 8))


def test_inception_is_torchs(torch):
    theirs = their_inception(torch, 6, 2, 3, 4, 1, 2, 3)
    assert_same_as_torch(Inception(6, 2, 3, 4, 1, 2, 3), theirs, (2, 6, 7, 6))


@pytest.mark.parametrize("size", [14, 5])
def test_auxiliary_head_is_torchs(torch, size):
    ours = InceptionAux(6, 5, dropout=0.0, width_mult=1 / 8)
    assert_same_as_torch(ours, their_aux(torch, 6, 5), (2, 6, size, size))


@pytest.mark.parametrize(("small_images", "size"), [(False, 61), (True, 30)])
def test_the_whole_net_is_torchs(torch, small_images, size):
    """An odd size, so that the pools' last windows hang over the edge."""
    ours = GoogLeNet(**NARROW, small_images=small_images)
    assert_same_as_torch(ours, their_net(torch, small_images), (3, 3, size, size))


# Gradients


BLOCKS = {
    "BasicConv2d": (lambda: BasicConv2d(2, 3, 3, padding=1), (2, 2, 4, 4)),
    "Inception": (lambda: Inception(4, 1, 2, 3, 1, 2, 2), (2, 4, 4, 4)),
    "InceptionAux": (lambda: InceptionAux(3, 4, dropout=0.5, width_mult=1 / 32), (3, 3, 5, 5)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_blocks(name):
    """The second order, too, which ReLU and max pool let through as long as none flips."""
    manual_seed(1)
    build, shape = BLOCKS[name]
    block, x = build(), images(*shape)
    assert gradcheck(block, x, max_entries=20, directions=4).ok
    assert gradgradcheck(block, x, max_entries=1, directions=2).ok


def test_gradients_of_the_whole_net():
    """In random directions over all parameters, with dropout and the logits of all three heads."""
    manual_seed(0)
    model = GoogLeNet(5, width_mult=1 / 16, small_images=True)
    run = along_random_directions(model, images(3, 3, 32, 32))
    assert gradcheck(run, Tensor(np.zeros(3), requires_grad=True)).ok


# Published figures and options


def test_published_counts():
    with nn.init.skip():
        assert count(googlenet(aux_logits=False)) == 6_624_904
        assert count(googlenet()) == 13_004_888
        assert count(googlenet_cifar()) == 355_138


def test_first_weights():
    """Normal with deviation 0.01, also of the linear layers; batch norms start as nothing."""
    manual_seed(0)
    for module in GoogLeNet(50, width_mult=0.5).modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() > 2000:
            assert 0.0095 < module.weight.numpy().std() < 0.0105
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight.numpy() == 1).all() and (module.bias.numpy() == 0).all()


def test_logits_are_plain_in_use_and_threefold_in_training():
    model, x = GoogLeNet(**NARROW), images(2, 3, 32, 32)
    outputs = model.double()(x)
    assert isinstance(outputs, GoogLeNetOutputs)
    assert [y.shape for y in outputs] == [(2, 5)] * 3
    assert model.eval()(x).shape == (2, 5)
    plain = GoogLeNet(**NARROW, aux_logits=False).double()
    assert plain(x).shape == (2, 5)
    assert not [key for key in plain.state_dict() if key.startswith("aux")]
    assert list(plain.head_paths) == ["fc"]


def test_heads_can_be_replaced_and_learnt_alone():
    model = GoogLeNet(**NARROW).replace_head(3).freeze_backbone()
    assert [y.shape for y in model(images(2, 3, 32, 32))] == [(2, 3)] * 3
    learnt = {name.rpartition(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert learnt == {"fc", "aux1.fc2", "aux2.fc2"}


def test_options():
    model = GoogLeNet(
        7, in_channels=2, width_mult=0.25, small_images=True, dropout=0.1, dropout_aux=0.4
    )
    x = Tensor(np.zeros((1, 2, 32, 32), np.float32))
    found = model.eval().extract(x, ["conv1", "inception3a", "inception4a", "inception5b", "fc"])
    shapes = [y.shape[1:] for y in found.values()]
    assert shapes == [(16, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (7,)]
    rates = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert sorted(rates) == [0.1, 0.4, 0.4]


def test_transform_input_takes_imagenet_normalisation_to_one_half():
    """What the first layer sees of pixels in [0, 1] that came as (pixels - mean) / std."""
    model = GoogLeNet(**NARROW, transform_input=True).double().eval()
    seen: list[np.ndarray] = []
    model.conv1.register_forward_pre_hook(lambda _, xs: seen.append(xs[0].numpy()))
    pixels = np.random.default_rng(0).random((2, 3, 32, 32))
    mean, std = (np.reshape(v, (3, 1, 1)) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    model(Tensor((pixels - mean) / std))
    assert abs(seen[0] - (pixels - 0.5) / 0.5).max() < 1e-14
    with pytest.raises(ValueError, match=r"must be \(N, 3, H, W\), got \(2, 1, 32, 32\)"):
        model(Tensor(pixels[:, :1]))


# Training with auxiliary heads


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return float(-np.log((e / e.sum(1, keepdims=True))[range(len(labels)), labels]).mean())


def test_auxiliary_loss():
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal((4, 5)) for _ in range(3))
    labels = np.array([0, 3, 4, 1])
    outputs = GoogLeNetOutputs(Tensor(a), Tensor(b), Tensor(c))
    main, aux = cross_entropy(a, labels), cross_entropy(b, labels) + cross_entropy(c, labels)
    assert auxiliary_loss(outputs, Tensor(labels)).item() == pytest.approx(main + 0.3 * aux)
    assert auxiliary_loss(outputs, Tensor(labels), 0.4).item() == pytest.approx(main + 0.4 * aux)
    assert auxiliary_loss(Tensor(a), Tensor(labels)).item() == pytest.approx(main)


def test_fit_trains_all_heads_and_measures_the_main_one():
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 5
    data = Dataset(rng.random((20, 3, 32, 32), np.float32), labels, list("abcde"), "noise")
    manual_seed(3)
    model = GoogLeNet(**NARROW, small_images=True)
    before = model.state_dict()
    first = [y.numpy() for y in model(Tensor(data.images))]
    model.load_state_dict(before)
    history = train.fit(
        model, data, data, optimizer=SGD(model.parameters(), lr=0.1), epochs=2, batch_size=20,
        loss=auxiliary_loss, progress=False,
    )  # fmt: skip
    main, aux2, aux1 = (cross_entropy(y, labels) for y in first)
    assert history[0].train_loss == pytest.approx(main + 0.3 * (aux1 + aux2), rel=1e-4)
    assert history[0].train_accuracy == (first[0].argmax(1) == labels).mean()
    after = model.state_dict()
    assert all((after[name] != before[name]).any() for name, _ in model.named_parameters())


def test_the_usual_loss_does_not_take_auxiliary_heads():
    images = Dataset(np.zeros((2, 3, 64, 64), np.float32), np.array([0, 1]), ["a", "b"], "two")
    model = GoogLeNet(2, width_mult=1 / 8)
    with pytest.raises(TypeError, match="got 3 outputs.*loss=models.auxiliary_loss"):
        train.fit(model, images, optimizer=SGD(model.parameters(), 0.1), progress=False)
