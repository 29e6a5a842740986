"""Overfitting or underfitting: what the curves of training and validation say together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..history import Epoch

EPOCHS = 5  # fewer say little
_NOISE = 0.03  # relative changes of the validation loss that happen by chance


class Verdict(NamedTuple):
    """``kind``: "too early", "overfitting", "underfitting", "healthy" or "validation better".

    ``best_epoch`` has the smallest validation loss (training loss without validation).
    """

    kind: str
    best_epoch: int
    saw: str
    means: str
    advice: str

    @property
    def short(self) -> str:
        """Without what it means."""
        return self._with_advice(f"{self.kind}: {self.saw}.")

    def __str__(self) -> str:
        return self._with_advice(f"{self.kind}: {self.saw}. {self.means}")

    def _with_advice(self, text: str) -> str:
        return f"{text} Try: {self.advice}" if self.advice else text


def judge(history: Sequence[Epoch], classes: int | None = None) -> Verdict:
    """Judge a training by its epochs so far.

    overfitting         the validation loss has risen for 3 epochs or more, by over 10 %, while the
                        training loss went on falling
    underfitting        training and validation are both poor, and flat for 3 epochs
    validation better   the training loss is the larger one, in the mean of the last 3 epochs
    healthy             everything else

    Poor is an accuracy nearer to guessing than to 100 %, with ``classes`` of the same size (of an
    unknown number guessing gives 0). Raises ValueError for an empty history.
    """
    if not history:
        raise ValueError("judge: there must be at least one epoch, got none; train first")
    train = np.array([row.train_loss for row in history])
    val = np.array([np.nan if row.val_loss is None else row.val_loss for row in history])
    if np.isnan(val).any():
        best = history[int(train.argmin())].epoch
        return Verdict(
            "too early", best, "there is no validation loss",
            "Without images that were not trained on nobody can tell learning from memorising.",
            "split off a validation set",
        )  # fmt: skip
    best = int(val.argmin())
    if len(history) < EPOCHS:
        return Verdict(
            "too early", history[best].epoch, f"{len(history)} epochs are done",
            f"Curves of fewer than {EPOCHS} epochs say little.", "",
        )  # fmt: skip
    judges = (_overfitting, _underfitting, _validation_better)
    return next((v for j in judges if (v := j(history, train, val, best, classes))), None) or (
        _healthy(history, train, val, best)
    )


def _overfitting(
    history: Sequence[Epoch], train: np.ndarray, val: np.ndarray, best: int, classes: int | None
) -> Verdict | None:
    since = len(val) - 1 - best
    rise = np.median(val[-3:]) / max(val[best], 1e-12) - 1
    still_falling = np.median(train[-3:]) < 0.97 * train[best]
    if since < 3 or rise < 0.10 or not still_falling or train[-1] > val[-1]:
        return None
    row = history[best]
    return Verdict(
        "overfitting", row.epoch,
        f"since epoch {row.epoch} the validation loss rose from {val[best]:.3f} to {val[-1]:.3f} "
        f"while the training loss fell from {train[best]:.3f} to {train[-1]:.3f}",
        "The network learns the training images by heart, and what it learns there no longer holds "
        f"for others. The weights of epoch {row.epoch} were the best.",
        "stop there (EarlyStopping, best checkpoint); more images or augmentation; dropout, weight "
        "decay, label smoothing; a smaller network",
    )  # fmt: skip


def _underfitting(
    history: Sequence[Epoch], train: np.ndarray, val: np.ndarray, best: int, classes: int | None
) -> Verdict | None:
    accuracy = np.mean([row.train_accuracy for row in history[-3:]])
    chance = 1 / classes if classes else 0.0
    fell = 1 - train[-1] / max(train[-4], 1e-12)
    if accuracy > (1 + chance) / 2 or fell > _NOISE / 3 or val[-1] > 1.5 * train[-1]:
        return None
    return Verdict(
        "underfitting", history[best].epoch,
        f"the training accuracy is {accuracy:.1%} and the training loss {train[-1]:.3f}, "
        f"{max(fell, 0):.1%} lower than 3 epochs ago; validation is alike ({val[-1]:.3f})",
        "The network does not even fit the images that it is trained on, and has stopped getting "
        "better.",
        "another learning rate (find_lr; a smaller one if the loss jumps), a larger network, less "
        "weight decay, dropout and augmentation, and look at images with their labels",
    )  # fmt: skip


def _validation_better(
    history: Sequence[Epoch], train: np.ndarray, val: np.ndarray, best: int, classes: int | None
) -> Verdict | None:
    if not np.mean(val[-3:]) < (1 - _NOISE) * np.mean(train[-3:]):
        return None
    return Verdict(
        "validation better", history[best].epoch,
        f"the validation loss ({val[-1]:.3f}) is smaller than the training loss ({train[-1]:.3f})",
        "That is no mistake: training is measured with augmentation and dropout, and along the "
        "epoch while the weights still get better; validation comes after it, without them. The "
        "network has room to learn more.",
        "train longer while the validation loss falls; if there is neither augmentation nor "
        "dropout, see whether validation images are in the training set too",
    )  # fmt: skip


def _healthy(history: Sequence[Epoch], train: np.ndarray, val: np.ndarray, best: int) -> Verdict:
    fell = 1 - val[best:].min() / max(val[: max(len(val) - 3, 1)].min(), 1e-12)
    longer = best >= len(val) - 2 and fell > _NOISE
    return Verdict(
        "healthy", history[best].epoch,
        f"training loss {train[-1]:.3f}, validation loss {val[-1]:.3f}, the best in epoch "
        f"{history[best].epoch}",
        "What was learnt holds for new images."
        + (" The validation loss is still falling." if longer else ""),
        "more epochs" if longer else "",
    )  # fmt: skip
