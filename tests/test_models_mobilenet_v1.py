"""MobileNet V1: the paper's figures, the same numbers as torch, Google's conventions, gradients."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models.mobilenet_v1 import (
    DepthwiseSeparable,
    MobileNetV1,
    from_keras,
    mobilenet_v1,
    mobilenet_v1_025,
    mobilenet_v1_050,
    mobilenet_v1_075,
    mobilenet_v1_cifar,
)
from minicnn.summary import total
from minicnn.testing import gradcheck

from .torch_parity import assert_same_as_torch
from .whole_nets import along_random_directions

# Multiply-adds and parameters in millions: the paper's tables 4 and 6.
PAPER = {mobilenet_v1: (569, 4.2), mobilenet_v1_075: (325, 2.6), mobilenet_v1_050: (149, 1.3),
         mobilenet_v1_025: (41, 0.5)}  # fmt: skip


def images(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


@pytest.fixture
def t():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    return torch.nn


def torch_layers(t, c, out, kernel, stride, groups, tensorflow):
    """A convolution, batch norm and ReLU of torch.nn; ZeroPad2d has left, right, top, bottom."""
    pad = (0, 1, 0, 1) if tensorflow and stride == 2 else (kernel // 2,) * 4
    conv = t.Conv2d(c, out, kernel, stride, groups=groups, bias=False)
    eps, act = (1e-3, t.ReLU6()) if tensorflow else (1e-5, t.ReLU())
    return [t.ZeroPad2d(pad), conv, t.BatchNorm2d(out, eps), act]


def torch_pair(t, c, out, stride, tensorflow):
    depthwise = torch_layers(t, c, c, 3, stride, c, tensorflow)
    return [*depthwise, *torch_layers(t, c, out, 1, 1, 1, tensorflow)]


@pytest.mark.parametrize("tensorflow", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_pair_is_torchs(t, stride, tensorflow):
    theirs = t.Sequential(*torch_pair(t, 3, 5, stride, tensorflow))
    assert_same_as_torch(DepthwiseSeparable(3, 5, stride, tensorflow), theirs, (4, 3, 8, 10))


@pytest.mark.parametrize(
    ("small_images", "tensorflow", "strides", "size"),
    [(False, False, (2, 2, 2, 2, 2), (34, 40)), (True, True, (1, 1, 2, 2, 2), (18, 10))],
)
def test_the_net_is_torchs(t, small_images, tensorflow, strides, size):
    stem, *halvings = strides
    layers, channels = torch_layers(t, 2, 4, 3, stem, 1, tensorflow), 4
    for out, repeats in ((8, 1), (16, 2), (32, 2), (64, 6), (128, 2)):
        for j in range(repeats):
            stride = halvings.pop(0) if out > 8 and j == 0 else 1
            layers += torch_pair(t, channels, out, stride, tensorflow)
            channels = out
    tail = [t.AdaptiveAvgPool2d(1), t.Flatten(), t.Linear(channels, 7)]
    ours = MobileNetV1(7, 2, width_mult=0.125, small_images=small_images, tensorflow=tensorflow)
    assert_same_as_torch(ours, t.Sequential(*layers, *tail), (3, 2, *size))


@pytest.mark.parametrize("build", PAPER)
def test_the_papers_parameters_and_multiply_adds(build):
    with nn.init.skip():
        costs = total(summary.summarize(build(), (1, 3, 224, 224)))
    millions, parameters = PAPER[build]
    assert costs.multiply_adds == pytest.approx(millions * 1e6, abs=0.6e6)
    assert round(costs.parameters / 1e6, 1) == parameters


def test_published_parameter_counts():
    # Keras counts the batch norms' statistics as well: 4,253,864 and 475,544.
    for build, published in ((mobilenet_v1, 4_253_864), (mobilenet_v1_025, 475_544)):
        with nn.init.skip():
            net = build()
        statistics = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
        assert sum(p.numel() for p in net.parameters()) == published - statistics


@pytest.mark.parametrize("tensorflow", [False, True])
def test_a_pairs_gradients(tensorflow):
    manual_seed(3)
    block = DepthwiseSeparable(3, 4, 2, tensorflow)
    assert gradcheck(block, images(3, 3, 6, 6)).ok


def test_the_nets_gradients():
    manual_seed(0)
    net = MobileNetV1(3, 1, width_mult=0.125, small_images=True)
    run = along_random_directions(net, images(2, 1, 16, 16))
    assert gradcheck(run, Tensor(np.zeros(3), requires_grad=True)).ok


def keras_state(net: MobileNetV1) -> dict[str, np.ndarray]:
    """Random arrays with the names of Keras, in its order, for the layers of ``net``."""
    rng = np.random.default_rng(5)
    layers = [net.features[0]]
    names = ["conv1"]
    for i, pair in enumerate(list(net.features)[1:], 1):
        layers += [pair[:3], pair[3:]]
        names += [f"conv_dw_{i}", f"conv_pw_{i}"]
    state = {}
    for name, layer in zip(names, layers, strict=True):
        state[f"{name}.weight"] = rng.standard_normal(layer[0].weight.shape)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}_bn.{kind}"] = rng.uniform(0.5, 1, layer[1].weight.shape)
    state["conv_preds.weight"] = rng.standard_normal((*net.classifier.weight.shape, 1, 1))
    state["conv_preds.bias"] = rng.standard_normal(net.classifier.bias.shape)
    return state


def test_weights_under_keras_names():
    net = mobilenet_v1_025(num_classes=9, tensorflow=True).double().eval()
    state = keras_state(net)
    assert len(state) == 137  # as the published file has
    missing, unexpected = net.load_state_dict(from_keras(state), strict=False)
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing)
    own = net.state_dict()
    for ours, theirs in (
        ("features.0.0.weight", "conv1.weight"),
        ("features.0.1.running_var", "conv1_bn.running_var"),
        ("features.2.0.weight", "conv_dw_2.weight"),
        ("features.13.4.running_mean", "conv_pw_13_bn.running_mean"),
        ("classifier.bias", "conv_preds.bias"),
    ):
        assert np.array_equal(own[ours], state[theirs])
    x = images(1, 3, 32, 32)
    with no_grad():
        features = net.avgpool(net.features(x)).numpy()[0, :, 0, 0]
        logits = net(x).numpy()[0]
    expected = np.einsum("kcij,c->k", state["conv_preds.weight"], features)
    np.testing.assert_allclose(logits, expected + state["conv_preds.bias"], rtol=1e-10)


def test_other_names_are_refused():
    state = keras_state(mobilenet_v1_025(num_classes=2))
    with pytest.raises(ValueError, match=r"from_keras: names must be .*conv_dw_1.*'fc\.weight'"):
        from_keras(state | {"fc.weight": np.zeros((2, 2))})


def test_options():
    net = mobilenet_v1_cifar(width_mult=0.25, in_channels=1, dropout=0.3)
    assert net.dropout.p == 0.3
    assert net.eval()(Tensor(np.zeros((2, 1, 32, 32), np.float32))).shape == (2, 10)
    assert net.features(Tensor(np.zeros((1, 1, 32, 32), np.float32))).shape == (1, 256, 4, 4)
    assert mobilenet_v1_cifar(width_mult=0.25, num_classes=3).classifier.out_features == 3
    assert [net.get_submodule(path) for path in net.head_paths] == [net.classifier]


def test_first_weights():
    """He et al. by fan-out: variance 2 / (kh kw O), O being all channels for a depthwise layer."""
    manual_seed(1)
    net = mobilenet_v1_050()
    for layer, fan_out in ((net.features[12][0], 9 * 256), (net.features[12][3], 512)):
        assert layer.weight.numpy().std() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert net.classifier.weight.numpy().std() == pytest.approx(0.01, rel=0.05)
    assert not net.classifier.bias.numpy().any()
