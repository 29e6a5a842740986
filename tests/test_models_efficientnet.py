"""EfficientNet: published figures, the same numbers as torch, stochastic depth, gradients."""

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, nn, no_grad, summary
from minicnn.models import efficientnet as models
from minicnn.summary import total
from minicnn.testing import gradcheck, gradgradcheck

from .test_models_mobilenet import torch_layer, torch_residual, torch_se
from .test_models_mobilenet_v1 import images
from .torch_parity import assert_same_as_torch
from .whole_nets import along_random_directions

# Image size, parameters, multiply-adds (millions), dropout: the model pages of torchvision.
PUBLISHED = [
    (models.efficientnet_b0, 224, 5_288_548, 386, 0.2),
    (models.efficientnet_b1, 240, 7_794_184, 687, 0.2),
    (models.efficientnet_b2, 288, 9_109_994, 1088, 0.3),
    (models.efficientnet_b3, 300, 12_233_232, 1827, 0.3),
    (models.efficientnet_b4, 380, 19_341_616, 4394, 0.4),
    (models.efficientnet_b5, 456, 30_389_784, 10266, 0.4),
    (models.efficientnet_b6, 528, 43_040_704, 19068, 0.5),
    (models.efficientnet_b7, 600, 66_347_960, 37746, 0.5),
]


@pytest.fixture
def t():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    return torch.nn


def torch_mbconv(t, c, out, expansion, kernel, stride):
    hidden = c * expansion
    layers = [torch_layer(t, c, hidden, 1, 1, 1, t.SiLU)] if expansion > 1 else []
    layers += [torch_layer(t, hidden, hidden, kernel, stride, hidden, t.SiLU)]
    layers += [torch_se(t, hidden, c // 4, t.SiLU(), t.Sigmoid())]
    layers += [torch_layer(t, hidden, out, 1, 1, 1, t.Identity)]
    return torch_residual(t, t.Sequential(*layers), stride == 1 and c == out)


@pytest.mark.parametrize(("build", "size", "parameters", "millions", "dropout"), PUBLISHED)
def test_published_figures(build, size, parameters, millions, dropout):
    with nn.init.skip():
        net = build()
    costs = total(summary.summarize(net, (1, 3, size, size)))
    assert costs.parameters == parameters
    assert round(costs.multiply_adds / 1e6) == millions
    assert net.classifier[0].p == dropout


@pytest.mark.parametrize("block", [(8, 8, 6, 3, 1), (8, 4, 2, 5, 2), (8, 8, 1, 3, 1)])
def test_blocks_are_torchs(t, block):
    assert_same_as_torch(models.MBConv(*block), torch_mbconv(t, *block), (3, 8, 7, 6))


@pytest.mark.parametrize(
    ("small_images", "strides"), [(False, (2, 2, 2, 2, 2)), (True, (1, 1, 2, 2, 2))]
)
def test_the_net_is_torchs(t, small_images, strides):
    """A quarter of B0's channels, to multiples of 8, and half of its blocks, rounded up."""
    stem, *halvings = strides
    layers, c = [torch_layer(t, 2, 8, 3, stem, 1, t.SiLU)], 8
    stages = [(8, 3, 1), (8, 3, 1), (16, 5, 1), (24, 3, 2), (32, 5, 2), (48, 5, 2), (80, 3, 1)]
    for i, (out, kernel, blocks) in enumerate(stages):
        for j in range(blocks):
            stride = halvings.pop(0) if j == 0 and i in (1, 2, 3, 5) else 1
            layers.append(torch_mbconv(t, c, out, 6 if i else 1, kernel, stride))
            c = out
    layers += [torch_layer(t, 80, 320, 1, 1, 1, t.SiLU), t.AdaptiveAvgPool2d(1), t.Flatten()]
    theirs = t.Sequential(*layers, t.Linear(320, 3))
    ours = models.EfficientNet(
        3, 2, width_mult=0.25, depth_mult=0.5, dropout=0, stochastic_depth_prob=0,
        small_images=small_images,
    )  # fmt: skip
    assert_same_as_torch(ours, theirs, (3, 2, *((18, 10) if small_images else (34, 40))))


@pytest.mark.parametrize("block", [(2, 2, 2, 3, 1), (2, 3, 1, 5, 2)])
def test_the_blocks_gradients(block):
    manual_seed(3)
    net = models.MBConv(*block)
    assert gradcheck(net, images(2, 2, 4, 4)).ok
    assert gradgradcheck(net, images(2, 2, 4, 4), max_entries=1, directions=3).ok


def test_gradients_with_stochastic_depth():
    manual_seed(3)
    assert gradcheck(models.MBConv(2, 2, 2, drop_path=0.5), images(4, 2, 3, 3)).ok


def test_the_nets_gradients():
    manual_seed(0)
    net = models.efficientnet_cifar(num_classes=3, in_channels=1, width_mult=0.1, depth_mult=0.5)
    run = along_random_directions(net, images(2, 1, 16, 16))
    assert gradcheck(run, Tensor(np.zeros(3), requires_grad=True)).ok


def test_stochastic_depth_skips_the_block_for_whole_samples_in_training():
    manual_seed(0)
    block = models.MBConv(4, 4, drop_path=0.25).double()
    x = images(400, 4, 3, 3)
    with no_grad():
        branch = block.block(x).numpy()
        added = block(x).numpy() - x.numpy()
        skipped = abs(added).max((1, 2, 3)) == 0
        assert 60 <= skipped.sum() <= 140  # 100 expected, with a standard deviation of 8.7
        np.testing.assert_allclose(added[~skipped], branch[~skipped] / 0.75, atol=1e-12)
        block.eval()
        np.testing.assert_allclose(block(x).numpy(), x.numpy() + block.block(x).numpy())


def test_stochastic_depth_grows_evenly():
    with nn.init.skip():
        net = models.efficientnet_b0()
    probabilities = [m.p for m in net.modules() if isinstance(m, nn.DropPath)]
    np.testing.assert_allclose(probabilities, 0.2 * np.arange(16) / 16)
    net = models.efficientnet_b0(width_mult=0.25, stochastic_depth_prob=0.5, depth_mult=0.5)
    probabilities = [m.p for m in net.modules() if isinstance(m, nn.DropPath)]
    np.testing.assert_allclose(probabilities, 0.5 * np.arange(10) / 10)


@pytest.mark.parametrize(("b", "eps", "momentum"), [(0, 1e-5, 0.1), (4, 1e-5, 0.1),
                                                    (5, 1e-3, 0.01), (7, 1e-3, 0.01)])  # fmt: skip
def test_batch_norms_are_torchvisions(b, eps, momentum):
    with nn.init.skip():
        net = getattr(models, f"efficientnet_b{b}")()
    norms = {(m.eps, m.momentum) for m in net.modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(eps, momentum)}


def test_options():
    net = models.efficientnet_cifar(width_mult=0.25, in_channels=1, dropout=0.4).eval()
    x = Tensor(np.zeros((1, 1, 32, 32), np.float32))
    with no_grad():
        assert net(x).shape == (1, 10)
        assert net.features(x).shape == (1, 320, 4, 4)
    assert net.classifier[0].p == 0.4
    head = models.efficientnet_b3(width_mult=0.25, num_classes=3)
    assert head.get_submodule(head.head_paths[0]).out_features == 3


def test_first_weights():
    manual_seed(1)
    net = models.efficientnet_b0()
    for conv in (net.features[6][1].block[1][0], net.features[6][1].block[2].fc1):
        o, _, kh, kw = conv.weight.shape
        assert conv.weight.numpy().std() == pytest.approx((2 / (o * kh * kw)) ** 0.5, rel=0.1)
    assert not net.features[6][1].block[2].fc1.bias.numpy().any()
    weight, bound = net.classifier[1].weight.numpy(), 1000**-0.5
    assert abs(weight).max() == pytest.approx(bound, rel=1e-3)
    assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert not net.classifier[1].bias.numpy().any()
