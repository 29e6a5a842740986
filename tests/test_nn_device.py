"""Modules and optimizers on the GPU, or on a strict stand-in for CuPy where there is none."""

import sys

import numpy as np
import pytest

from minicnn import Tensor, nn, optim, summary
from tests import strict_cupy


@pytest.fixture(autouse=True)
def cupy_or_stand_in(monkeypatch):
    try:
        import cupy

        if cupy.cuda.is_available():
            return
    except ImportError:
        pass
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy.module)


OPTIMIZERS = [
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {"weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"initial_accumulator_value": 0.1}),
]


def trained(device, make, options):
    """Values and the optimizer's state after clipped steps, saved and loaded halfway."""
    net = nn.Linear(3, 2).double()
    net.load_state_dict({"weight": np.arange(6.0).reshape(2, 3), "bias": np.ones(2)})
    optimizer = make(net.to(device).parameters(), lr=0.1, **options)
    for step in range(6):
        if step == 3:
            state, values = optimizer.state_dict(), net.state_dict()
            net = nn.Linear(3, 2).double().to(device)
            net.load_state_dict(values)
            optimizer = make(net.parameters(), lr=0.5)
            optimizer.load_state_dict(state)
        x = Tensor(np.sin(np.arange(12.0) + step).reshape(4, 3)).to(device)
        optimizer.zero_grad()
        (net(x) ** 2).sum().backward()
        optim.clip_grad_value_(net.parameters(), 3.0)
        optim.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        assert all(p.device == p.grad.device == device for p in net.parameters())
    return net.state_dict(), optimizer.state_dict()["state"]


@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
def test_optimizers_are_alike_on_both_devices(make, options):
    values, state = trained("cpu", make, options)
    gpu_values, gpu_state = trained("cuda", make, options)
    for key, value in values.items():
        np.testing.assert_allclose(gpu_values[key], value, rtol=1e-12)
    for i, own in state.items():
        for name, value in own.items():
            np.testing.assert_allclose(gpu_state[i][name], value, rtol=1e-12)


def test_a_module_moves_there_and_back():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    parameters, before = list(net.parameters()), net.state_dict()
    assert net.to("cuda") is net
    tensors = [*net.parameters(), *net.buffers()]
    assert {x.device for x in tensors} == {"cuda"}
    assert all(p is q for p, q in zip(parameters, net.parameters(), strict=True))
    for key, value in net.state_dict().items():
        assert isinstance(value, np.ndarray)
        np.testing.assert_array_equal(value, before[key])
    nn.init.constant_(net[0].weight, 2.0)
    assert net[0].weight.device == "cuda"
    (row, _) = summary.summarize(net, (1, 1, 5, 5))
    assert row.output_shape == (1, 2, 3, 3)
    net.to("cpu")
    assert isinstance(net[0].weight.data, np.ndarray)
    np.testing.assert_array_equal(net[0].weight.numpy(), np.full((2, 1, 3, 3), 2.0))


def test_values_on_the_gpu_are_loaded_into_a_module_on_the_cpu():
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": Tensor(np.eye(2)).to("cuda"), "bias": Tensor([1.0, 2.0])})
    np.testing.assert_array_equal(layer.weight.numpy(), np.eye(2))
