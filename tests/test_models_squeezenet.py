"""SqueezeNet: the paper's counts, the same numbers as torch, gradients."""

from typing import Any

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import squeezenet
from minicnn.models.squeezenet import Fire, SqueezeNet
from minicnn.testing import gradcheck, gradgradcheck

from .torch_parity import assert_same_as_torch

# Table 1 of the paper, before pruning: conv1, fire2 ... fire9, conv10
PARAMETERS = (14_208, 11_920, 12_432, 45_344, 49_440, 104_880, 111_024, 188_992, 197_184, 513_000)
NETS = {
    "squeezenet1_0": (squeezenet.squeezenet1_0, 22),
    "squeezenet1_1": (squeezenet.squeezenet1_1, 18),
    "squeezenet_cifar": (squeezenet.squeezenet_cifar, 10),
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def narrow(name: str, **options: Any) -> SqueezeNet:
    options = {"num_classes": 5, "in_channels": 2, "width_mult": 0.1, "dropout": 0.0} | options
    return NETS[name][0](**options)


def sizes(model: nn.Module) -> list[int]:
    parts = [m for m in model.features if list(m.parameters())] + [model.classifier[1]]
    return [sum(p.numel() for p in part.parameters()) for part in parts]


# Published figures


def test_every_layer_has_the_papers_parameters():
    with nn.init.skip():
        assert tuple(sizes(squeezenet.squeezenet1_0())) == PARAMETERS


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [("squeezenet1_0", 1_248_424, 0.819), ("squeezenet1_1", 1_235_496, 0.349)],
)
def test_published_size(name, parameters, multiply_adds):
    with nn.init.skip():
        total = summary.total(summary.summarize(NETS[name][0](), (1, 3, 224, 224)))
    assert total.parameters == parameters
    assert round(total.multiply_adds / 1e9, 3) == multiply_adds


def test_squeezenet_of_32x32_pixels():
    """The paper's fire modules at 32x32, 16x16 and 8x8 pixels."""
    sides = (32, 32, 32, 16, 16, 8, 8, 8, 8, 8)
    fires = [(64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192),
             (384, 48, 192), (384, 64, 256), (512, 64, 256)]  # fmt: skip
    weights = [27 * 64, *(i * s + 10 * s * e for i, s, e in fires), 512 * 10]
    with nn.init.skip():
        total = summary.total(summary.summarize(squeezenet.squeezenet_cifar(), (1, 3, 32, 32)))
    norms = 2 * (64 + sum(2 * e for _, _, e in fires))
    assert total.parameters == 1_235_496 - 990 * 513 + norms
    assert total.multiply_adds == sum(w * n**2 for w, n in zip(weights, sides, strict=True))


# Options


@pytest.mark.parametrize("name", NETS)
def test_options(name):
    build, size = NETS[name]
    model = build(num_classes=7, in_channels=1, width_mult=0.25, dropout=0.3)
    with no_grad():
        y = model.eval()(Tensor(np.ones((2, 1, size, size + 3), np.float32)))
    assert y.shape == (2, 7) and (name == "squeezenet_cifar" or (y.numpy() >= 0).all())
    convs = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    first = 24 if name == "squeezenet1_0" else 16
    assert convs[:7] == [first, 4, 16, 16, 4, 16, 16] and convs[-4:] == [16, 64, 64, 7]
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.3]
    assert model.get_submodule(model.head_paths[0]).out_channels == 7


def test_bad_input():
    with pytest.raises(ValueError, match="version must be one of 1_0, 1_1, got '2_0'"):
        SqueezeNet("2_0")
    with pytest.raises(ValueError, match=r'does not fit input height.*layer "features.11"'):
        narrow("squeezenet1_0")(Tensor(np.zeros((1, 2, 20, 20), np.float32)))


def test_first_weights():
    """He et al. 2015 with even spread: variance 2 / fan_in; conv10 has 0.01."""
    manual_seed(0)
    model = squeezenet.squeezenet_cifar(100)
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            std = 0.01 if path in model.head_paths else (2 / fan_in) ** 0.5
            assert module.weight.numpy().std() == pytest.approx(std, rel=0.05)
            largest = abs(module.weight.numpy()).max()
            assert path in model.head_paths or largest <= (6 / fan_in) ** 0.5
            assert not module.bias.numpy().any()


# The same numbers as torch


def torch_fire(torch: Any, channels: int, squeeze: int, left: int, right: int) -> Any:
    class Joined(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Conv2d(channels, squeeze, 1)
            self.b = torch.nn.Conv2d(squeeze, left, 1)
            self.c = torch.nn.Conv2d(squeeze, right, 3, padding=1)

        def forward(self, x):
            x = self.a(x).relu()
            return torch.cat([self.b(x).relu(), self.c(x).relu()], dim=1)

    return Joined()


def torch_net(torch: Any, name: str) -> Any:
    t = torch.nn
    widths = [(1, 6), (1, 6), (3, 12), (3, 12), (4, 19), (4, 19), (6, 25), (6, 25)]
    channels, pools = (9, (0, 3, 7)) if name == "squeezenet1_0" else (6, (0, 2, 4))
    layers = {
        "squeezenet1_0": [t.Conv2d(2, 9, 7, 2), t.ReLU()],
        "squeezenet1_1": [t.Conv2d(2, 6, 3, 2), t.ReLU()],
        "squeezenet_cifar": [t.Conv2d(2, 6, 3, padding=1), t.BatchNorm2d(6), t.ReLU()],
    }[name]
    small = name == "squeezenet_cifar"  # which has batch norms, and no ReLU after conv10
    for i, (squeeze, expand) in enumerate(widths):
        if i in pools and (i or not small):
            layers.append(t.MaxPool2d(3, 2, ceil_mode=True))
        layers.append(torch_fire(torch, channels, squeeze, expand, expand))
        channels = 2 * expand
        layers += [t.BatchNorm2d(channels)] if small else []
    layers += [t.Conv2d(channels, 5, 1), t.Identity() if small else t.ReLU()]
    return t.Sequential(*layers, t.AdaptiveAvgPool2d(1), t.Flatten())


def test_fire_has_the_same_numbers_as_torch(torch):
    assert_same_as_torch(Fire(4, 3, 2, 5), torch_fire(torch, 4, 3, 2, 5), (2, 4, 5, 6))


@pytest.mark.parametrize("name", NETS)
def test_same_numbers_as_torch(torch, name):
    size = NETS[name][1]
    assert_same_as_torch(narrow(name), torch_net(torch, name), (2, 2, size, size + 1))


# Gradients


def off_the_kinks(model: nn.Module) -> None:
    """Biases of 0 put ReLU on its kink wherever all inputs of a layer are 0."""
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(p, std=0.1)


def test_gradients_of_fire():
    """The second order, too, which ReLU lets through as long as it does not flip."""
    manual_seed(0)
    x = Tensor(np.random.default_rng(1).standard_normal((2, 3, 4, 4)), requires_grad=True)
    fire = Fire(3, 3, 2, 4)
    assert gradcheck(fire, x).ok
    assert gradgradcheck(fire, x, max_entries=1, directions=3).ok


@pytest.mark.parametrize("name", NETS)
def test_gradients_of_a_whole_net(name):
    """With dropout: the checker repeats its mask."""
    manual_seed(0)
    size = NETS[name][1]
    x = Tensor(np.random.default_rng(1).standard_normal((2, 2, size, size)), requires_grad=True)
    model = narrow(name, width_mult=0.2, dropout=0.5)  # narrower, whole layers are often dead
    off_the_kinks(model)
    report = gradcheck(model, x, max_entries=1, directions=3)
    assert len(report.inputs) == 1 + len(list(model.parameters()))
    assert all(x.analytic for x in report.inputs if x.name.endswith("weight"))
