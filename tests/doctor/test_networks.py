"""A whole network, layer by layer: the first layer at fault is named, and no right one is."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn
from minicnn.cli.narrowing import narrowed
from minicnn.tensor import record
from minicnn.testing.doctor.networks import check_layers, layer_calls


def images(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def wrong_from_here(module, factor):
    """Let a module's forward record a rule that is wrong by a factor."""
    right = module.forward

    def forward(x):
        y = right(x)
        return record("planted", y.data.copy(), (y,), lambda gy: gy * factor)

    module.forward = forward


def checked(model, x):
    return {check.layer.path: check for check in check_layers(layer_calls(model, x))}


@pytest.fixture(scope="module")
def mobile():
    return narrowed("mobilenet_v2", None)


def test_a_right_network_is_right():
    small = narrowed("resnet20", (3, 8, 8))
    found = list(check_layers(layer_calls(small.model, images(*small.shape))))
    assert all(check.ok and not check.skipped for check in found)
    assert found[0].layer.path == "conv1" and found[-1].layer.path == ""
    assert found[0].diagnosis.parts == {"gx": "ok", "gweight": "ok"}
    assert all("not checked" not in check.diagnosis.parts.values() for check in found)


def test_every_call_is_there_in_the_order_of_execution(mobile):
    calls = layer_calls(mobile.model, images(*mobile.shape))
    layers = [call.path for call in calls if call.is_layer]
    assert layers[:3] == ["features.0.0", "features.0.1", "features.0.2"]
    assert layers[-1] == "classifier.1"
    blocks = [call.path for call in calls if not call.is_layer]
    assert blocks.index("features.2") < blocks.index("features.3") and blocks[-1] == ""
    assert not any(m._hooks.before or m._hooks.after for m in mobile.model.modules())


def test_a_layer_that_is_used_twice_has_two_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.Tanh()
            self.fc = nn.Linear(3, 3)

        def forward(self, x):
            return self.act(self.fc(self.act(x)))

    names = [str(call) for call in layer_calls(Twice(), images(2, 3))]
    assert names == ["act Tanh", "fc Linear", "act Tanh (call 2)", "(net) Twice"]


@pytest.mark.parametrize("path", ["0", "2", "4.1"])
def test_a_planted_layer_is_named_and_no_other(path):
    minicnn.manual_seed(0)
    inner = nn.Sequential(nn.ReLU(), nn.Linear(4 * 36, 5))
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), inner)
    wrong_from_here(net.get_submodule(path), -1.0)
    found = checked(net, images(3, 3, 8, 8))
    wrong = [check for check in found.values() if not check.ok]
    assert wrong[0].layer.path == path
    assert wrong[0].diagnosis.verdict.bug == "ratio:-1"
    assert [check.layer.is_layer for check in wrong] == [True, False]  # and the whole network


def test_a_block_whose_layers_are_right_is_named_with_its_op():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            y = self.conv(x)
            return record("my_add", x.data + y.data, (x, y), lambda gy: (gy, gy * 2.0))

    net = nn.Sequential(nn.Conv2d(3, 3, 3), Residual(), nn.ReLU())
    found = checked(net, images(2, 3, 6, 6))
    wrong = [check for check in found.values() if not check.ok]
    assert [check.layer.path for check in wrong] == ["1", ""]
    assert "of 3 random directions differ" in wrong[0].diagnosis.verdict.evidence
    assert any("`my_add`" in note for note in wrong[0].diagnosis.notes)


def test_a_rule_that_raises_is_named():
    class Broken(nn.Module):
        def forward(self, x):
            return record("broken", x.data * 1.0, (x,), lambda gy: Tensor(gy.data[0]))

    found = checked(nn.Sequential(nn.Linear(3, 3), Broken()), images(2, 3))
    assert found["0"].ok and found["1"].diagnosis.verdict.bug == "wrong-shape"
    assert not found[""].ok


def test_the_model_is_not_touched():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {k: v.copy() for k, v in net.state_dict().items()}
    assert all(check.ok for check in check_layers(layer_calls(net, images(2, 3, 5, 5))))
    after = net.state_dict()
    assert all((after[k] == v).all() and after[k].dtype == v.dtype for k, v in before.items())


@pytest.mark.parametrize(
    "name", ["alexnet", "lenet5_small", "mobilenet_v1_025", "resnet152", "vit_b_16"]
)
def test_models_are_narrowed(name):
    small = narrowed(name, None)
    assert small.shape[0] == 3 and f"input {'x'.join(map(str, small.shape))}" in small.text
    assert sum(p.numel() for p in small.model.parameters()) < 5_000_000, small.text
