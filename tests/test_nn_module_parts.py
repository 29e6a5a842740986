"""Module: circles of modules, buffers that must stay buffers, odd state dicts."""

import numpy as np
import pytest

from minicnn import Tensor, nn


class Child(nn.Module):
    def __init__(self, parent):
        super().__init__()
        self.linear = nn.Linear(2, 2, bias=False)
        self.above = [parent]


class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.ones(2))
        self.a = Child(self)
        self.b = Child(self)
        self.again = self.a


def test_a_circle_of_modules_ends_and_shared_ones_keep_all_keys():
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    net = Parent()
    theirs = torch.nn.Module()
    for name in ("a", "b"):
        theirs.add_module(name, torch.nn.Module())
        theirs.get_submodule(name).linear = torch.nn.Linear(2, 2, bias=False)
        theirs.get_submodule(name).above = torch.nn.ModuleList([theirs])
    names = [name for name, _ in theirs.named_modules() if not name.endswith("above")]
    assert [name for name, _ in net.named_modules()] == names
    assert len(list(net.modules())) == 5
    keys = ["scale", "a.linear.weight", "b.linear.weight"]
    assert [name for name, _ in net.named_parameters()] == keys
    assert list(net.state_dict()) == [*keys, "again.linear.weight"]
    net.load_state_dict(net.state_dict())
    assert not any(module.training for module in net.eval().modules())


@pytest.mark.parametrize("value", [np.zeros(2), [0.0, 0.0], 0.0])
def test_a_buffer_stays_a_tensor_or_none(value):
    norm = nn.BatchNorm1d(2)
    with pytest.raises(TypeError, match="BatchNorm1d: running_mean is a buffer and must stay .*"
                                        f"got {type(value).__name__}; assign Tensor"):  # fmt: skip
        norm.running_mean = value
    assert norm.state_dict()["running_mean"].shape == (2,)
    norm.running_mean = Tensor(np.ones(2))
    np.testing.assert_array_equal(norm.state_dict()["running_mean"], [1, 1])
    norm.running_mean = None
    assert "running_mean" not in norm.state_dict()


def test_a_deleted_buffer_is_forgotten():
    norm = nn.BatchNorm1d(2)
    del norm.running_mean
    assert list(norm.state_dict()) == ["weight", "bias", "running_var", "num_batches_tracked"]
    norm.running_mean = "free"
    with pytest.raises(AttributeError, match="nothing"):
        del norm.nothing


@pytest.mark.parametrize("name", ["", "a.b", "."])
def test_a_buffer_has_a_name_of_one_part(name):
    module = nn.Identity()
    with pytest.raises(ValueError, match="register_buffer: a name must not be empty or have a dot"):
        module.register_buffer(name, Tensor([1.0]))
    assert module.state_dict() == {}


def test_ragged_values_are_named():
    layer = nn.Linear(2, 2)
    state, ragged = layer.state_dict(), [[1.0], [1.0, 2.0]]
    with pytest.raises(ValueError, match="unexpected: extra a list of rows of unequal length"):
        layer.load_state_dict(state | {"extra": ragged})
    assert layer.load_state_dict(state | {"extra": ragged}, strict=False)[1] == ["extra"]
    with pytest.raises(TypeError, match="weight must be numbers, got a list of rows of unequal"):
        layer.load_state_dict(state | {"weight": ragged})
