"""The progress bar as a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..progress import Progress
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class ProgressBar(Callback):
    """A moving bar where a terminal can show one, and a line per epoch anywhere."""

    order = 2  # what a line tells is kept already: whoever sees it may press Ctrl-C

    def __init__(self) -> None:
        self._shown: Progress | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Show the bar, as full as the steps that are done."""
        self._shown = Progress(trainer.epochs, trainer.steps, done=trainer.global_step)
        self._shown.start()
        trainer.printer = self._shown.say

    def on_step_end(self, trainer: Trainer) -> None:
        """One batch more is done."""
        if self._shown is not None:
            self._shown.step(trainer.epoch, trainer.loss_value)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the epoch's line."""
        if self._shown is not None:
            self._shown.epoch(trainer.history[-1])

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()
        self._shown, trainer.printer = None, print
