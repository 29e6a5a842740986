"""Checkpoints while training: the whole state of the last epoch, the weights of the best."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import weights
from ..checkpoint import save_checkpoint
from .base import Callback
from .monitor import Monitor

if TYPE_CHECKING:
    from ..trainer import Trainer

LAST, BEST = "last.safetensors", "best.safetensors"


class Checkpoint(Callback):
    """Keeps `last.safetensors`, from which a training resumes, and `best.safetensors`, to be used.

    Both are written after each epoch, ``last`` also after every ``save_every`` steps and when the
    training is interrupted. Without validation the best epoch is the last one.
    """

    order = 1  # after the others, so that what they remember of this step is saved

    def __init__(
        self, folder: str | PathLike[str], monitor: str = "val_loss", save_every: int = 0,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.save_every, self.config = Path(folder), save_every, config
        self.monitor = Monitor(monitor)

    def on_step_end(self, trainer: Trainer) -> None:
        """Save now and then."""
        if self.save_every and trainer.global_step % self.save_every == 0:
            self._save_last(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save; the best first: a kill between the two makes the epoch run, and be saved, again."""
        if self.monitor.improved(trainer.history[-1]):
            weights.save(self.folder / BEST, trainer.evaluation_state())
        self._save_last(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Save what an interrupted training has reached inside an epoch, or before the first."""
        if trainer.interrupted and (trainer.inside_epoch or not trainer.history):
            self._save_last(trainer)

    def _save_last(self, trainer: Trainer) -> None:
        save_checkpoint(self.folder / LAST, trainer.state_dict(), self.config)

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return self.monitor.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing."""
        self.monitor.load_state_dict(state_dict)
