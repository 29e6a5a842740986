"""The moving average of weights: its numbers, where it is used, and that it resumes exactly."""

import numpy as np
import pytest

import minicnn
from minicnn import models, nn, optim
from minicnn.data import DataLoader, digits
from minicnn.train import Trainer
from minicnn.train.callbacks import EMA, Callback


def loader() -> DataLoader:
    return DataLoader(digits("train").subset(range(96)), 32, shuffle=True, seed=0)


def trainer(*callbacks: Callback) -> Trainer:
    minicnn.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)
    )
    return Trainer(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9), callbacks=callbacks)


class Record(Callback):
    """The weights of every step."""

    def __init__(self) -> None:
        self.weights: list[np.ndarray] = []

    def on_fit_start(self, trainer) -> None:
        self.on_step_end(trainer)

    def on_step_end(self, trainer) -> None:
        self.weights.append(trainer.model[0].weight.numpy().astype(np.float64))


def test_the_average_is_the_weighted_mean_of_all_weights():
    ema, record = EMA(0.6), Record()
    trainer(ema, record).fit(loader(), None, epochs=3)
    w = record.weights
    assert len(w) == 10
    expected = w[0]
    for t in range(1, 10):
        d = min(0.6, (1 + t) / (10 + t))  # 2/11 first, 0.526 in the last step: still in warm-up
        expected = d * expected + (1 - d) * w[t]
    assert np.allclose(ema.average["0.weight"], expected, rtol=1e-5, atol=1e-7)
    short = EMA(0.2)
    trainer(short).fit(loader(), None, epochs=1)
    assert not np.allclose(short.average["0.weight"], ema.average["0.weight"], atol=1e-4)


def test_evaluation_uses_the_average_and_puts_the_weights_back():
    ema = EMA(0.9)
    t = trainer(ema)
    t.fit(loader(), loader(), epochs=2)
    own = t.model.state_dict()
    measured = t.evaluate(loader())
    assert measured.loss == pytest.approx(t.history[-1].val_loss, rel=1e-6)
    assert all(np.array_equal(own[k], a) for k, a in t.model.state_dict().items())
    with ema.applied(t.model) as model:
        state = model.state_dict()
        assert np.array_equal(state["0.weight"], ema.average["0.weight"])
        assert np.array_equal(state["1.running_mean"], own["1.running_mean"])  # copied
        assert not np.array_equal(state["0.weight"], own["0.weight"])
    t.callbacks = []
    assert t.evaluate(loader()).loss != pytest.approx(measured.loss, rel=1e-4)
    assert all(np.array_equal(own[k], a) for k, a in t.model.state_dict().items())


def test_the_weights_come_back_after_an_error():
    ema = EMA(0.9)
    t = trainer(ema)
    t.fit(loader(), None, epochs=1)
    own = t.model.state_dict()
    with pytest.raises(ValueError, match="in layer"):
        t.evaluate(DataLoader(digits("test").subset([0]), 1, transform=lambda x, rng: x[:4, :4]))
    with pytest.raises(KeyError), ema.applied(t.model):
        raise KeyError
    assert all(np.array_equal(own[k], a) for k, a in t.model.state_dict().items())


def test_training_is_not_changed_and_resumes_bit_for_bit():
    plain, whole = trainer(), trainer(EMA(0.9))
    plain.fit(loader(), loader(), epochs=3)
    whole.fit(loader(), loader(), epochs=3)
    for name, array in plain.model.state_dict().items():
        assert np.array_equal(array, whole.model.state_dict()[name])

    first, again = trainer(EMA(0.9)), trainer(EMA(0.9))
    first.fit(loader(), None, epochs=2)
    again.callbacks[0].load_state_dict(first.callbacks[0].state_dict())
    again.model.load_state_dict(first.model.state_dict())
    again.optimizer.load_state_dict(first.optimizer.state_dict())
    again.history, again.epoch, again.global_step = list(first.history), 2, first.global_step
    again.step = first.step
    again.fit(loader(), None, epochs=3)
    one, other = whole.callbacks[0].state_dict(), again.callbacks[0].state_dict()
    assert one["steps"] == other["steps"] == 9
    for name, array in one["average"].items():
        assert np.array_equal(array, other["average"][name]), name


def test_what_does_not_change_stays_bit_for_bit():
    """A negative zero too, though -0.0 + 0.0 is 0.0."""
    ema = EMA(0.9)
    t = trainer(ema)
    t.model[0].requires_grad_(False)
    t.model[0].weight.data[0, 0] = -0.0
    before = t.model[0].weight.numpy().tobytes()
    t.fit(loader(), None, epochs=1)
    assert ema.average["0.weight"].tobytes() == before
    assert not np.array_equal(ema.average["4.weight"], t.model[4].weight.numpy())


def test_a_state_dict_is_a_copy():
    ema = EMA()
    trainer(ema).fit(loader(), None, epochs=1)
    kept = ema.state_dict()["average"]["0.weight"]
    before = kept.copy()
    ema.average["0.weight"] += 1
    assert np.array_equal(kept, before)


def test_what_cannot_be_averaged():
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
            EMA(decay)
    ema = EMA()
    trainer(ema).fit(loader(), None, epochs=1)
    with (
        pytest.raises(ValueError, match=r"got .* others .*make a new EMA"),
        ema.applied(models.create("lenet5_small")),
    ):
        pass
