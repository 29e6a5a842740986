"""The training loop: it learns, it repeats, it measures right, and it says what went wrong."""

import math

import numpy as np
import pytest

from minicnn import Tensor, manual_seed, models, nn, ops, train, use_kernels
from minicnn.data import Dataset, digits
from minicnn.optim import SGD, AdamW, OneCycleLR
from minicnn.train.blame import explain_bad_loss


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Nothing to compile."""
    with use_kernels("numpy"):
        yield


def some_digits(n: int = 128) -> Dataset:
    return digits("train").subset(range(n))


def small_net(seed: int = 0, p: float = 0.2) -> nn.Module:
    manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(p), nn.Linear(36, 10),
    )  # fmt: skip


def trained(seed: int = 0, **options) -> tuple[nn.Module, train.History]:
    model = small_net()
    options = {"epochs": 2, "batch_size": 32, "progress": False, "seed": seed} | options
    optimizer = options.pop("optimizer", None) or SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, train.fit(model, some_digits(), optimizer=optimizer, **options)


def shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return train.random_shift(images, 1, rng)


# It learns


def test_fit_learns_digits():
    model = small_net()
    history = train.fit(
        model, digits("train"), digits("test"), optimizer=AdamW(model.parameters(), lr=0.02),
        epochs=3, batch_size=32, progress=False,
    )  # fmt: skip
    assert history[-1].val_accuracy > 0.9
    losses = [row.train_loss for row in history]
    assert losses == sorted(losses, reverse=True)
    result = train.evaluate(model, digits("test"))
    assert (result.loss, result.accuracy) == (history[-1].val_loss, history[-1].val_accuracy)


def test_the_same_seed_gives_the_same_numbers():
    (a, first), (b, second), (c, third) = (trained(seed, augment=shift) for seed in (7, 7, 8))
    assert [row[:-1] for row in first] == [row[:-1] for row in second]
    assert first[-1].train_loss != third[-1].train_loss
    for name, array in a.state_dict().items():
        assert np.array_equal(array, b.state_dict()[name]), name
    assert not np.array_equal(a.state_dict()["0.weight"], c.state_dict()["0.weight"])


def test_one_epoch_is_these_steps():
    """The loop beside the same steps written out, plain gradient descent by hand."""
    model, history = trained(epochs=1, batch_size=64, seed=3, augment=shift, optimizer=None)
    data, other = some_digits(), small_net()
    order = np.random.default_rng([3, 0]).permutation(128)
    manual_seed(3)
    losses, right, velocity = [], 0, [0.0] * len(list(other.parameters()))
    for batch, chosen in enumerate((order[:64], order[64:])):
        rng = np.random.default_rng([3, 0, batch, 1])
        logits = other(Tensor(shift(data.images[chosen], rng)))
        loss = ops.cross_entropy(logits, Tensor(data.labels[chosen]))
        other.zero_grad()
        loss.backward()
        for i, p in enumerate(other.parameters()):
            velocity[i] = 0.9 * velocity[i] + p.grad.data
            p.data -= 0.1 * velocity[i]
        losses.append(loss.item())
        right += int((logits.data.argmax(1) == data.labels[chosen]).sum())
    assert history[0].train_loss == pytest.approx(np.mean(losses), rel=1e-6)
    assert history[0].train_accuracy == right / 128
    for name, array in other.state_dict().items():
        assert np.allclose(array, model.state_dict()[name], rtol=1e-4, atol=1e-5), name


def test_a_schedule_counts_batches():
    model = small_net()
    optimizer = SGD(model.parameters(), lr=1.0)
    schedule = OneCycleLR(optimizer, max_lr=0.3, total_steps=8, cycle_momentum=False)
    seen = []
    history = train.fit(
        model, some_digits(), optimizer=optimizer, schedule=schedule, epochs=2, batch_size=32,
        progress=False, on_epoch=lambda rows: seen.append(len(rows)),
    )  # fmt: skip
    assert schedule.last_epoch == 8 and seen == [1, 2]
    assert [row.lr for row in history] == [schedule.lr_at(4, 0.3), schedule.lr_at(8, 0.3)]


def test_a_last_batch_of_one_image_is_left_out():
    manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
    optimizer = SGD(model.parameters(), lr=0.1)
    train.fit(model, some_digits(33), optimizer=optimizer, batch_size=16, progress=False)
    assert int(model.state_dict()["2.num_batches_tracked"]) == 2
    train.fit(model, some_digits(34), optimizer=optimizer, batch_size=16, progress=False)
    assert int(model.state_dict()["2.num_batches_tracked"]) == 5


def test_random_shift_moves_each_image_by_itself():
    rng = np.random.default_rng(0)
    images = rng.random((50, 2, 4, 5)).astype(np.float32)
    moved = train.random_shift(images, 2, rng)
    assert moved.shape == images.shape and moved.dtype == np.float32
    found = set()
    for x, y in zip(images, moved, strict=True):
        places = []
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                expected = np.zeros_like(x)
                for i in range(4):
                    for j in range(5):
                        if 0 <= i + dy < 4 and 0 <= j + dx < 5:
                            expected[:, i, j] = x[:, i + dy, j + dx]
                if np.array_equal(y, expected):
                    places.append((dy, dx))
        assert len(places) == 1
        found.update(places)
    assert len(found) > 15


# It measures right


class _Fixed(nn.Module):
    """Logits that the first pixels of the image are."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0, 0, :3] * 5.0


def test_evaluate_and_predict_against_loops():
    rng = np.random.default_rng(1)
    images = rng.random((25, 1, 2, 4)).astype(np.float32)
    data = Dataset(images, rng.integers(0, 3, 25), ["a", "b", "c"], "random")
    result = train.evaluate(_Fixed(), data, batch_size=7)
    probabilities = train.predict(_Fixed(), images, batch_size=7)
    confusion, losses = [[0] * 3 for _ in range(3)], []
    for n in range(25):
        logits = [5 * float(v) for v in images[n, 0, 0, :3]]
        total = sum(math.exp(v) for v in logits)
        label = int(data.labels[n])
        losses.append(-math.log(math.exp(logits[label]) / total))
        confusion[label][logits.index(max(logits))] += 1
        assert np.allclose(probabilities[n], [math.exp(v) / total for v in logits], atol=1e-6)
    assert result.confusion.tolist() == confusion
    assert result.accuracy == sum(confusion[i][i] for i in range(3)) / 25
    assert result.loss == pytest.approx(sum(losses) / 25, rel=1e-6)


def test_a_network_that_overflows_is_measured_all_the_same():
    class Overflow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Tensor(np.array([[np.nan, 0, 0], [0, np.inf, 0]], np.float32))

    data = Dataset(np.zeros((2, 1, 2, 4), np.float32), np.array([1, 1]), list("abc"), "two")
    result = train.evaluate(Overflow(), data)
    assert math.isnan(result.loss) and result.accuracy == 0.5 and len(result.metrics) == 2


def test_evaluate_leaves_the_model_as_it_was():
    model = small_net(p=0.5)
    model[1].eval()
    before = model.state_dict()
    first = train.evaluate(model, some_digits())
    assert first.loss == train.evaluate(model, some_digits()).loss  # no dropout
    assert [m.training for m in model.modules()] == [True, True, False, *[True] * 5]
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_model_with_too_few_outputs_is_named():
    data = Dataset(np.zeros((2, 1, 2, 4), np.float32), np.array([0, 1]), list("abcd"), "four")
    with pytest.raises(ValueError, match=r"4 numbers per image.*got shape \(2, 3\)"):
        train.evaluate(_Fixed(), data)


# It says what went wrong


def test_a_loss_that_explodes_stops_the_training():
    manual_seed(0)
    model = models.create("lenet5_small")
    with pytest.raises(FloatingPointError) as caught:
        train.fit(
            model, some_digits(), optimizer=SGD(model.parameters(), lr=1e38), epochs=3,
            batch_size=32, progress=False,
        )  # fmt: skip
    first, second = str(caught.value).splitlines()
    assert first.startswith("fit: the loss must be finite, got nan in epoch 1, step 2 of 4; ")
    # c1 makes numbers of 1e35 and c3 multiplies them by weights as large
    assert 'the first layer at fault is "c3": Conv2d(' in first
    assert second == "Lower the learning rate (now 1e+38) or clip the gradients"


def test_a_last_step_that_explodes_is_noticed():
    """No loss comes after it that would be NaN."""
    model, saved = small_net(), []
    with pytest.raises(FloatingPointError) as caught:
        train.fit(
            model, some_digits(), optimizer=SGD(model.parameters(), lr=1e39), batch_size=128,
            progress=False, on_epoch=saved.append,
        )  # fmt: skip
    first, second = str(caught.value).splitlines()
    assert "fit: the parameters must be finite, got NaN or Inf in 0.weight" in first
    assert first.endswith("after epoch 1") and second.startswith("Lower the learning rate")
    assert saved == []  # so that the command line keeps the weights of the epoch before


def explanation(model: nn.Module, images: np.ndarray | None = None) -> str:
    x = Tensor(some_digits(4).images if images is None else images)
    with np.errstate(all="ignore"):
        return explain_bad_loss(model, x, math.nan, "epoch 2, step 3 of 4", 0.1)


def test_the_layer_with_bad_parameters_is_named():
    model = small_net()
    model[6].bias.data[4] = np.inf
    assert '"6": Linear' in explanation(model)
    assert "whose bias an earlier step had already made NaN or Inf" in explanation(model)
    model[1].weight.data[0] = np.nan
    text = explanation(model)
    assert '"1": BatchNorm2d' in text and "whose weight an earlier" in text
    assert "epoch 2, step 3 of 4" in text


def test_the_layer_that_makes_it_is_named():
    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return ops.log(x)

    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.ReLU(), Log()), nn.Flatten())
    assert '"1.1": Log(), whose output is NaN or Inf for finite input' in explanation(model)
    big = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    big[1].weight.data[...] = 3e38
    assert "finite input and parameters up to 3e+38" in explanation(big)


def test_what_no_layer_made():
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.last = nn.Flatten(), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.last(ops.log(self.flat(x) - 2.0))

    assert '"last": Identity(), whose input came in as NaN' in explanation(Between())
    assert "all outputs are finite, so the loss itself made it" in explanation(small_net())

    class After(Between):
        def forward(self, x: Tensor) -> Tensor:
            return ops.log(self.last(self.flat(x)) - 2.0)

    assert '"the model itself": After, whose output is NaN or Inf for' in explanation(After())
    assert '"0": After, whose' in explanation(nn.Sequential(After(), nn.Flatten()))
    images = some_digits(4).images
    images[2, 0, 3, 3] = np.nan
    assert "the images of this batch already hold NaN" in explanation(small_net(), images)


def test_dropout_is_the_same_when_the_batch_runs_again():
    """A value that only some masks let through is found although masks are random."""

    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return ops.log(x)

    def square_sum(y: Tensor, target: Tensor) -> Tensor:
        return (y**2).sum()

    data = Dataset(np.ones((64, 1, 1, 4), np.float32), np.zeros(64, np.int64), list("abcd"), "ones")
    for seed in range(5):
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False), nn.Dropout(0.02), Log())
        model[1].weight.data[...] = np.eye(4)
        with pytest.raises(FloatingPointError, match='"3": Log'):
            train.fit(
                model, data, optimizer=SGD(model.parameters(), lr=1e-9), epochs=50, batch_size=4,
                loss=square_sum, seed=seed, progress=False,
            )  # fmt: skip


def test_bad_arguments():
    model = small_net()
    with pytest.raises(ValueError, match="fit: epochs must be at least 1, got 0"):
        train.fit(model, some_digits(), optimizer=SGD(model.parameters(), lr=0.1), epochs=0)


# What it shows and keeps


def test_progress_is_plain_lines_without_a_terminal(capsys):
    trained(progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("epoch 1/2 | train loss ")
    assert "\x1b" not in "".join(lines) and "test" not in lines[0]
    so_far = []
    trained(progress=True, on_epoch=lambda rows: so_far.append(capsys.readouterr().out))
    # what a line tells is kept already: whoever sees it may press Ctrl-C
    assert [text.count("epoch") for text in so_far] == [0, 1]
    capsys.readouterr()
    trained(progress=False)
    assert capsys.readouterr().out == ""


def test_metrics_come_back(tmp_path):
    rows = [
        train.Epoch(1, 2.5, 0.1, None, None, 0.1, 1.25),
        train.Epoch(2, 1 / 3, 0.7, 0.4, 0.68, 1e-7, 1.0),
    ]
    train.write_csv(rows, tmp_path / "m.csv")
    assert train.read_csv(tmp_path / "m.csv") == rows
    text = (tmp_path / "m.csv").read_bytes()
    assert text.startswith(b"epoch,train_loss,train_accuracy,val_loss,val_accuracy,lr,seconds\n1")
    for bad, message in (
        (b"", "got an empty file"),
        (b"a,b\n1,2\n", "got a,b"),
        (text + b"3,x,1,1,1,1,1\n", "line 4 must have 7 numbers"),
        (text + b"3,1,1\n", "line 4 must have 7 numbers"),
    ):
        (tmp_path / "m.csv").write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            train.read_csv(tmp_path / "m.csv")
