"""Every op on the GPU: the reference kernels on CuPy arrays against the same on NumPy arrays.

Where there is no GPU, a strict stand-in for CuPy takes its place (see strict_cupy.py).
"""

import sys

import numpy as np
import pytest

from minicnn import Tensor, grad, manual_seed, nn, ops, optim, use_kernels
from minicnn.testing.examples import examples
from tests import strict_cupy


def gpu_is_there():
    try:
        import cupy
    except ImportError:
        return False
    return cupy.cuda.is_available()


@pytest.fixture(autouse=True, params=["gpu" if gpu_is_there() else "stand-in"])
def cupy_or_stand_in(request, monkeypatch):
    if request.param == "stand-in":
        monkeypatch.setitem(sys.modules, "cupy", strict_cupy.module)


def run(example, device):
    """The op's results and gradients of a fixed random cotangent, as NumPy arrays."""
    manual_seed(0)
    xs = [move(x, device) for x in example.tensors()]
    ys = example(*xs)
    ys = ys if isinstance(ys, tuple) else (ys,)
    wanted = [x for x in xs if x.requires_grad]
    rng = np.random.default_rng(1)
    found = [y.numpy() for y in ys]
    for y in ys:
        assert y.device == device
        if y.requires_grad:
            gy = Tensor(rng.normal(size=y.shape)).to(device)
            for create_graph in (False, True):
                gradients = grad(y, wanted, gy, create_graph)
                assert all(g.device == device for g in gradients)
                found += [g.numpy() for g in gradients]
            twice = sum((g * g).sum() for g in gradients)
            if twice.requires_grad:
                found += [g.numpy() for g in grad(twice, wanted)]
    return found


def move(x, device):
    return Tensor(x.to(device).data, x.requires_grad)


@pytest.mark.parametrize("example", examples().values(), ids=lambda e: e.op)
def test_gpu_equals_cpu(example):
    with use_kernels("numpy"):
        expected = run(example, "cpu")
    for want, got in zip(expected, run(example, "cuda"), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)


def test_to_and_back_has_a_gradient():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x.to("cuda") ** 2).to("cpu").sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_net_trains_alike_on_both_devices():
    losses = {}
    for device in ("cpu", "cuda"):
        manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 3),
        ).double().to(device)  # fmt: skip
        optimizer = optim.Adam(net.parameters(), lr=1e-2)
        rng = np.random.default_rng(0)
        x = Tensor(rng.normal(size=(6, 1, 8, 8))).to(device)
        t = Tensor(rng.integers(0, 3, 6)).to(device)
        losses[device] = []
        for _ in range(20):
            loss = ops.cross_entropy(net(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[device].append(loss.item())
    assert losses["cpu"][-1] < 0.5 * losses["cpu"][0]
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=1e-6)
