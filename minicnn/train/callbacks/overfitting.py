"""Watches the gap between training and validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..diagnosis.gap import Verdict, judge
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class OverfittingMonitor(Callback):
    """Says once when a training overfits or underfits, and keeps a ``verdict`` for the report.

    See `train.diagnosis.gap.judge` for what it goes by. Without validation it is silent.
    """

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self._said: set[str] = set()

    def on_fit_start(self, trainer: Trainer) -> None:
        """What the epochs before a resume showed was said then."""
        for done in range(1, len(trainer.history) + 1):
            self.verdict = judge(trainer.history[:done], self._classes(trainer))
            self._said.add(self.verdict.kind)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Judge the history with the epoch that is just done."""
        self.verdict = judge(trainer.history, self._classes(trainer))
        kind = self.verdict.kind
        if kind in ("overfitting", "underfitting") and kind not in self._said:
            self._said.add(kind)
            trainer.say(f"epoch {trainer.epoch}, {self.verdict.short}")

    def _classes(self, trainer: Trainer) -> int | None:
        # An image of several labels is right only where all are: guessing gives next to nothing.
        multilabel = trainer.task.name == "multilabel"
        return None if multilabel else len(trainer.train_loader.dataset.classes)
