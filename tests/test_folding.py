"""fuse: a fused network computes what the network computes, and says so where it cannot."""

import copy
import pickle

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, fuse, models, nn, no_grad, ops, summary
from minicnn.nn.folded import FoldedConv2d

NARROW = {"num_classes": 5, "width_mult": 0.25}
FAMILIES = {  # name: options, images (N, C, H, W)
    "lenet5": ({}, (2, 1, 28, 28)),
    "mnist_cnn": ({}, (2, 1, 28, 28)),
    "alexnet_cifar": (NARROW, (2, 3, 32, 32)),
    "vgg11_bn_cifar": (NARROW, (2, 3, 32, 32)),
    "googlenet": (NARROW, (1, 3, 64, 64)),
    "inception_v3_cifar": ({"num_classes": 5}, (2, 3, 32, 32)),
    "resnet20": ({}, (3, 3, 32, 32)),
    "resnet18": (NARROW, (1, 3, 64, 64)),
    "resnet50": (NARROW, (2, 3, 33, 47)),
    "resnext50_32x4d": ({"num_classes": 5}, (1, 3, 32, 32)),
    "densenet_cifar": (NARROW, (2, 3, 32, 32)),
    "squeezenet_cifar": (NARROW, (2, 3, 32, 32)),
    "mobilenet_v1_cifar": (NARROW, (2, 3, 32, 32)),
    "mobilenet_v2": (NARROW, (2, 3, 64, 64)),
    "mobilenet_v3_cifar": (NARROW, (2, 3, 32, 32)),
    "efficientnet_cifar": (NARROW, (2, 3, 32, 32)),
    "vit_tiny_cifar": ({}, (2, 3, 32, 32)),
}
# After a concatenation (of each dense layer the first, of each fire), and in auxiliary heads.
NORMS_THAT_STAY = {"densenet_cifar": 48 + 3, "googlenet": 2, "squeezenet_cifar": 8}


def images(*shape, dtype=np.float32):
    return Tensor(np.random.default_rng(3).standard_normal(shape).astype(dtype))


def used(net):
    """The net as after training: norms with statistics and weights of their own, in eval mode."""
    rng = np.random.default_rng(5)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            c = module.num_features
            module.running_mean.data[...] = rng.normal(0, 0.2, c)
            module.running_var.data[...] = rng.uniform(0.5, 2, c)
            module.weight.data[...] = rng.uniform(0.7, 1.5, c)
            module.bias.data[...] = rng.normal(0, 0.3, c)
        elif isinstance(module, nn.Linear) and not module.weight.data.any():
            module.weight.data[...] = rng.normal(0, 0.1, module.weight.shape)
    return net.eval()


def result(net, x):
    with no_grad():
        return np.asarray(net(x).data)


def difference(net, fused, x):
    """The largest difference, in units of the largest result."""
    y = result(net, x)
    return abs(result(fused, x) - y).max() / abs(y).max()


def folded(net):
    return [m for m in net.modules() if isinstance(m, FoldedConv2d)]


def small_net():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
        nn.DepthwiseConv2d(5, 3, 2), nn.BatchNorm2d(10), nn.ReLU6(),
        nn.Conv2d(10, 4, 1, stride=2), nn.BatchNorm2d(4), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 2, groups=2), nn.ReLU(),
    )  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_the_same_fused(name):
    options, shape = FAMILIES[name]
    minicnn.manual_seed(0)
    net = used(models.create(name, **options))
    fused = fuse(net)
    left = sum(isinstance(m, nn.BatchNorm2d) for m in fused.modules())
    assert left == NORMS_THAT_STAY.get(name, 0)
    assert difference(net, fused, images(*shape)) < 1e-5


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "efficientnet_cifar"])
def test_in_float64(name):
    options, shape = FAMILIES[name]
    net = used(models.create(name, **options)).double()
    x = images(*shape, dtype=np.float64)
    fused = fuse(net)
    assert result(fused, x).dtype == np.float64
    assert difference(net, fused, x) < 1e-12


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2"])
def test_on_the_numpy_kernels(name):
    options, shape = FAMILIES[name]
    net, x = used(models.create(name, **options)), images(*shape)
    y, fused = result(net, x), fuse(net)
    with minicnn.use_kernels("numpy"):
        assert abs(result(fused, x) - y).max() < 1e-5 * abs(y).max()


def test_against_torch():
    torch = pytest.importorskip("torch", reason="the peer of this test")
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    net = used(nn.Sequential(nn.Conv2d(3, 7, 3, 2, 1), nn.BatchNorm2d(7, eps=0.01)))
    theirs = torch.nn.Conv2d(3, 7, 3, 2, 1), torch.nn.BatchNorm2d(7, eps=0.01)
    for key, value in net.state_dict().items():
        layer, _, name = key.partition(".")
        getattr(theirs[int(layer)], name).data = torch.from_numpy(value)
    wanted = fuse_conv_bn_eval(theirs[0].eval(), theirs[1].eval())
    (ours,) = folded(fuse(net))
    np.testing.assert_allclose(ours.weight.data, wanted.weight.detach(), rtol=1e-6)
    np.testing.assert_allclose(ours.bias.data, wanted.bias.detach(), rtol=1e-5, atol=1e-6)


def test_a_norm_goes_into_the_convolution_before_it():
    fused = fuse(used(small_net()))
    kinds = [type(layer).__name__ for layer in fused]
    assert kinds == [
        "Identity", "FoldedConv2d", "ReLU", "Identity", "FoldedConv2d", "ReLU6",
        "Identity", "FoldedConv2d", "MaxPool2d", "FoldedConv2d", "ReLU",
    ]  # fmt: skip
    assert len(list(fused.parameters())) == 0


def test_the_model_is_left_as_it_is():
    net = used(small_net()).train()
    before = {key: value.copy() for key, value in net.state_dict().items()}
    fused = fuse(net, (1, 3, 16, 16))
    assert net.training and all(m.training for m in net.modules())
    assert all(p.requires_grad for p in net.parameters())
    assert not any(m._hooks.before or m._hooks.after for m in (*net.modules(), *fused.modules()))
    for layer in folded(fused):
        layer.weight.data[...] = 0
    assert all((net.state_dict()[key] == value).all() for key, value in before.items())


def test_fused_twice():
    net, x = used(small_net()), images(2, 3, 16, 16)
    fused = fuse(net)
    again = fuse(fused)
    assert again is not fused
    assert (result(again, x) == result(fused, x)).all()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies(twin):
    fused, x = fuse(used(small_net())), images(2, 3, 16, 16)
    y = result(fused, x)
    assert (result(twin(fused), x) == y).all()


def test_the_state_of_one_can_be_loaded_into_another():
    """Also into one that has been used, so that its kernels have packed other weights."""
    x, net = images(2, 3, 16, 16), used(small_net())
    fused, other = fuse(net), fuse(used(small_net()))
    assert difference(fused, other, x) > 0.01
    other.load_state_dict(fused.state_dict())
    assert difference(fused, other, x) == 0


class Twice(nn.Module):
    """One convolution, or one norm, that is called twice."""

    def __init__(self, shared):
        super().__init__()
        self.shared = shared
        self.conv, self.conv2 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.bn, self.bn2, self.relu = nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.ReLU()

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        conv = self.conv if self.shared == "conv" else self.conv2
        bn = self.bn if self.shared == "bn" else self.bn2
        return self.relu(bn(conv(x)))


@pytest.mark.parametrize("shared", ["conv", "bn", "relu"])
def test_shared_layers(shared):
    net, x = used(Twice(shared)), images(2, 3, 8, 8)
    fused = fuse(net)
    assert len(folded(fused)) == {"conv": 0, "bn": 2, "relu": 2}[shared]
    assert difference(net, fused, x) < 1e-5


class Elsewhere(nn.Module):
    """The convolution's output is wanted a second time."""

    def __init__(self, where):
        super().__init__()
        self.conv, self.bn, self.where = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), where

    def forward(self, x):
        y = self.conv(x)
        if self.where == "added":
            return self.bn(y) + y
        if self.where == "returned":
            return {"y": [self.bn(y), y]}["y"]
        return ops.relu(y) * self.bn(y)


@pytest.mark.parametrize("where", ["added", "returned", "first"])
def test_an_output_with_a_second_use(where):
    net, x = used(Elsewhere(where)), images(2, 3, 8, 8)
    fused = fuse(net)
    assert isinstance(fused.bn, nn.BatchNorm2d)
    ours, theirs = (n(x) if where == "returned" else [n(x)] for n in (fused, net))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-5)


def test_watched_layers_stay():
    net, seen = used(small_net()), []
    net[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    net[4].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    fused = fuse(net)
    seen.clear()  # fuse has run the model
    kinds = [type(layer).__name__ for layer in fused][:5]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "FoldedConv2d", "BatchNorm2d"]
    x = images(2, 3, 16, 16)
    assert difference(net, fused, x) < 1e-5
    assert len(seen) == 4


def test_a_hook_on_a_fused_layer_sees_its_result():
    fused, seen, x = fuse(used(small_net())), [], images(2, 3, 16, 16)
    y = result(fused, x)
    fused[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    np.testing.assert_allclose(result(fused, x), y, rtol=1e-5, atol=1e-6)
    assert seen[0].data.min() < 0, "before the ReLU"


class Block(nn.Module):
    """A residual block whose shortcut has other sizes than what it is added to."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.shortcut = nn.AdaptiveAvgPool2d(1)
        self.widen = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))

    def forward(self, x):
        shortcut = nn.Sequential(self.shortcut, self.widen)
        return nn.blocks.norm_add_act(self.bn, shortcut, self.relu, self.conv(x), x)


def test_a_residual_that_broadcasts():
    net, x = used(Block()), images(2, 3, 8, 8)
    assert difference(net, fuse(net), x) < 1e-5


def test_residuals_and_activations_go_into_the_convolutions(monkeypatch):
    fused, seen = fuse(models.create("resnet50", **NARROW)), []
    forward = FoldedConv2d.forward

    def watch(self, x, residual=None, activation=None):
        seen.append((residual is not None, activation))
        return forward(self, x, residual, activation)

    monkeypatch.setattr(FoldedConv2d, "forward", watch)
    result(fused, images(1, 3, 32, 32))
    blocks = 3 + 4 + 6 + 3
    assert seen.count((True, "relu")) == blocks
    assert seen.count((False, "relu")) == 1 + 2 * blocks
    assert seen.count((False, None)) == 4  # shortcuts


def test_modules_in_lists_tuples_and_dicts():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [(nn.Conv2d(3, 4, 3), {"bn": nn.BatchNorm2d(4)})]
            self._pair = models.mobilenet_v3.Row(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2), 0, 0, 0, 0)
            self.whole = self  # a module may know those above it

        def forward(self, x):
            (conv, named), *_ = self.layers
            return self._pair.expanded(self._pair.kernel(named["bn"](conv(x))))

    net, x = used(Holder()), images(2, 3, 8, 8)
    fused = fuse(net)
    assert len(folded(fused)) == 2
    assert difference(net, fused, x) < 1e-5


def test_gradients_of_the_input():
    """As Grad-CAM and adversarial examples need them; by central differences in float64."""
    net = used(nn.Sequential(small_net()[:8])).double()
    fused = fuse(net, (1, 3, 9, 9))
    x = Tensor(images(2, 3, 9, 9, dtype=np.float64).data, requires_grad=True)
    w = images(*fused(x).shape, dtype=np.float64).data
    (fused(x) * w).sum().backward()
    step = np.random.default_rng(1).standard_normal(x.shape)
    ends = [float((result(fused, Tensor(x.data + e * step)) * w).sum()) for e in (1e-6, -1e-6)]
    np.testing.assert_allclose((x.grad.data * step).sum(), (ends[0] - ends[1]) / 2e-6, rtol=1e-5)


def test_a_gradient_of_the_residual():
    layer = fuse(nn.Sequential(nn.Conv2d(3, 4, 1)))[0]
    x, r = images(2, 3, 4, 4), Tensor(images(2, 4, 4, 4).data, requires_grad=True)
    layer(x, r, "relu").sum().backward()
    np.testing.assert_array_equal(r.grad.data, layer(x, r, "relu").data > 0)


def test_nan_and_infinity_stay():
    net = used(nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU6()))
    x = images(1, 2, 6, 6)
    x.data[0, 0, 1, 1], x.data[0, 1, 4, 4] = np.nan, np.inf
    np.testing.assert_array_equal(np.isnan(result(fuse(net), x)), np.isnan(result(net, x)))
    net[1].weight.data[...] = np.inf  # times the zeros of the padding
    with np.errstate(invalid="ignore"):
        assert np.isnan(result(fuse(net), x)).all()


def test_no_images():
    fused = fuse(used(small_net()))
    assert result(fused, images(0, 3, 16, 16)).shape == (0, 4, 2, 2)


def test_a_net_without_convolutions():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert difference(net, fuse(net), images(4, 3)) == 0


def test_a_norm_without_running_statistics_stays():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    fused, x = fuse(net), images(2, 3, 5, 5)
    assert isinstance(fused[1], nn.BatchNorm2d)
    assert difference(net, fused, x) < 1e-6


def test_a_norm_without_weights():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False)).eval()
    net[1].running_mean.data[...], net[1].running_var.data[...] = 0.3, 2.0
    assert difference(net, fuse(net), images(2, 3, 5, 5)) < 1e-6


def test_the_summary_of_a_fused_net():
    fused, net = fuse(used(small_net())), small_net()
    rows, wanted = (summary.summarize(n, (1, 3, 16, 16)) for n in (fused, net))
    assert summary.total(rows).multiply_adds == summary.total(wanted).multiply_adds
    assert rows[-1].output_shape == wanted[-1].output_shape


def test_messages():
    fused = fuse(used(small_net()))
    with pytest.raises(ValueError, match=r"with C=3, got \(1, 4, 16, 16\).*in layer"):
        fused(images(1, 4, 16, 16))
    with pytest.raises(ValueError, match=r"window 3 does not fit .*in layer"):
        fused(images(1, 3, 2, 16))
    with pytest.raises(TypeError, match="must be floating-point"):
        fused(Tensor(np.ones((1, 3, 16, 16), np.int64)))
    with pytest.raises(RuntimeError, match="must be in eval mode, got train"):
        fused.train()(images(1, 3, 16, 16))
    oblong = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 8 * 38, 2))
    with pytest.raises(ValueError, match=r"give input_shape=\(1, C, H, W\)"):
        fuse(oblong)
    assert len(folded(fuse(oblong, (1, 1, 10, 40)))) == 1
