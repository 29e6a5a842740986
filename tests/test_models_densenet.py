"""DenseNet: published counts, the same numbers as torch, gradients."""

from typing import Any

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import densenet
from minicnn.models.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from minicnn.testing import gradcheck, gradgradcheck

from .torch_parity import assert_same_as_torch

# torchvision's published counts
PARAMETERS = {
    "densenet121": 7_978_856, "densenet161": 28_681_000, "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}  # fmt: skip
NARROW = {"growth_rate": 4, "block_config": (2, 1, 2), "num_classes": 5, "in_channels": 2}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


class OnList(nn.Module):
    """A dense layer called with single Tensors."""

    def __init__(self, layer: DenseLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *xs: Tensor) -> Tensor:
        return self.layer(list(xs))


def leaf(*shape: int, seed: int = 1) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


# Published figures


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_size(name):
    with nn.init.skip():
        model = getattr(densenet, name)()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    layers = [
        path for path, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
    ]  # fmt: skip
    assert len(layers) == int(name.removeprefix("densenet"))


def test_published_multiply_adds():
    with nn.init.skip():
        total = summary.total(summary.summarize(densenet.densenet121(), (1, 3, 224, 224)))
    assert round(total.multiply_adds / 1e9, 3) == 2.834


def test_densenet_of_32x32_pixels():
    """Table 2 of the paper: L = 100, k = 12, 0.8 million parameters; by hand all of them."""
    k, channels, parameters, multiply_adds = 12, 24, 27 * 24, 27 * 24 * 32**2
    for side in (32, 16, 8):
        for _ in range(16):
            weights = channels * 4 * k + 9 * 4 * k * k
            parameters += weights + 2 * channels + 2 * 4 * k
            multiply_adds += weights * side**2
            channels += k
        if side > 8:
            parameters += channels * channels // 2 + 2 * channels
            multiply_adds += channels * channels // 2 * side**2
            channels //= 2
    parameters += 2 * channels + 10 * channels + 10
    with nn.init.skip():
        model = densenet.densenet_cifar()
    total = summary.total(summary.summarize(model, (1, 3, 32, 32)))
    assert total.parameters == parameters and round(parameters / 1e6, 1) == 0.8
    assert total.multiply_adds == multiply_adds + 10 * channels
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == 100


# Options


def test_options():
    model = DenseNet(8, (1, 2), 16, num_classes=7, in_channels=1, bn_size=3, drop_rate=0.5,
                     width_mult=0.5)  # fmt: skip
    convs = [m.weight.shape[:2] for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert convs == [(8, 1), (12, 8), (4, 12), (6, 12), (12, 6), (4, 12), (12, 10), (4, 12)]
    with no_grad():
        assert model.eval()(Tensor(np.zeros((2, 1, 32, 40), np.float32))).shape == (2, 7)
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert model.get_submodule(model.head_paths[0]).out_features == 7


def test_drop_rate_acts_in_training_alone():
    manual_seed(0)
    layer = DenseLayer(3, growth_rate=4, drop_rate=0.25)
    x = [leaf(4, 3, 16, 16)]
    dropped = (layer.double()(x).numpy() == 0).mean()
    assert 0.2 < dropped < 0.3 and (layer.eval()(x).numpy() != 0).all()


def test_too_small_images_name_the_layer():
    with nn.init.skip():
        model = densenet.densenet121(width_mult=0.1)
    with pytest.raises(ValueError, match=r'fit input height.*layer "features.transition3.pool"'):
        model(Tensor(np.zeros((2, 3, 28, 28), np.float32)))


def test_first_weights():
    """He et al. 2015, equation 10: variance 2 / fan_in; torch's own in the classifier."""
    manual_seed(0)
    model = densenet.densenet_cifar(growth_rate=24, block_config=(2, 2, 2))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            std = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.numpy().std() == pytest.approx(std, rel=0.06)
    assert not model.classifier.bias.numpy().any()


# The same numbers as torch


def torch_dense_layer(torch: Any, channels: int, k: int, bn_size: int = 4) -> Any:
    t = torch.nn

    class Layer(t.Module):
        def __init__(self):
            super().__init__()
            self.steps = t.Sequential(
                t.BatchNorm2d(channels), t.ReLU(), t.Conv2d(channels, bn_size * k, 1, bias=False),
                t.BatchNorm2d(bn_size * k), t.ReLU(),
                t.Conv2d(bn_size * k, k, 3, padding=1, bias=False),
            )  # fmt: skip

        def forward(self, *xs):
            return self.steps(torch.cat(xs, dim=1))

    return Layer()


def torch_dense_block(torch: Any, layers: int, channels: int, k: int) -> Any:
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            steps = [torch_dense_layer(torch, channels + i * k, k) for i in range(layers)]
            self.steps = torch.nn.ModuleList(steps)

        def forward(self, x):
            # each layer adds to what came before, which is the same as a list of all features
            for step in self.steps:
                x = torch.cat([x, step(x)], dim=1)
            return x

    return Block()


def torch_transition(t: Any, channels: int, filters: int) -> Any:
    conv = t.Conv2d(channels, filters, 1, bias=False)
    return t.Sequential(t.BatchNorm2d(channels), t.ReLU(), conv, t.AvgPool2d(2))


def torch_net(torch: Any, small: bool) -> Any:
    t = torch.nn
    stem = [t.Conv2d(2, 8, 3, padding=1, bias=False)]
    if not small:
        stem = [t.Conv2d(2, 8, 7, 2, padding=3, bias=False), t.BatchNorm2d(8), t.ReLU(),
                t.MaxPool2d(3, 2, padding=1)]  # fmt: skip
    return t.Sequential(
        *stem,
        torch_dense_block(torch, 2, 8, 4), torch_transition(t, 16, 8),
        torch_dense_block(torch, 1, 8, 4), torch_transition(t, 12, 6),
        torch_dense_block(torch, 2, 6, 4),
        t.BatchNorm2d(14), t.ReLU(), t.AdaptiveAvgPool2d(1), t.Flatten(), t.Linear(14, 5),
    )  # fmt: skip


def test_blocks_have_the_same_numbers_as_torch(torch):
    layer = OnList(DenseLayer(7, growth_rate=3, bn_size=2))
    parts = ((2, 4, 5, 6), (2, 1, 5, 6), (2, 2, 5, 6))
    assert_same_as_torch(layer, torch_dense_layer(torch, 7, 3, 2), *parts)
    assert_same_as_torch(DenseBlock(3, 2, 3), torch_dense_block(torch, 3, 2, 3), (2, 2, 5, 6))
    assert_same_as_torch(Transition(4, 3), torch_transition(torch.nn, 4, 3), (2, 4, 5, 6))


@pytest.mark.parametrize("small", [False, True])
def test_same_numbers_as_torch(torch, small):
    model = DenseNet(num_init_features=8, small_images=small, **NARROW)
    size = 12 if small else 40
    assert_same_as_torch(model, torch_net(torch, small), (2, 2, size, size))


# Gradients


@pytest.mark.parametrize(
    ("block", "xs"),
    [
        (OnList(DenseLayer(3, growth_rate=2, bn_size=2)), [leaf(2, 2, 4, 4), leaf(2, 1, 4, 4)]),
        (DenseBlock(2, 2, 2, 2), [leaf(2, 2, 4, 4)]),
        (Transition(3, 2), [leaf(2, 3, 4, 4)]),
    ],
    ids=["layer", "block", "transition"],
)
def test_gradients_of_a_block(block, xs):
    """The second order, too, which ReLU lets through as long as it does not flip."""
    assert gradcheck(block, xs).ok
    assert gradgradcheck(block, xs, max_entries=1, directions=3).ok


@pytest.mark.parametrize("small", [False, True])
def test_gradients_of_a_whole_net(small):
    """With dropout: the checker repeats its masks."""
    manual_seed(0)
    size = 8 if small else 32
    model = DenseNet(num_init_features=8, small_images=small, drop_rate=0.2, **NARROW)
    report = gradcheck(model, leaf(2, 2, size, size), max_entries=1, directions=3)
    assert len(report.inputs) == 1 + len(list(model.parameters()))
    assert all(x.analytic for x in report.inputs if x.name.endswith("weight"))
