"""The gradient checker on Modules, and on all ops."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn, ops
from minicnn.testing import check_ops, examples, gradcheck, gradgradcheck

from .op_cases.run import NO_GRADIENT
from .test_gradcheck import leaf, planted


def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip


def test_a_module_is_checked_by_parameter_name_on_a_copy():
    minicnn.manual_seed(1)
    net = small_net()
    before = {k: v.copy() for k, v in net.state_dict().items()}
    x = Tensor(np.random.default_rng(0).standard_normal((2, 1, 4, 4), np.float32), True)
    report = gradcheck(net, x)
    names = [i.name for i in report.inputs]
    assert names == ["input 0", *(name for name, _ in net.named_parameters())]
    assert report.ok and gradgradcheck(net, x).ok
    after = net.state_dict()
    assert all((after[k] == v).all() and after[k].dtype == v.dtype for k, v in before.items())
    assert all(p.grad is None for p in net.parameters()) and net.training


def test_frozen_parameters_are_left_out():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    report = gradcheck(layer, Tensor(np.ones((4, 3), np.float32)))
    assert [i.name for i in report.inputs] == ["weight"]


def test_a_wrong_layer_is_named():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)
            self.scale = nn.Parameter(np.full(2, 2.0, np.float32))

        def forward(self, x):
            return self.fc(x) * planted(lambda s: s * 1, lambda gy, s: 2 * gy)(self.scale)

    report = gradcheck(Wrong(), leaf(4, 3), raise_exception=False)
    assert [i.name for i in report.inputs if not i.ok] == ["scale"]


@pytest.mark.parametrize("in_place", [True, False])
def test_buffers_are_the_same_in_every_evaluation(in_place):
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", Tensor(np.zeros(1, np.float32)))
            self.weight = nn.Parameter(np.ones(3, np.float32))

        def forward(self, x):
            if in_place:
                self.calls.data += 1
            else:
                self.calls = Tensor(self.calls.data + 1)
            return x * self.weight * self.calls.detach()

    net = Counter()
    assert gradcheck(net, leaf(3)).ok and gradgradcheck(net, leaf(3)).ok
    assert net.calls.item() == 0


# All ops


def test_check_ops_goes_over_every_op():
    found = {name: (first, second) for name, first, second in check_ops()}
    assert list(found) == list(examples()) and set(found) == set(ops.__all__)
    for name, (first, second) in found.items():
        if first is None:
            assert second is None and name in NO_GRADIENT
        else:
            assert first.ok and second.ok and first.what == f"gradcheck of {name}"
            assert sum(x.checked for x in first.inputs) > 0


def test_check_ops_of_some_names():
    assert [name for name, _, _ in check_ops(["tanh", "conv2d"])] == ["tanh", "conv2d"]
    with pytest.raises(ValueError, match="no op is called 'conv3d'"):
        list(check_ops(["conv3d"]))


@pytest.mark.parametrize("seed", range(6))
def test_rounding_before_a_normalization_is_no_kink(seed):
    """The gradient of what a normalization takes away is 0, but for its rounding."""

    def normalized(x, bias):
        z = x + bias
        centred = z - z.mean(0, keepdim=True)
        return ((centred / (centred * centred).mean(0, keepdim=True)) ** 3).sum()

    rng = np.random.default_rng(seed)
    inputs = Tensor(rng.standard_normal((7, 3)), True), Tensor(20 + rng.random(3), True)
    report = gradcheck(normalized, inputs)
    assert report.ok and not any(i.kinks for i in report.inputs)
