"""The judgement of training and validation curves, on made-up histories of each kind."""

import numpy as np
import pytest

from minicnn import models, optim
from minicnn.data import DataLoader, digits
from minicnn.train import Epoch, Trainer
from minicnn.train.callbacks import OverfittingMonitor
from minicnn.train.diagnosis.gap import judge


def history(train, val, train_accuracy=0.9, val_accuracy=0.9) -> list[Epoch]:
    n = len(train)
    val = [None] * n if val is None else val
    ta, va = (np.broadcast_to(a, n).tolist() for a in (train_accuracy, val_accuracy))
    return [Epoch(i + 1, float(train[i]), ta[i], None if val[i] is None else float(val[i]),
                  None if val[i] is None else va[i], 0.1, 1.0) for i in range(n)]  # fmt: skip


T = np.arange(12)
FALLING = 2.3 * np.exp(-T / 3)


def test_overfitting_names_the_best_epoch_and_what_to_try():
    val = np.where(T < 5, 2.3 * np.exp(-T / 4), 0.85 + 0.08 * (T - 5))
    val[4] = 0.8
    verdict = judge(history(FALLING, val), 10)
    assert verdict.kind == "overfitting" and verdict.best_epoch == 5
    assert "rose from 0.800 to 1.330" in verdict.saw and "EarlyStopping" in verdict.advice
    assert str(verdict).startswith("overfitting: since epoch 5")


def test_a_plateau_and_noise_are_healthy():
    rng = np.random.default_rng(0)
    plateau = np.maximum(2.3 * np.exp(-T / 4), 0.5) * (1 + 0.03 * rng.standard_normal(12))
    verdict = judge(history(np.maximum(FALLING, 0.3), plateau), 10)
    assert verdict.kind == "healthy" and not verdict.advice
    jump = plateau.copy()
    jump[-1] *= 1.6  # one bad epoch is no trend
    assert judge(history(np.maximum(FALLING, 0.3), jump), 10).kind == "healthy"


def test_still_falling_asks_for_more_epochs():
    verdict = judge(history(FALLING, FALLING * 1.05 + 0.01), 10)
    assert verdict.kind == "healthy" and verdict.advice == "more epochs"


def test_underfitting_is_poor_and_flat():
    flat = 2.3 - 0.01 * T / 12
    verdict = judge(history(flat, flat + 0.01, 0.13, 0.12), 10)
    assert verdict.kind == "underfitting" and "13.0%" in verdict.saw
    assert judge(history(FALLING, FALLING + 0.02, 0.3, 0.3), 10).kind != "underfitting"  # not flat
    assert judge(history(flat, flat + 0.01, 0.8, 0.8), 10).kind != "underfitting"  # not poor
    coin = np.full(12, 0.66)
    assert judge(history(coin, coin + 0.01, 0.6, 0.6), 2).kind == "underfitting"


def test_validation_better_than_training_is_explained():
    verdict = judge(history(FALLING + 0.4, FALLING + 0.2), 10)
    assert verdict.kind == "validation better"
    assert "augmentation and dropout" in verdict.means and "no mistake" in verdict.means


def test_no_advice_too_early_or_without_validation():
    rising = [0.5, 1.0, 2.0, 4.0]
    assert judge(history(FALLING[:4], rising), 10).kind == "too early"
    assert judge(history(FALLING[:4], rising), 10).advice == ""
    assert judge(history(FALLING, None), 10).kind == "too early"
    with pytest.raises(ValueError, match="at least one epoch"):
        judge([], 10)


def test_the_monitor_says_it_once_also_after_a_resume():
    # 40 images with random labels: learning by heart is all that can be done.
    data = digits("train").subset(range(80))
    labels = np.random.default_rng(0).integers(0, 10, 80)
    noise = type(data)(data.images, labels, data.classes, "noise")
    train, val = DataLoader(noise.subset(range(40)), 20), DataLoader(noise.subset(range(40, 80)))
    model, said = models.create("lenet5_small"), []

    def monitored() -> Trainer:
        trainer = Trainer(
            model, optim.Adam(model.parameters(), lr=0.01), callbacks=[OverfittingMonitor()]
        )
        trainer.printer = said.append
        return trainer

    first = monitored()
    first.fit(train, val, epochs=12)
    assert len(said) == 1 and "overfitting: since epoch" in said[0]
    assert first.callbacks[0].verdict.kind == "overfitting"
    again = monitored()
    again.history, again.epoch, again.step = list(first.history), 12, 2
    again.global_step = first.global_step
    again.fit(train, val, epochs=14)
    assert len(said) == 1
