"""Every model against its published structure: names, shapes, counts, multiply-adds."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn import models, nn, summary

# Of every state-dict entry its name, shape and dtype, in order; torchvision's, and for MobileNet V1
# those that follow from table 1 of its paper.
SPEC = json.loads(gzip.decompress(Path(__file__).with_name("state_dicts.json.gz").read_bytes()))

# He et al., 2015, table 6, with option A, and with 1x1 convolutions as shortcuts (option B).
CIFAR_RESNETS = {
    "resnet20": (269_722, 272_474, 40.55, 40.81),
    "resnet32": (464_154, 466_906, 68.86, 69.12),
    "resnet44": (658_586, 661_338, 97.17, 97.44),
    "resnet56": (853_018, 855_770, 125.49, 125.75),
    "resnet110": (1_727_962, 1_730_714, 252.89, 253.15),
}

# Howard et al., 2017, tables 6 and 8: millions of multiply-adds and of parameters.
MOBILENET_V1 = {
    "mobilenet_v1": (569, 4.2), "mobilenet_v1_075": (325, 2.6), "mobilenet_v1_050": (149, 1.3),
    "mobilenet_v1_025": (41, 0.5),
}  # fmt: skip

# github.com/chenyaofo/pytorch-cifar-models: millions of parameters and of multiply-adds.
CHENYAOFO = {"vgg11_bn_cifar": (9.76, 153), "vgg16_bn_cifar": (15.25, 314),
             "mobilenet_v2_cifar": (2.24, 88)}  # fmt: skip


def build(name, **options):
    with nn.init.skip():
        return models.create(name, **options)


def parameters(model) -> int:
    return sum(p.numel() for p in model.parameters())


def multiply_adds(model, shape) -> int:
    return summary.total(summary.summarize(model, (1, *shape))).multiply_adds


@pytest.mark.parametrize("name", SPEC)
def test_state_dict(name):
    model = build(name)
    entries = [[key, list(x.shape), str(x.dtype)] for key, x in model.named_state()]
    assert entries == SPEC[name]["entries"]
    assert parameters(model) == SPEC[name]["parameters"]


@pytest.mark.parametrize("name", models.list())
def test_info_is_true(name):
    info, model = models.info(name), build(name)
    assert info.multiply_adds == multiply_adds(model, info.input_shape)
    auxiliary = SPEC[name]["parameters"] - SPEC[name]["published_parameters"] if name in SPEC else 0
    assert info.parameters == parameters(model) - auxiliary
    assert name == "mnist_cnn" or (info.paper and "http" not in info.paper)
    assert info.name == name and 1990 < info.year < 2030 and (info.top1 or 50) > 40


@pytest.mark.parametrize("name", SPEC)
def test_published_figures(name):
    info = models.info(name)
    assert info.parameters == SPEC[name]["published_parameters"]
    assert round(info.multiply_adds / 1e9, 3) == SPEC[name]["published_gmacs"]


@pytest.mark.parametrize("name", CIFAR_RESNETS)
def test_cifar_resnets(name):
    a, b, cost_a, cost_b = CIFAR_RESNETS[name]
    for shortcut, count, cost in (("A", a, cost_a), ("B", b, cost_b)):
        model = build(name, shortcut=shortcut)
        assert parameters(model) == count
        assert round(multiply_adds(model, (3, 32, 32)) / 1e6, 2) == cost


@pytest.mark.parametrize("name", MOBILENET_V1)
def test_mobilenet_v1(name):
    cost, count = MOBILENET_V1[name]
    info = models.info(name)
    assert (round(info.multiply_adds / 1e6), round(info.parameters / 1e6, 1)) == (cost, count)


@pytest.mark.parametrize("name", CHENYAOFO)
def test_cifar_nets(name):
    count, cost = CHENYAOFO[name]
    info = models.info(name)
    assert (round(info.parameters / 1e6, 2), round(info.multiply_adds / 1e6)) == (count, cost)


@pytest.mark.parametrize("name", models.list())
def test_every_model_takes_classes_and_channels(name):
    shape = models.input_shape(name)
    model = build(name, num_classes=7, in_channels=2).eval()
    y = model(nn.shape_input(model, (3, 2, *shape[1:])))
    assert y.shape == (3, 7) and model.num_classes == 7
    heads = list(model.head_layers())
    assert heads and all(head.weight.shape[0] == 7 for head in heads)


@pytest.mark.parametrize("name", models.list())
def test_a_wrong_option_is_refused(name):
    with pytest.raises(
        TypeError, match=f"options of {name} must be among .*num_classes.*got 'depht'"
    ):
        build(name, depht=3)


# The least image, torchvision's `min_size`.
SMALLEST = {"alexnet": 63, "vgg16": 32, "googlenet": 15, "inception_v3": 75, "densenet121": 29,
            "squeezenet1_0": 21, "squeezenet1_1": 17, "resnet18": 1, "mobilenet_v2": 1}  # fmt: skip


@pytest.mark.parametrize("name", SMALLEST)
def test_smallest_image(name):
    model, n = build(name).eval(), SMALLEST[name]
    assert model.smallest_input() == n
    assert model(nn.shape_input(model, (1, 3, n, n + 5))).shape == (1, 1000)
    if n > 1:
        rule = rf'in layer ".*images must be at least {n}x{n}, got {n - 1}x40; enlarge them'
        with pytest.raises(ValueError, match=rule):
            model(nn.shape_input(model, (1, 3, n - 1, 40)))


def test_a_net_for_one_size_names_it():
    for name, channels, size in (
        ("lenet5", 1, 28),
        ("mnist_cnn", 1, 28),
        ("vit_tiny_cifar", 3, 32),
    ):
        model = build(name)
        assert model.smallest_input(channels) == size
        rule = rf"images must be \(N, C, {size}, {size}\), got \(1, {channels}, 9, 9\); resize"
        with pytest.raises(ValueError, match=rule):
            model(x=np.zeros((1, channels, 9, 9), np.float32))


@pytest.mark.parametrize("name", ["googlenet_cifar", "densenet_cifar", "efficientnet_cifar"])
def test_a_refused_image_leaves_the_net_as_it_was(name):
    """Also in training mode, where batch norms move their estimates and dropout draws."""
    model = models.create(name).train()
    before, state = model.state_dict(), minicnn.random.get_state()
    assert 1 <= model.smallest_input() <= 32
    with pytest.raises(ValueError):
        model(np.zeros((2, 3, 0, 3), np.float32))
    after = model.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert all(type(x.data) is np.ndarray for _, x in model.named_state())
    assert str(state) == str(minicnn.random.get_state())
    assert all(module.training for module in model.modules())


def test_training_mode_asks_for_larger_images_where_there_are_auxiliary_heads():
    model = build("inception_v3", width_mult=0.125)
    assert (model.eval().smallest_input(), model.train().smallest_input()) == (75, 299)
    inside = nn.Sequential(model)
    with pytest.raises(
        ValueError, match="Inception3: images must be at least 299x299, got 200x200"
    ):
        inside(np.zeros((2, 3, 200, 200), np.float32))


def test_shapes_alone_never_reach_running_estimates():
    model = models.create("resnet20", width_mult=0.25).train()
    model(nn.shape_input(model, (2, 3, 32, 32)))
    mean = model.bn1.running_mean.data
    assert type(mean) is np.ndarray and not mean.any()


def test_any_image_size():
    """Adaptive pooling lets AlexNet and VGG take other sizes than 224."""
    for name in ("alexnet", "vgg11"):
        model = build(name, width_mult=0.125).eval()
        assert model(np.zeros((1, 3, 97, 130), np.float32)).shape == (1, 1000)
