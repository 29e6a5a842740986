"""A resumed training is bit for bit the one that was never interrupted."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from minicnn import optim, train, use_kernels, weights
from minicnn.train import callbacks
from minicnn.train.checkpoint import load_checkpoint

from .training import loaders, same_arrays, trainer


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Nothing to compile."""
    with use_kernels("numpy"):
        yield


class StopAt(callbacks.Callback):
    """Interrupts in the middle of an epoch, as Ctrl-C does."""

    def __init__(self, global_step: int) -> None:
        self.at = global_step

    def on_step_end(self, trainer: train.Trainer) -> None:
        if trainer.global_step == self.at:
            trainer.interrupt("test")


class KillAt(StopAt):
    """Ends at once, without a chance to save."""

    def on_step_end(self, trainer: train.Trainer) -> None:
        if trainer.global_step == self.at:
            raise RuntimeError("killed")


class StopWhileMeasuring(callbacks.Callback):
    """Interrupts while the first epoch is measured."""

    def on_evaluate_start(self, trainer: train.Trainer) -> None:
        if trainer.epoch == 1:
            trainer.interrupt("test")


def mixed(images, shares, rng):
    """A mixup of halves, in other words."""
    other = rng.permutation(len(images))
    return (images + images[other]) / 2, (shares + shares[other]) / 2


RECIPES = {
    "sgd": {},
    "adamw and one cycle": {
        "make_optimizer": lambda m: optim.AdamW(m.parameters(), lr=0.01),
        "make_schedule": lambda o: optim.OneCycleLR(o, 0.02, total_steps=12),
    },
    "rmsprop and warm-up": {
        "make_optimizer": lambda m: optim.RMSprop(m.parameters(), lr=0.003),
        "make_schedule": lambda o: optim.SequentialLR(
            o, [optim.LinearLR(o), optim.CosineAnnealingLR(o, 7)], [5]
        ),
    },
    "two groups": {
        "make_optimizer": lambda m: optim.Adagrad(
            [{"params": m[0].parameters(), "lr": 0.01}, {"params": m[6].parameters(), "lr": 0.1}]
        ),
    },
}


def made(folder, recipe: str, *extra: callbacks.Callback, **options) -> train.Trainer:
    made = trainer(
        callbacks.Mix(mixed), callbacks.ClipGradNorm(1.0),
        callbacks.EarlyStopping(patience=3, restore_best=False),
        callbacks.Checkpoint(folder, **options), *extra, **RECIPES[recipe],
    )  # fmt: skip
    return made


def plateau(made: train.Trainer) -> callbacks.EpochSchedule:
    return callbacks.EpochSchedule(optim.ReduceLROnPlateau(made.optimizer, patience=0, factor=0.5))


def assert_same(a: train.Trainer, b: train.Trainer) -> None:
    assert [row[:-1] for row in a.history] == [row[:-1] for row in b.history]
    assert same_arrays(a.model.state_dict(), b.model.state_dict())
    for own, other in zip(a.optimizer.state.values(), b.optimizer.state.values(), strict=True):
        for name in own:
            assert np.array_equal(own[name], other[name]), name
    assert a.optimizer.param_groups[0]["lr"] == b.optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("at", [3, 4, 8])  # 3 steps an epoch: at an end, and inside of two epochs
def test_from_an_interruption(recipe, at, tmp_path):
    whole = made(tmp_path, recipe)
    whole.fit(*loaders(), epochs=4)
    first = made(tmp_path, recipe, StopAt(at))
    first.fit(*loaders(), epochs=4)
    assert first.global_step == at
    second = made(tmp_path, recipe)
    second.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    assert second.global_step == at
    second.fit(*loaders(), epochs=4)
    assert_same(whole, second)


def test_from_an_interruption_while_measuring(tmp_path):
    whole, first = made(tmp_path, "sgd"), made(tmp_path, "sgd", StopWhileMeasuring())
    whole.fit(*loaders(), epochs=2)
    first.fit(*loaders(), epochs=2)
    assert first.global_step == 3 and first.history == []
    second = made(tmp_path, "sgd")
    second.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    second.fit(*loaders(), epochs=2)
    assert_same(whole, second)


def test_from_a_checkpoint_every_two_steps(tmp_path):
    """What a kill leaves: the steps after the last checkpoint run again."""
    whole = made(tmp_path, "sgd")
    whole.fit(*loaders(), epochs=2)
    with pytest.raises(RuntimeError, match="killed"):
        made(tmp_path, "sgd", KillAt(5), save_every=2).fit(*loaders(), epochs=2)
    second = made(tmp_path, "sgd", save_every=2)
    second.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    assert (second.epoch, second.step, second.global_step) == (2, 1, 4)
    second.fit(*loaders(), epochs=2)
    assert_same(whole, second)


@pytest.mark.parametrize("written", [("metrics.csv",), ("metrics.csv", "best.safetensors")])
def test_from_a_kill_between_two_files_of_an_epoch(written, tmp_path):
    """Table and best weights know of an epoch that the checkpoint does not: it runs again."""
    files = ("metrics.csv", "best.safetensors", "last.safetensors")

    def train_into(folder: Path, epochs: int, resumed: bool = False) -> list[train.Epoch]:
        one = made(folder, "sgd", callbacks.CSVLogger(folder / "metrics.csv"))
        if resumed:
            one.load_state_dict(load_checkpoint(folder / "last.safetensors")[0])
        return one.fit(*loaders(), epochs=epochs)

    folders = whole, killed, later = [tmp_path / name for name in ("whole", "killed", "later")]
    for folder, epochs in zip(folders, (3, 1, 2), strict=True):
        folder.mkdir()
        train_into(folder, epochs)
    for name in written:
        shutil.copy(later / name, killed / name)
    assert train_into(killed, 1, resumed=True) == train.read_csv(killed / "metrics.csv")
    train_into(killed, 3, resumed=True)
    rows = [[row[:-1] for row in train.read_csv(f / "metrics.csv")] for f in (whole, killed)]
    assert rows[0] == rows[1] and len(rows[0]) == 3
    for name in files[1:]:
        assert same_arrays(weights.load(whole / name), weights.load(killed / name))


def test_epoch_schedules_go_on(tmp_path):
    whole = made(tmp_path, "sgd")
    whole.callbacks.insert(0, plateau(whole))
    whole.fit(*loaders(), epochs=4)
    first = made(tmp_path, "sgd", StopAt(8))
    first.callbacks.insert(0, plateau(first))
    first.fit(*loaders(), epochs=4)
    second = made(tmp_path, "sgd")
    second.callbacks.insert(0, plateau(second))
    second.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    second.fit(*loaders(), epochs=4)
    assert_same(whole, second)


def test_early_stopping_counts_on(tmp_path):
    """With a learning rate of 0 nothing improves: best after epoch 1, over after epoch 3."""

    def still(*extra: callbacks.Callback) -> train.Trainer:
        return trainer(
            callbacks.EarlyStopping(patience=2), callbacks.Checkpoint(tmp_path), *extra,
            make_optimizer=lambda m: optim.SGD(m.parameters(), lr=0.0),
        )  # fmt: skip

    class Frozen(callbacks.Callback):
        """Batch statistics would change what is measured."""

        def on_epoch_start(self, trainer: train.Trainer) -> None:
            trainer.model.eval()

    first = still(Frozen(), StopAt(5))
    first.fit(*loaders(), epochs=9)
    assert len(first.history) == 1
    second = still(Frozen())
    second.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    second.fit(*loaders(), epochs=9)
    assert len(second.history) == 3
    assert second.finished == (
        "early stopping: val_loss was best after epoch 1 and not better in 2 epochs since"
    )
    third = still(Frozen())
    third.load_state_dict(load_checkpoint(tmp_path / "last.safetensors")[0])
    assert third.finished == second.finished
    assert len(third.fit(*loaders(), epochs=9)) == 3  # there is nothing left to do


def test_the_seed_matters(tmp_path):
    """The comparisons above can fail."""
    a, b = trainer(seed=0), trainer(seed=1)
    for one in (a, b):
        one.fit(*loaders(), epochs=1)
    assert not same_arrays(a.model.state_dict(), b.model.state_dict())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "the seed must be 0 as in the checkpoint, got 1"),
        (
            {"make_optimizer": lambda m: optim.Adam(m.parameters())},
            "the optimizer must be 'SGD' as in the checkpoint, got 'Adam'",
        ),
        (
            {"make_schedule": lambda o: optim.StepLR(o, 3)},
            "the schedule must be None as in the checkpoint, got 'StepLR'",
        ),
        ({"task": "multilabel"}, "the task must be 'multiclass'"),
    ],
)
def test_a_trainer_made_otherwise(changed, message, tmp_path):
    first = trainer(callbacks.Checkpoint(tmp_path))
    first.fit(*loaders(), epochs=1)
    state, _ = load_checkpoint(tmp_path / "last.safetensors")
    other = trainer(callbacks.Checkpoint(tmp_path), **changed)
    before = other.model.state_dict()
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(state)
    assert same_arrays(before, other.model.state_dict()) and other.global_step == 0
    with pytest.raises(ValueError, match=r"callbacks must be those.*none of \['Checkpoint'\]"):
        trainer().load_state_dict(state)


def test_another_loader_inside_an_epoch(tmp_path):
    first = trainer(callbacks.Checkpoint(tmp_path), StopAt(2))
    first.fit(*loaders(), epochs=1)
    with pytest.raises(ValueError, match="must be of 3 steps, got a loader of 6; resume with the"):
        first.fit(*loaders(batch_size=16), epochs=2)
