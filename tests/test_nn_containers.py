"""Sequential and ModuleList."""

import numpy as np
import pytest

from minicnn import Tensor, nn


def test_sequential_calls_one_after_the_other():
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    x = Tensor(np.ones((4, 2), np.float32))
    y = nn.Sequential(first, nn.ReLU(), second)(x)
    np.testing.assert_array_equal(y.numpy(), second(first(x).relu()).numpy())
    assert nn.Sequential()(x) is x


def test_sequential_is_indexed_sliced_and_iterated():
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.Sigmoid()]
    net = nn.Sequential(*layers)
    assert len(net) == 4
    assert list(net) == layers
    assert net[0] is layers[0]
    assert net[-1] is layers[3]
    with pytest.raises(IndexError):
        net[4]
    tail = net[2:]
    assert isinstance(tail, nn.Sequential)
    assert list(tail) == layers[2:]
    assert list(tail.state_dict()) == ["2.weight", "2.bias"]
    assert net.append(nn.Tanh()) is net
    assert [name for name, _ in net.named_children()] == ["0", "1", "2", "3", "4"]
    net[-1] = nn.Identity()
    net[0] = nn.Linear(2, 2, bias=False)
    assert list(net.state_dict()) == ["0.weight", "2.weight", "2.bias"]
    assert isinstance(net[4], nn.Identity)


def test_sequential_with_names():
    net = nn.Sequential({"conv": nn.Conv2d(1, 2, 3), "relu": nn.ReLU()})
    assert list(net.state_dict()) == ["conv.weight", "conv.bias"]
    assert net.conv is net[0]
    assert len(nn.Sequential({})) == 0


def test_a_layer_may_come_twice():
    relu = nn.ReLU()
    net = nn.Sequential(relu, nn.Identity(), relu)
    assert len(net) == 3
    assert [name for name, _ in net.named_children()] == ["0", "1"]


def test_subclasses_of_sequential_can_be_sliced():
    class Block(nn.Sequential):
        def __init__(self, width):
            super().__init__(nn.Linear(width, width), nn.ReLU())
            self.width = width

    assert [type(m) for m in Block(3)[:1]] == [nn.Linear]


def test_module_list():
    blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert list(blocks.state_dict())[:3] == ["0.weight", "0.bias", "1.weight"]
    assert len(blocks.append(nn.ReLU())) == 4
    assert isinstance(blocks[1:3], nn.ModuleList)
    assert list(blocks[1:3].state_dict())[0] == "0.weight"
    assert [type(m).__name__ for m in blocks] == ["Linear"] * 3 + ["ReLU"]
    assert len(nn.ModuleList()) == 0
    with pytest.raises(NotImplementedError, match="ModuleList: define forward"):
        blocks(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Sequential(np.tanh), TypeError, "Sequential: item 0 must be a Module, got"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"got list; unpack it with \*"),
        (lambda: nn.ModuleList([nn.ReLU(), 3]), TypeError, "ModuleList: item 1 must be a Module"),
        (lambda: nn.Sequential({"train": nn.ReLU()}), ValueError, "no method, got 'train'"),
        (lambda: nn.Sequential({"a.b": nn.ReLU()}), ValueError, "without dots"),
        (lambda: nn.Sequential(nn.ReLU(), nn.ReLU())[1:].append(nn.ReLU()), ValueError, "new"),
    ],
)
def test_bad_items_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
