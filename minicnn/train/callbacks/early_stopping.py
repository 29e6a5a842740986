"""Early stopping: training ends when validation no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Callback
from .monitor import Monitor

if TYPE_CHECKING:
    from ..trainer import Trainer


class EarlyStopping(Callback):
    """Stops after ``patience`` epochs in a row without an improvement of more than ``min_delta``.

    With ``restore_best`` the model has the state of the best epoch afterwards. Raises ValueError
    where the training has no validation set.
    Source: Prechelt, "Early stopping - but when?", 1998.
    """

    def __init__(
        self, patience: int = 5, monitor: str = "val_loss", min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:  # fmt: skip
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.patience, self.restore_best = patience, restore_best
        self.monitor = Monitor(monitor, min_delta)
        self.bad_epochs = 0
        self.best_state: dict[str, np.ndarray] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Check that there is something to watch."""
        if trainer.val_loader is None:
            raise ValueError(
                f"EarlyStopping: there must be a validation set to watch {self.monitor.name}, got "
                "none; pass one to fit, or leave early stopping out"
            )

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Count the epochs without improvement."""
        if self.monitor.improved(trainer.history[-1]):
            self.bad_epochs = 0
            self.best_state = trainer.evaluation_state() if self.restore_best else None
            return
        self.bad_epochs += 1
        if self.bad_epochs >= self.patience:
            trainer.stop(
                f"early stopping: {self.monitor.name} was best after epoch {self.monitor.epoch} "
                f"and not better in {self.bad_epochs} epochs since"
            )

    def on_fit_end(self, trainer: Trainer) -> None:
        """Put the best state into the model, unless the training was broken off."""
        if self.best_state is not None and not trainer.inside_epoch and not trainer.interrupted:
            trainer.model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """The best so far and the count."""
        state = {"monitor": self.monitor.state_dict(), "bad_epochs": self.bad_epochs}
        return state | ({} if self.best_state is None else {"best_state": self.best_state})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.monitor.load_state_dict(state_dict["monitor"])
        self.bad_epochs = state_dict["bad_epochs"]
        self.best_state = state_dict.get("best_state")
