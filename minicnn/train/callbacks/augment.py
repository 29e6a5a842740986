"""Random changes of each training batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Mixing = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


class Augment(Callback):
    """Changes the images: ``augment(images, rng)``, the generator a function of seed and batch."""

    def __init__(self, augment: Augmentation) -> None:
        self.augment = augment

    def on_batch_start(self, trainer: Trainer) -> None:
        """Replace the images of the batch."""
        rng = np.random.default_rng([trainer.seed, trainer.epoch - 1, trainer.step - 1, 1])
        images, labels = trainer.batch
        trainer.batch = self.augment(images, rng), labels


class Mix(Callback):
    """Mixes images with each other, and their labels alike: mixup, cutmix.

    ``mix(images, shares, rng)`` returns both anew; shares are (B, K) float32, see `Task.shares`.
    """

    def __init__(self, mix: Mixing) -> None:
        self.mix = mix

    def on_batch_start(self, trainer: Trainer) -> None:
        """Replace the batch."""
        rng = np.random.default_rng([trainer.seed, trainer.epoch - 1, trainer.step - 1, 2])
        images, labels = trainer.batch
        shares = trainer.task.shares(labels, len(trainer.train_loader.dataset.classes))
        trainer.batch = self.mix(images, shares, rng)
