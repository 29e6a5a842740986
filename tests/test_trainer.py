"""The Trainer: three tasks measured against loops, and when callbacks are called."""

import math

import numpy as np
import pytest

from minicnn import Tensor, nn, train, use_kernels
from minicnn.data import Dataset
from minicnn.optim import SGD, ReduceLROnPlateau
from minicnn.train import callbacks

from .training import loaders, small_net, trainer


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Nothing to compile."""
    with use_kernels("numpy"):
        yield


class Pixels(nn.Module):
    """Logits that the first pixels of the image are."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0, 0, : self.outputs] * 8.0 - 4.0


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def bce(p: float, t: float) -> float:
    return -t * math.log(p) - (1 - t) * math.log(1 - p)


def test_a_binary_task_against_loops():
    rng = np.random.default_rng(0)
    images, labels = rng.random((25, 1, 1, 4)).astype(np.float32), rng.integers(0, 2, 25)
    result = train.evaluate(Pixels(1), Dataset(images, labels, ["no", "yes"], "random"), 7,
                            task="binary")  # fmt: skip
    p = [sigmoid(8 * float(x[0, 0, 0]) - 4) for x in images]
    confusion = [[0, 0], [0, 0]]
    for q, t in zip(p, labels, strict=True):
        confusion[t][q > 0.5] += 1
    assert result.confusion.tolist() == confusion
    assert result.accuracy == (confusion[0][0] + confusion[1][1]) / 25
    losses = [bce(q, t) for q, t in zip(p, labels, strict=True)]
    assert result.loss == pytest.approx(sum(losses) / 25, rel=1e-5)
    assert np.allclose(train.predict(Pixels(1), images, 7, "binary"), p, atol=1e-6)


def test_a_multilabel_task_against_loops():
    rng = np.random.default_rng(1)
    images = rng.random((25, 1, 1, 4)).astype(np.float32)
    labels = rng.integers(0, 2, (25, 3)).astype(np.float32)
    result = train.evaluate(Pixels(3), Dataset(images, labels, list("abc"), "random"), 7,
                            task="multilabel")  # fmt: skip
    confusion, right, losses = np.zeros((3, 2, 2), int), 0, []
    for x, t in zip(images, labels, strict=True):
        p = [sigmoid(8 * float(v) - 4) for v in x[0, 0, :3]]
        for k in range(3):
            confusion[k, int(t[k]), int(p[k] > 0.5)] += 1
            losses.append(bce(p[k], t[k]))
        right += [q > 0.5 for q in p] == [v == 1 for v in t]
    assert np.array_equal(result.confusion, confusion) and result.accuracy == right / 25
    assert result.loss == pytest.approx(sum(losses) / 75, rel=1e-5)


def test_callbacks_are_called_in_this_order():
    seen: list[str] = []

    class Spy(callbacks.Callback):
        def __init__(self, name: str, order: int) -> None:
            self.name, self.order = name, order

    def hook(moment: str):
        return lambda self, trainer: seen.append(f"{self.name} {moment} {trainer.step}")

    moments = [name for name in vars(callbacks.Callback) if name.startswith("on_")]
    for moment in moments:
        setattr(Spy, moment, hook(moment.removeprefix("on_")))
    one = trainer(Spy("late", 1), Spy("early", 0))
    one.fit(*loaders(64), epochs=1)
    steps = [(m, n) for n in (1, 2) for m in ("batch_start", "gradients", "step_end")]
    expected = [("fit_start", 0), ("epoch_start", 0), *steps, ("evaluate_start", 2),
                ("evaluate_end", 2), ("epoch_end", 2), ("fit_end", 2)]  # fmt: skip
    assert seen == [f"{who} {m} {n}" for m, n in expected for who in ("early", "late")]


def test_stop_inside_an_epoch_is_for_good():
    class Enough(callbacks.Callback):
        def on_step_end(self, trainer: train.Trainer) -> None:
            if trainer.global_step == 4:
                trainer.stop("enough")

    one = trainer(Enough())
    assert len(one.fit(*loaders(), epochs=3)) == 1
    assert (one.finished, one.epoch, one.step) == ("enough", 2, 1)


def test_bad_arguments():
    model = small_net()
    optimizer = SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="task: must be one of .* got 'binry'; did you mean 'bin"):
        train.Trainer(model, optimizer, task="binry")
    with pytest.raises(TypeError, match="must count batches, got ReduceLROnPlateau"):
        train.Trainer(model, optimizer, schedule=ReduceLROnPlateau(optimizer))
    with pytest.raises(ValueError, match="binary: the model must give one number per label"):
        train.Trainer(model, optimizer, task="binary").fit(loaders()[0])
