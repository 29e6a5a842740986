"""ResNets: blocks and whole nets against torch, gradients, published counts, options."""

import numpy as np
import pytest

from minicnn import Tensor, nn, no_grad, summary
from minicnn.models import resnet, resnet_cifar, resnext, wide_resnet
from minicnn.testing import gradcheck
from tests.torch_parity import assert_same_as_torch

RANDOM = np.random.default_rng(7)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


# The same in torch.nn


class Zeros:
    """Option A, written as a function of torch: pixels picked, channels of zeros around them."""

    def __init__(self, torch, before, after):
        self.torch, self.before, self.after = torch, before, after

    def __call__(self, x):
        x = x[:, :, ::2, ::2]
        n, _, h, w = x.shape
        before, after = (
            self.torch.zeros(n, c, h, w, dtype=x.dtype) for c in (self.before, self.after)
        )
        return self.torch.cat([before, x, after], 1)


def torch_block(torch, convs, projection=None, zeros=None):
    """relu(bn conv ... relu(bn conv(x)) + shortcut(x)); ``convs`` are arguments of Conv2d."""
    t = torch.nn

    class Block(t.Module):
        def __init__(self):
            super().__init__()
            parts = []
            for arguments, options in convs:
                parts += [t.Conv2d(*arguments, bias=False, **options)]
                parts += [t.BatchNorm2d(arguments[1]), t.ReLU()]
            self.parts = t.Sequential(*parts[:-1])
            self.shortcut = zeros or t.Identity()
            if projection:
                conv = t.Conv2d(*projection, bias=False)
                self.shortcut = t.Sequential(conv, t.BatchNorm2d(projection[1]))

        def forward(self, x):
            return torch.relu(self.parts(x) + self.shortcut(x))

    return Block()


def conv(*arguments, **options):
    return arguments, options


def torch_basic(torch, inplanes, planes, stride, zeros=None):
    changes = stride != 1 or inplanes != planes
    projection = (inplanes, planes, 1, stride) if changes and not zeros else None
    convs = [conv(inplanes, planes, 3, stride, 1), conv(planes, planes, 3, 1, 1)]
    return torch_block(torch, convs, projection, zeros)


def torch_bottleneck(torch, inplanes, planes, stride=1, groups=1, width=None, v1=False):
    width, out = width or planes, planes * 4
    first, second = (stride, 1) if v1 else (1, stride)
    convs = [
        conv(inplanes, width, 1, first),
        conv(width, width, 3, second, 1, groups=groups),
        conv(width, out, 1),
    ]
    changes = stride != 1 or inplanes != out
    return torch_block(torch, convs, (inplanes, out, 1, stride) if changes else None)


def torch_net(torch, stem, blocks, features, classes):
    t = torch.nn
    pool = (t.AdaptiveAvgPool2d(1), t.Flatten())
    return t.Sequential(*stem, *blocks, *pool, t.Linear(features, classes))


def torch_stem(torch, channels, planes, small):
    t, kernel = torch.nn, (3, 1, 1) if small else (7, 2, 3)
    stem = [t.Conv2d(channels, planes, *kernel, bias=False), t.BatchNorm2d(planes), t.ReLU()]
    return stem if small else [*stem, t.MaxPool2d(3, 2, 1)]


# Blocks


@pytest.mark.parametrize(("inplanes", "stride"), [(4, 1), (4, 2), (3, 1)])
def test_basic_block_is_that_of_torch(torch, inplanes, stride):
    ours = resnet.BasicBlock(inplanes, 4, stride)
    assert_same_as_torch(ours, torch_basic(torch, inplanes, 4, stride), (2, inplanes, 7, 6))


@pytest.mark.parametrize(
    ("inplanes", "options", "width"),
    [
        (8, {}, 2),
        (8, {"stride": 2}, 2),
        (5, {"stride": 2, "v1": True}, 2),
        (5, {"groups": 2, "width_per_group": 96}, 6),
        (8, {"width_per_group": 128}, 4),
    ],
)
def test_bottleneck_is_that_of_torch(torch, inplanes, options, width):
    """``width``: channels of the 3x3, int(planes width_per_group / 64) groups."""
    ours = resnet.Bottleneck(inplanes, 2, **options)
    theirs = {k: v for k, v in options.items() if k != "width_per_group"}
    theirs = torch_bottleneck(torch, inplanes, 2, width=width, **theirs)
    assert_same_as_torch(ours, theirs, (2, inplanes, 6, 7))


@pytest.mark.parametrize(("inplanes", "stride"), [(4, 1), (4, 2), (3, 2)])
@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_cifar_block_is_that_of_torch(torch, inplanes, stride, shortcut, size):
    planes = 4 * stride
    ours = resnet_cifar.CifarBlock(inplanes, planes, stride, shortcut)
    new = planes - inplanes
    zeros = Zeros(torch, new // 2, new - new // 2) if shortcut == "A" and stride == 2 else None
    theirs = torch_basic(torch, inplanes, planes, stride, zeros)
    assert_same_as_torch(ours, theirs, (2, inplanes, *size))


@pytest.mark.parametrize(
    "block",
    [
        resnet.BasicBlock(3, 3),
        resnet.BasicBlock(3, 4, 2),
        resnet.Bottleneck(4, 1),
        resnet.Bottleneck(3, 2, 2, groups=2, v1=True),
        resnet_cifar.CifarBlock(3, 6, 2, "A"),
        resnet_cifar.CifarBlock(3, 6, 2, "B"),
    ],
    ids=["basic", "basic/2", "bottleneck", "bottleneck/2", "A", "B"],
)
def test_gradients_of_a_block(block):
    x = Tensor(RANDOM.standard_normal((2, block.conv1.in_channels, 5, 5)), requires_grad=True)
    assert gradcheck(block, x, max_entries=20, directions=4).ok


# Whole nets


@pytest.mark.parametrize("small", [False, True])
def test_resnet18_is_that_of_torch(torch, small):
    ours = resnet.resnet18(num_classes=3, in_channels=2, width_mult=1 / 16, small_images=small)
    blocks, inplanes = [], 4
    for planes, stride in ((4, 1), (8, 2), (16, 2), (32, 2)):
        blocks += [torch_basic(torch, inplanes, planes, stride)]
        blocks += [torch_basic(torch, planes, planes, 1)]
        inplanes = planes
    theirs = torch_net(torch, torch_stem(torch, 2, 4, small), blocks, 32, 3)
    size = 9 if small else 33
    assert_same_as_torch(ours, theirs, (3, 2, size, size), tolerance=1e-8)


def test_resnet_of_bottlenecks_is_that_of_torch(torch):
    ours = resnet.ResNet(
        resnet.Bottleneck, (1, 2, 1, 1), 3, width_mult=1 / 32, groups=2, width_per_group=32, v1=True
    )
    blocks, inplanes = [], 2
    for planes, stride, depth in ((2, 1, 1), (4, 2, 2), (8, 2, 1), (16, 2, 1)):
        for j in range(depth):
            step = 1 if j else stride
            blocks += [torch_bottleneck(torch, inplanes, planes, step, 2, planes, v1=True)]
            inplanes = 4 * planes
    theirs = torch_net(torch, torch_stem(torch, 3, 2, False), blocks, 64, 3)
    assert_same_as_torch(ours, theirs, (3, 3, 33, 33), tolerance=1e-8)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_resnet20_is_that_of_torch(torch, shortcut):
    ours = resnet_cifar.resnet20(shortcut=shortcut, width_mult=1 / 4, num_classes=3, in_channels=1)
    blocks, inplanes = [], 4
    for planes, stride in ((4, 1), (8, 2), (16, 2)):
        new = planes - inplanes
        zeros = Zeros(torch, new // 2, new // 2) if shortcut == "A" and new else None
        blocks += [torch_basic(torch, inplanes, planes, stride, zeros)]
        blocks += [torch_basic(torch, planes, planes, 1) for _ in range(2)]
        inplanes = planes
    theirs = torch_net(torch, torch_stem(torch, 1, 4, True), blocks, 16, 3)
    assert_same_as_torch(ours, theirs, (3, 1, 9, 9), tolerance=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        resnet.ResNet(resnet.BasicBlock, (1, 1, 1, 1), 3, width_mult=1 / 32, small_images=True),
        resnet.ResNet(resnet.Bottleneck, (1, 1, 1, 1), 3, width_mult=1 / 64, small_images=True),
        resnet_cifar.CifarResNet(1, 3, width_mult=1 / 4),
        resnet_cifar.CifarResNet(1, 3, width_mult=1 / 4, shortcut="B"),
    ],
    ids=["basic", "bottleneck", "cifar A", "cifar B"],
)
def test_gradients_of_a_whole_net(model):
    x = Tensor(RANDOM.standard_normal((3, 3, 9, 9)), requires_grad=True)
    assert gradcheck(model, x, max_entries=1, directions=3).ok


# Published counts

# He et al., 2016, section 4.2: parameters with shortcut A and B, millions of multiply-adds
CIFAR = {
    "resnet20": (269_722, 272_474, 40.55, 40.81),
    "resnet32": (464_154, 466_906, 68.86, 69.12),
    "resnet44": (658_586, 661_338, 97.17, 97.44),
    "resnet56": (853_018, 855_770, 125.49, 125.75),
    "resnet110": (1_727_962, 1_730_714, 252.89, 253.15),
}

# torchvision's `meta`: parameters, thousand millions of multiply-adds
IMAGENET = {
    resnet.resnet18: (11_689_512, 1.814),
    resnet.resnet34: (21_797_672, 3.664),
    resnet.resnet50: (25_557_032, 4.089),
    resnet.resnet101: (44_549_160, 7.801),
    resnet.resnet152: (60_192_808, 11.514),
    resnext.resnext50_32x4d: (25_028_904, 4.230),
    wide_resnet.wide_resnet50_2: (68_883_240, 11.398),
}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", CIFAR)
def test_published_counts_of_cifar_nets(name):
    build = getattr(resnet_cifar, name)
    with nn.init.skip():
        a, b = build(shortcut="A"), build(shortcut="B")
    assert parameters(build()) == parameters(a)  # the paper's choice is the default
    assert (parameters(a), parameters(b)) == CIFAR[name][:2]


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("name", CIFAR)
def test_published_multiply_adds_of_cifar_nets(name, shortcut):
    with nn.init.skip():
        model = getattr(resnet_cifar, name)(shortcut=shortcut)
    total = summary.total(summary.summarize(model, (1, 3, 32, 32)))
    assert f"{total.multiply_adds / 1e6:.2f}" == f"{CIFAR[name][2 + (shortcut == 'B')]}"


@pytest.mark.parametrize("build", IMAGENET, ids=lambda build: build.__name__)
def test_published_counts(build):
    with nn.init.skip():
        model = build()
    assert parameters(model) == IMAGENET[build][0]
    total = summary.total(summary.summarize(model, (1, 3, 224, 224)))
    assert f"{total.multiply_adds / 1e9:.3f}" == f"{IMAGENET[build][1]:.3f}"


# Options


def test_keys_of_cifar_nets():
    keys = list(resnet_cifar.resnet20(shortcut="B").state_dict())
    assert keys[0] == "conv1.weight" and keys[-2:] == ["fc.weight", "fc.bias"]
    assert "layer2.0.downsample.0.weight" in keys and "layer2.0.downsample.1.running_mean" in keys
    assert not any("downsample" in key for key in resnet_cifar.resnet20().state_dict())


def test_shortcut_a_keeps_every_second_pixel():
    x = RANDOM.standard_normal((2, 3, 5, 4))
    y = resnet_cifar.ZeroPadShortcut(3, 6, 2)(Tensor(x)).numpy()
    assert y.shape == (2, 6, 3, 2)
    assert np.array_equal(y[:, 1:4], x[:, :, ::2, ::2])
    assert not y[:, :1].any() and not y[:, 4:].any()


def test_other_shortcuts_are_refused():
    with pytest.raises(ValueError, match="CifarResNet: shortcut must be .A. or .B., got 'C'; A "):
        resnet_cifar.resnet20(shortcut="C")


def test_first_weights():
    """Paper's: variance 2 / fan_in; torchvision's: 2 / fan_out."""
    conv1 = resnet_cifar.resnet20().layer3[1].conv1.weight.numpy()
    assert abs(conv1.std() / np.sqrt(2 / (64 * 9)) - 1) < 0.05
    wide = resnet.resnet18(width_mult=1 / 4).layer3[0].conv1.weight.numpy()
    assert abs(wide.std() / np.sqrt(2 / (64 * 9)) - 1) < 0.05


@pytest.mark.parametrize("build", [resnet.resnet18, resnet.resnet50])
def test_zero_init_residual_starts_blocks_as_identities(build):
    model = build(width_mult=1 / 16, zero_init_residual=True)
    block, x = model.layer1[1], RANDOM.random((2, model.layer1[1].conv1.in_channels, 4, 4))
    with no_grad():
        assert np.array_equal(block(Tensor(x)).numpy(), x)
        plain = build(width_mult=1 / 16).layer1[1]
        assert not np.allclose(plain(Tensor(x)).numpy(), x)


def test_small_images():
    model = resnet.resnet18_cifar(width_mult=1 / 16)
    rows = {row.path: row.output_shape for row in summary.summarize(model, (1, 3, 32, 32))}
    assert rows["conv1"] == (1, 4, 32, 32) and rows["layer1.0.conv1"] == (1, 4, 32, 32)
    assert rows["layer4.1.conv2"] == (1, 32, 4, 4) and rows["fc"] == (1, 10)
    assert model.conv1.kernel_size == (3, 3)


def test_v1_halves_the_image_in_the_first_convolution():
    for v1, at in ((True, "conv1"), (False, "conv2")):
        block = resnet.Bottleneck(4, 2, 2, v1=v1)
        strides = {name: getattr(block, name).stride for name in ("conv1", "conv2", "conv3")}
        assert [name for name, stride in strides.items() if stride == (2, 2)] == [at]
