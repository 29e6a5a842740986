"""MobileNet V2 and V3: published figures, the same numbers as torch, gradients."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import mobilenet_v2 as v2
from minicnn.models import mobilenet_v3 as v3
from minicnn.models.blocks import SqueezeExcitation, make_divisible
from minicnn.summary import total
from minicnn.testing import gradcheck, gradgradcheck

from .test_models_mobilenet_v1 import images
from .torch_parity import assert_same_as_torch
from .whole_nets import along_random_directions

# Parameters and multiply-adds (millions). At 224: the model pages of torchvision. V2 at 32, with 10
# classes: chenyaofo/pytorch-cifar-models. V2 narrower and wider: Sandler et al., table 4 and the
# page of its code, whose parameters are rounded.
PUBLISHED = [
    (v2.mobilenet_v2, {}, 224, 3_504_872, 301),
    (v2.mobilenet_v2, {"width_mult": 1.4}, 224, 6.1e6, 582),
    (v2.mobilenet_v2, {"width_mult": 0.75}, 224, 2.6e6, 209),
    (v2.mobilenet_v2, {"width_mult": 0.5}, 224, 2.0e6, 97),
    (v2.mobilenet_v2_cifar, {}, 32, 2.24e6, 88),
    (v3.mobilenet_v3_large, {}, 224, 5_483_032, 217),
    (v3.mobilenet_v3_small, {}, 224, 2_542_856, 57),
]
V3_NORM = {"eps": 1e-3, "momentum": 0.01}
# The paper's tables 1 and 2: kernel, expanded, out, channels inside the squeeze-and-excitation (a
# quarter, to a multiple of 8; 0: none), hard-swish, stride.
LARGE = [
    (3, 16, 16, 0, False, 1), (3, 64, 24, 0, False, 2), (3, 72, 24, 0, False, 1),
    (5, 72, 40, 24, False, 2), (5, 120, 40, 32, False, 1), (5, 120, 40, 32, False, 1),
    (3, 240, 80, 0, True, 2), (3, 200, 80, 0, True, 1), (3, 184, 80, 0, True, 1),
    (3, 184, 80, 0, True, 1), (3, 480, 112, 120, True, 1), (3, 672, 112, 168, True, 1),
    (5, 672, 160, 168, True, 2), (5, 960, 160, 240, True, 1), (5, 960, 160, 240, True, 1),
]  # fmt: skip
SMALL = [
    (3, 16, 16, 8, False, 2), (3, 72, 24, 0, False, 2), (3, 88, 24, 0, False, 1),
    (5, 96, 40, 24, True, 2), (5, 240, 40, 64, True, 1), (5, 240, 40, 64, True, 1),
    (5, 120, 48, 32, True, 1), (5, 144, 48, 40, True, 1), (5, 288, 96, 72, True, 2),
    (5, 576, 96, 144, True, 1), (5, 576, 96, 144, True, 1),
]  # fmt: skip
CIFAR = [v2.mobilenet_v2_cifar, v3.mobilenet_v3_cifar]


@pytest.mark.parametrize(("build", "options", "size", "parameters", "millions"), PUBLISHED)
def test_published_parameters_and_multiply_adds(build, options, size, parameters, millions):
    with nn.init.skip():
        costs = total(summary.summarize(build(**options), (1, 3, size, size)))
    tolerance = 0 if isinstance(parameters, int) else 0.05e6
    assert abs(costs.parameters - parameters) <= tolerance
    assert round(costs.multiply_adds / 1e6) == millions


# The same nets of torch.nn: no parameter is named, so the order of the layers is all that counts.


@pytest.fixture
def t():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    return torch.nn


def torch_layer(t, c, out, kernel, stride, groups, act, **norm):
    conv = t.Conv2d(c, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return t.Sequential(conv, t.BatchNorm2d(out, **norm), act())


def torch_residual(t, body, adds):
    """x + body(x), or body(x) alone."""

    class Residual(t.Module):
        def __init__(self):
            super().__init__()
            self.body = body

        def forward(self, x):
            return x + self.body(x) if adds else self.body(x)

    return Residual()


def torch_se(t, c, squeeze, act, scale):
    class Squeeze(t.Module):
        def __init__(self):
            super().__init__()
            self.factors = t.Sequential(
                t.Conv2d(c, squeeze, 1), act, t.Conv2d(squeeze, c, 1), scale
            )

        def forward(self, x):
            return x * self.factors(x.mean((2, 3), keepdim=True))

    return Squeeze()


def torch_hardsigmoid(t):
    """relu6(x + 3) / 6. The gradient of torch's own has 1/6 in single precision, also in double."""

    class Hardsigmoid(t.Module):
        def forward(self, x):
            return t.functional.relu6(x + 3) / 6

    return Hardsigmoid()


def torch_v2(t, c, out, stride, expansion):
    hidden = c * expansion
    layers = [torch_layer(t, c, hidden, 1, 1, 1, t.ReLU6)] if expansion > 1 else []
    layers += [torch_layer(t, hidden, hidden, 3, stride, hidden, t.ReLU6)]
    layers += [torch_layer(t, hidden, out, 1, 1, 1, t.Identity)]
    return torch_residual(t, t.Sequential(*layers), stride == 1 and c == out)


def torch_v3(t, c, kernel, hidden, out, squeeze, hard, stride):
    act = t.Hardswish if hard else t.ReLU
    layers = [torch_layer(t, c, hidden, 1, 1, 1, act, **V3_NORM)] if hidden != c else []
    layers += [torch_layer(t, hidden, hidden, kernel, stride, hidden, act, **V3_NORM)]
    layers += [torch_se(t, hidden, squeeze, t.ReLU(), torch_hardsigmoid(t))] if squeeze else []
    layers += [torch_layer(t, hidden, out, 1, 1, 1, t.Identity, **V3_NORM)]
    return torch_residual(t, t.Sequential(*layers), stride == 1 and c == out)


@pytest.mark.parametrize(("c", "out", "stride", "t_"), [(4, 4, 1, 6), (4, 6, 2, 3), (3, 5, 1, 1)])
def test_v2_blocks_are_torchs(t, c, out, stride, t_):
    ours = v2.InvertedResidual(c, out, stride, t_)
    assert_same_as_torch(ours, torch_v2(t, c, out, stride, t_), (3, c, 7, 6))


@pytest.mark.parametrize("row", [
    (3, 8, 4, 0, False, 1), (5, 8, 4, 8, True, 1), (3, 8, 6, 8, False, 2), (3, 4, 4, 0, True, 1),
    (5, 4, 6, 8, False, 1),
])  # fmt: skip
def test_v3_blocks_are_torchs(t, row):
    kernel, expanded, out, squeeze, hard, stride = row
    activation = nn.Hardswish if hard else nn.ReLU
    ours = v3.InvertedResidual(4, v3.Row(kernel, expanded, out, bool(squeeze), activation, stride))
    assert_same_as_torch(ours, torch_v3(t, 4, *row), (3, 4, 7, 6))


@pytest.mark.parametrize("hard", [False, True])
def test_squeeze_excitation_is_torchs(t, hard):
    ours = SqueezeExcitation(5, 3, nn.SiLU)
    act, scale = t.SiLU(), t.Sigmoid()
    if hard:
        ours = SqueezeExcitation(5, 3, scale_activation=nn.Hardsigmoid)
        act, scale = t.ReLU(), torch_hardsigmoid(t)
    assert_same_as_torch(ours, torch_se(t, 5, 3, act, scale), (2, 5, 4, 3))


@pytest.mark.parametrize(
    ("small_images", "strides"), [(False, (2, 2, 2, 2, 2)), (True, (1, 1, 2, 2, 2))]
)
def test_the_v2_net_is_torchs(t, small_images, strides):
    """A quarter of the paper's channels, to multiples of 8; the last convolution keeps 1280."""
    stem, *halvings = strides
    layers, c = [torch_layer(t, 2, 8, 3, stem, 1, t.ReLU6)], 8
    for i, (out, repeats) in enumerate(
        [(8, 1), (8, 2), (8, 3), (16, 4), (24, 3), (40, 3), (80, 1)]
    ):
        for j in range(repeats):
            stride = halvings.pop(0) if j == 0 and i in (1, 2, 3, 5) else 1
            layers.append(torch_v2(t, c, out, stride, 6 if i else 1))
            c = out
    layers += [torch_layer(t, 80, 1280, 1, 1, 1, t.ReLU6), t.AdaptiveAvgPool2d(1)]
    theirs = t.Sequential(*layers, t.Flatten(), t.Linear(1280, 3))
    ours = v2.MobileNetV2(3, 2, width_mult=0.25, dropout=0, small_images=small_images)
    assert_same_as_torch(ours, theirs, (3, 2, *((18, 10) if small_images else (34, 40))))


@pytest.mark.parametrize(
    ("build", "rows", "last"),
    [(v3.mobilenet_v3_large, LARGE, 1280), (v3.mobilenet_v3_small, SMALL, 1024)],
)
def test_the_v3_nets_are_torchs(t, build, rows, last):
    layers, c = [torch_layer(t, 2, 16, 3, 2, 1, t.Hardswish, **V3_NORM)], 16
    for row in rows:
        layers.append(torch_v3(t, c, *row))
        c = row[2]
    layers.append(torch_layer(t, c, 6 * c, 1, 1, 1, t.Hardswish, **V3_NORM))
    layers += [t.AdaptiveAvgPool2d(1), t.Flatten()]
    head = t.Linear(6 * c, last), t.Hardswish(), t.Linear(last, 3)
    ours = build(num_classes=3, in_channels=2, dropout=0)
    assert_same_as_torch(ours, t.Sequential(*layers, *head), (3, 2, 34, 28))


@pytest.mark.parametrize("build", [
    lambda: v2.InvertedResidual(3, 3),
    lambda: v2.InvertedResidual(3, 4, stride=2, expand_ratio=2),
    lambda: v3.InvertedResidual(3, v3.Row(3, 6, 3, False, nn.ReLU, 1)),
    lambda: v3.InvertedResidual(3, v3.Row(5, 6, 4, True, nn.Hardswish, 2)),
    lambda: SqueezeExcitation(3, 2, scale_activation=nn.Hardsigmoid),
])  # fmt: skip
def test_the_blocks_gradients(build):
    manual_seed(3)
    assert gradcheck(build(), images(3, 3, 5, 5)).ok


def test_the_smooth_squeeze_excitations_second_gradients():
    manual_seed(3)
    block = SqueezeExcitation(3, 2, nn.SiLU)
    assert gradcheck(block, images(2, 3, 3, 3)).ok
    assert gradgradcheck(block, images(2, 3, 3, 3)).ok


@pytest.mark.parametrize("build", [*CIFAR, v3.mobilenet_v3_large])
def test_the_nets_gradients(build):
    manual_seed(0)
    net = build(num_classes=3, in_channels=1, width_mult=0.1, dropout=0, small_images=True)
    run = along_random_directions(net, images(2, 1, 16, 16))
    assert gradcheck(run, Tensor(np.zeros(3), requires_grad=True)).ok


@pytest.mark.parametrize("build", CIFAR)
def test_options(build):
    net = build(width_mult=0.25, in_channels=1, dropout=0.3)
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.3]
    with no_grad():
        net.eval()
        assert net(Tensor(np.zeros((1, 1, 32, 32), np.float32))).shape == (1, 10)
        assert net.features(Tensor(np.zeros((1, 1, 32, 32), np.float32))).shape[2:] == (4, 4)
    assert net.get_submodule(net.head_paths[0]).out_features == 10
    head = build(width_mult=0.25, num_classes=3)
    assert head.get_submodule(head.head_paths[0]).out_features == 3


def test_dropout_is_torchvisions():
    for build in (v2.mobilenet_v2, v3.mobilenet_v3_small):
        net = build(width_mult=0.25)
        assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.2]


def test_the_large_v3_for_small_images_ends_with_four_by_four():
    with nn.init.skip(), no_grad():
        net = v3.mobilenet_v3_large(width_mult=0.25, small_images=True).double().eval()
        assert net.features(images(1, 3, 32, 32)).shape == (1, 240, 4, 4)


def test_round_nearest():
    net = v2.mobilenet_v2(width_mult=0.5, round_nearest=1)
    assert net.features[17].conv[2].out_channels == 160
    assert net.features[2].conv[2].out_channels == 12


def test_channels_are_rounded_but_not_far_down():
    # 90 % of 18 is 16.2, so 16 would be too few; of 17 it is 15.3.
    assert [make_divisible(c) for c in (0.1, 12, 17, 18, 20, 24.1)] == [8, 16, 16, 24, 24, 24]
    assert make_divisible(10, 4) == 12
    for width in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"channels must be positive, got .*width_mult"):
            v2.mobilenet_v2(width_mult=width)


@pytest.mark.parametrize("build", [v2.mobilenet_v2, v3.mobilenet_v3_small])
def test_first_weights(build):
    """He et al. by fan-out: variance 2 / (kh kw O), O being all channels for a depthwise layer."""
    manual_seed(1)
    net = build()
    convolutions = nn.Conv2d | nn.DepthwiseConv2d
    for layer in net.modules():
        if isinstance(layer, convolutions) and layer.weight.numel() > 3000:
            o, _, kh, kw = layer.weight.shape
            assert layer.weight.numpy().std() == pytest.approx((2 / (o * kh * kw)) ** 0.5, rel=0.1)
        elif isinstance(layer, nn.Linear):
            assert layer.weight.numpy().std() == pytest.approx(0.01, rel=0.1)
        if isinstance(layer, convolutions | nn.Linear) and layer.bias is not None:
            assert not layer.bias.numpy().any()
