"""Mixing the images of a training batch with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer

Mixing = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


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
