"""The sweep over learning rates: its rates, when it stops, what it suggests, that it restores."""

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, nn, ops, optim, random
from minicnn.data import DataLoader, Dataset, digits
from minicnn.train.lr_finder import find_lr, smooth


def net(norm: bool = True) -> nn.Module:
    minicnn.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3), *([nn.BatchNorm2d(8)] if norm else []), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(288, 10))


def loader(n: int = 256) -> DataLoader:
    return DataLoader(digits("train").subset(range(n)), 32, shuffle=True, seed=0)


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_everything_is_bit_for_bit_what_it_was(kind, started):
    model, batches = net(), loader()
    options = {"momentum": 0.9} if kind is optim.SGD else {}
    optimizer = kind(model.parameters(), lr=0.01, **options)
    images, labels = next(iter(batches))

    def step() -> None:
        optimizer.zero_grad()
        ops.cross_entropy(model(Tensor(images)), Tensor(labels)).backward()
        optimizer.step()

    if started:
        step()
    batches.set_epoch(3)
    model[0].eval()
    before, state = model.state_dict(), optimizer.state_dict()
    numbers, grads = random.get_state(), [p.grad for p in model.parameters()]
    find_lr(model, optimizer, batches, steps=20)
    assert all(np.array_equal(before[k], a) for k, a in model.state_dict().items())
    assert repr(optimizer.state_dict()) == repr(state)
    for i, own in state["state"].items():
        for name, value in own.items():
            assert np.array_equal(optimizer.state_dict()["state"][i][name], value)
    assert random.get_state() == numbers and batches.epoch == 3
    assert [p.grad for p in model.parameters()] == grads
    assert model.training and not model[0].training


def test_a_quadratic_bowl_explodes_at_the_known_rate():
    """Gradient descent on w^2 a / 2 diverges from lr = 2 / a on."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False))
    model[1].weight.data[:] = 1.0
    images, labels = np.ones((64, 1, 1, 1), np.float32), np.zeros(64, np.int64)
    bowl = DataLoader(Dataset(images, labels, ["a", "b"], "bowl"), 8)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    sweep = find_lr(
        model, optimizer, bowl, loss=lambda y, t: (y * y).mean() * 2.0, task="binary",
        low=1e-4, high=1e3, steps=200,
    )  # fmt: skip
    assert "exploded" in sweep.reason
    assert 0.5 < sweep.lrs[-1] < 5  # a = 4: from 0.5 on, some steps to explode
    assert sweep.lrs == pytest.approx(1e-4 * 1e7 ** (np.arange(len(sweep.lrs)) / 199))
    assert sweep.suggestion == pytest.approx(sweep.lrs[int(np.argmin(sweep.smoothed))] / 10)
    assert float(model[1].weight.data[0, 0]) == 1.0


def test_the_suggestion_trains_digits():
    model = net(norm=False)
    optimizer = optim.SGD(model.parameters(), lr=123.0, momentum=0.9)
    sweep = find_lr(model, optimizer, loader(1024), steps=60)
    assert 1e-3 < sweep.suggestion < 0.3 and str(sweep).startswith("learning rate")
    optimizer.param_groups[0]["lr"] = sweep.suggestion
    history = minicnn.train.fit(
        model, digits("train"), optimizer=optimizer, epochs=3, progress=False
    )
    assert history[-1].train_loss < 0.8


def test_groups_keep_their_ratios():
    model, seen = net(), []

    class Watching(optim.SGD):
        def step(self) -> None:
            seen.append([g["lr"] for g in self.param_groups])
            super().step()

    groups = [{"params": model[0].parameters(), "lr": 0.1},
              {"params": model[-1].parameters(), "lr": 0.4}]  # fmt: skip
    find_lr(model, Watching(groups), loader(), low=1e-4, high=1e-2, steps=12)
    assert seen[0] == pytest.approx([0.25e-4, 1e-4]) and seen[-1] == pytest.approx([0.25e-2, 1e-2])
    assert len(seen) == 12  # 8 batches an epoch: it began again


def test_the_running_mean():
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    assert smooth([1.0, 2.0])[1] == pytest.approx((0.09 * 1 + 0.1 * 2) / 0.19)


def test_sweeps_that_cannot_be():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for wrong in ({"low": 1.0, "high": 0.1}, {"low": 0.0}, {"steps": 5}):
        with pytest.raises(ValueError, match="find_lr: 0 < low < high"):
            find_lr(model, optimizer, loader(), **wrong)
    model[0].weight.data[:] = np.nan
    with pytest.raises(ValueError, match="must stay finite for 5 steps at least, got 0"):
        find_lr(model, optimizer, loader())


def test_the_picture_is_a_png(tmp_path):
    model = net()
    sweep = find_lr(model, optim.SGD(model.parameters(), lr=0.1), loader(), steps=30)
    sweep.plot(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="at least two steps, got 1"):
        minicnn.viz.plot_lr_sweep([1], [1], [1], 1, tmp_path / "no.png")
