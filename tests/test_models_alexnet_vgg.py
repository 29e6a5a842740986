"""AlexNet and VGG: published counts, the same numbers as torch, gradients."""

from typing import Any

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import alexnet, vgg
from minicnn.testing import gradcheck, gradgradcheck

from .torch_parity import assert_same_as_torch

# torchvision's published counts; in millions those of table 2 in the paper: 133, 133, 138, 144
VGG_PARAMETERS = {
    "vgg11": 132_863_336, "vgg13": 133_047_848, "vgg16": 138_357_544, "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840, "vgg13_bn": 133_053_736, "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
}  # fmt: skip
CHANNELS = (64, 128, 256, 512, 512)
NARROW = {"num_classes": 5, "in_channels": 2, "dropout": 0.0}
NETS = {
    "alexnet": (alexnet.alexnet, 0.02, 63),
    "alexnet_cifar": (alexnet.alexnet_cifar, 0.06, 32),
    "vgg11": (vgg.vgg11, 0.05, 32),
    "vgg16_bn": (vgg.vgg16_bn, 0.05, 32),
    "vgg11_bn_cifar": (vgg.vgg11_bn_cifar, 0.05, 32),
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def narrow(name: str, **options: Any) -> nn.Module:
    build, width, _ = NETS[name]
    return build(width_mult=width, **NARROW | options)


# Published figures


def test_alexnet_has_the_published_size():
    with nn.init.skip():
        total = summary.total(summary.summarize(alexnet.alexnet(), (1, 3, 224, 224)))
    assert total.parameters == 61_100_840
    assert round(total.multiply_adds / 1e9, 3) == 0.714


def test_alexnet_of_32x32_pixels():
    """Window, channels before and after, side of the image; then the fully connected layers."""
    convolutions = [(5, 3, 64, 32), (5, 64, 192, 15), (3, 192, 384, 7), (3, 384, 256, 7),
                    (3, 256, 256, 7)]  # fmt: skip
    linears = [(256 * 3 * 3, 512), (512, 512), (512, 10)]
    with nn.init.skip():
        total = summary.total(summary.summarize(alexnet.alexnet_cifar(), (1, 3, 32, 32)))
    weights = [k * k * i * o for k, i, o, _ in convolutions] + [i * o for i, o in linears]
    biases = sum(o for _, _, o, _ in convolutions) + sum(o for _, o in linears)
    assert total.parameters == sum(weights) + biases
    multiply_adds = sum(k * k * i * o * side**2 for k, i, o, side in convolutions)
    assert total.multiply_adds == multiply_adds + sum(i * o for i, o in linears)


@pytest.mark.parametrize("name", VGG_PARAMETERS)
def test_vgg_has_the_published_size(name):
    with nn.init.skip():
        model = getattr(vgg, name)()
    assert sum(p.numel() for p in model.parameters()) == VGG_PARAMETERS[name]
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name.removeprefix("vgg").removesuffix("_bn"))


@pytest.mark.parametrize(
    ("build", "millions", "multiply_adds"),
    [(vgg.vgg11_bn_cifar, 9.76, 153), (vgg.vgg16_bn_cifar, 15.25, None)],
)
def test_vgg_of_32x32_pixels_has_the_published_size(build, millions, multiply_adds):
    """Figures of chenyaofo's pytorch-cifar-models."""
    with nn.init.skip():
        total = summary.total(summary.summarize(build(), (1, 3, 32, 32)))
    assert round(total.parameters / 1e6, 2) == millions
    assert multiply_adds is None or round(total.multiply_adds / 1e6) == multiply_adds


# Options


@pytest.mark.parametrize("name", NETS)
def test_options(name):
    build, width, size = NETS[name]
    model = build(num_classes=7, in_channels=1, width_mult=width, dropout=0.25)
    with no_grad():
        y = model.eval()(Tensor(np.zeros((2, 1, size + 3, size), np.float32)))
    assert y.shape == (2, 7)
    channels = (64, 192, 384, 256, 256) if name.startswith("alexnet") else CHANNELS
    found = {m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)}
    assert found == {int(c * width) for c in channels}
    hidden = int((512 if name.endswith("cifar") else 4096) * width)
    linears = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in linears] == [hidden, hidden, 7]
    dropouts = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert dropouts == [0.25, 0.25]
    assert [model.get_submodule(path) for path in model.head_paths] == [linears[-1]]


def test_too_small_images_name_the_layer():
    for name, layer in (("alexnet", "features.12"), ("vgg11", "features.20")):
        size = NETS[name][2] - 1
        with pytest.raises(ValueError, match=rf'does not fit input height.*layer "{layer}"'):
            narrow(name)(Tensor(np.zeros((1, 2, size, size), np.float32)))


def test_first_weights_of_vgg():
    """He et al. 2015, equation 14: variance 2 / fan_out; 0.01 in the fully connected layers."""
    manual_seed(0)
    model = vgg.vgg11_bn_cifar(width_mult=0.5)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_out = 9 * module.weight.shape[0]
            std = (2 / fan_out) ** 0.5 if isinstance(module, nn.Conv2d) else 0.01
            assert module.weight.numpy().std() == pytest.approx(std, rel=0.05)
            assert not module.bias.numpy().any()


# The same numbers as torch


def torch_alexnet(t: Any, width: float, small: bool, classes: int, channels: int) -> Any:
    c1, c2, c3, c4, c5 = (int(c * width) for c in (64, 192, 384, 256, 256))
    hidden, side = (int(512 * width), 3) if small else (int(4096 * width), 6)
    first = t.Conv2d(channels, c1, 5, 1, 2) if small else t.Conv2d(channels, c1, 11, 4, 2)
    return t.Sequential(
        first, t.ReLU(), t.MaxPool2d(3, 2),
        t.Conv2d(c1, c2, 5, padding=2), t.ReLU(), t.MaxPool2d(3, 2),
        t.Conv2d(c2, c3, 3, padding=1), t.ReLU(),
        t.Conv2d(c3, c4, 3, padding=1), t.ReLU(),
        t.Conv2d(c4, c5, 3, padding=1), t.ReLU(), t.MaxPool2d(3, 2),
        t.AdaptiveAvgPool2d(side), t.Flatten(),
        t.Linear(c5 * side**2, hidden), t.ReLU(),
        t.Linear(hidden, hidden), t.ReLU(), t.Linear(hidden, classes),
    )  # fmt: skip


def torch_vgg_stage(t: Any, channels: int, filters: int, depth: int, batch_norm: bool) -> list:
    layers = []
    for i in range(depth):
        layers.append(t.Conv2d(filters if i else channels, filters, 3, padding=1))
        layers += [t.BatchNorm2d(filters), t.ReLU()] if batch_norm else [t.ReLU()]
    return [*layers, t.MaxPool2d(2)]


def torch_vgg(
    t: Any, depths: tuple[int, ...], width: float, batch_norm: bool, small: bool, classes: int,
    channels: int,
) -> Any:  # fmt: skip
    layers = []
    for depth, c in zip(depths, CHANNELS, strict=True):
        layers += torch_vgg_stage(t, channels, int(c * width), depth, batch_norm)
        channels = int(c * width)
    hidden, side = (int(512 * width), 1) if small else (int(4096 * width), 7)
    return t.Sequential(
        *layers, t.AdaptiveAvgPool2d(side), t.Flatten(),
        t.Linear(channels * side**2, hidden), t.ReLU(),
        t.Linear(hidden, hidden), t.ReLU(), t.Linear(hidden, classes),
    )  # fmt: skip


def in_torch(name: str, t: Any) -> Any:
    width, small = NETS[name][1], name.endswith("cifar")
    if name.startswith("alexnet"):
        return torch_alexnet(t, width, small, 5, 2)
    depths = (2, 2, 3, 3, 3) if "16" in name else (1, 1, 2, 2, 2)
    return torch_vgg(t, depths, width, "bn" in name, small, 5, 2)


@pytest.mark.parametrize("name", NETS)
def test_same_numbers_as_torch(torch, name):
    size = NETS[name][2]
    assert_same_as_torch(narrow(name), in_torch(name, torch.nn), (3, 2, size, size))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_stage_of_vgg_has_the_same_numbers_as_torch(torch, batch_norm):
    depths = (2, 1, 1, 1, 1)
    model = vgg.VGG(depths, in_channels=2, width_mult=0.06, batch_norm=batch_norm)
    theirs = torch.nn.Sequential(*torch_vgg_stage(torch.nn, 2, 3, 2, batch_norm))
    assert_same_as_torch(model.features[: len(theirs)], theirs, (2, 2, 6, 8))


# Gradients


def off_the_kinks(model: nn.Module) -> None:
    """Biases of 0 put ReLU on its kink wherever all inputs of a layer are 0."""
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(p, std=0.1)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_of_a_stage_of_vgg(batch_norm):
    """The second order, too, which ReLU and max pool let through as long as none flips."""
    manual_seed(0)
    model = vgg.VGG((2, 1, 1, 1, 1), in_channels=2, width_mult=0.04, batch_norm=batch_norm)
    stage = model.features[: 7 if batch_norm else 5]
    x = Tensor(np.random.default_rng(1).standard_normal((2, 2, 4, 4)), requires_grad=True)
    assert gradcheck(stage, x).ok
    assert gradgradcheck(stage, x, max_entries=1, directions=3).ok


@pytest.mark.parametrize("name", NETS)
def test_gradients_of_a_whole_net(name):
    """With dropout: the checker repeats its masks."""
    manual_seed(0)
    model = narrow(name, dropout=0.5)
    off_the_kinks(model)
    size = NETS[name][2]
    x = Tensor(np.random.default_rng(1).standard_normal((2, 2, size, size)), requires_grad=True)
    report = gradcheck(model, x, max_entries=1, directions=3)
    assert len(report.inputs) == 1 + len(list(model.parameters()))
    assert all(x.analytic for x in report.inputs if x.name.endswith("weight"))
