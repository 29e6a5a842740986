"""What happens once per epoch: a function of the history, a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...optim import ReduceLROnPlateau, Schedule
from ..history import History
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class EachEpoch(Callback):
    """Calls ``function(history)`` after each epoch."""

    def __init__(self, function: Callable[[History], Any]) -> None:
        self.function = function

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Call it."""
        self.function(trainer.history)


class EpochSchedule(Callback):
    """A learning-rate schedule that counts epochs.

    `ReduceLROnPlateau` is given the validation loss, or the training loss without validation.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Go on by one."""
        if isinstance(self.schedule, ReduceLROnPlateau):
            row = trainer.history[-1]
            self.schedule.step(row.train_loss if row.val_loss is None else row.val_loss)
        else:
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's."""
        return self.schedule.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the learning rate that was reached."""
        self.schedule.load_state_dict(state_dict)
