"""Which epoch was the best so far."""

from __future__ import annotations

import math
from typing import Any

from ..history import Epoch

MONITORS = ("val_accuracy", "val_loss")


class Monitor:
    """Remembers the best value of a column of the history.

    ``name`` is "val_loss" or "val_accuracy"; of two epochs of equal accuracy that of less loss is
    the better one. An improvement must be more than ``min_delta``.
    """

    def __init__(self, name: str = "val_loss", min_delta: float = 0.0) -> None:
        if name not in MONITORS:
            raise ValueError(f"monitor: must be one of {', '.join(MONITORS)}, got {name!r}")
        if not min_delta >= 0:
            raise ValueError(f"monitor: min_delta must be at least 0, got {min_delta}")
        self.name, self.min_delta = name, min_delta
        self.best: tuple[float, ...] | None = None
        self.epoch = 0

    def improved(self, row: Epoch) -> bool:
        """Whether this epoch is the best so far; if so it is remembered."""
        score = self._score(row)
        better = score is None or self.best is None or self._better(score, self.best)
        if better:
            self.best, self.epoch = score, row.epoch
        return better

    def _score(self, row: Epoch) -> tuple[float, ...] | None:
        """What is greater for a better epoch; None where nothing was measured: the latest wins."""
        if row.val_loss is None or row.val_accuracy is None:
            return None
        loss = -math.inf if math.isnan(row.val_loss) else -row.val_loss
        return (row.val_accuracy, loss) if self.name == "val_accuracy" else (loss,)

    def _better(self, score: tuple[float, ...], best: tuple[float, ...]) -> bool:
        return score[0] > best[0] + self.min_delta if self.min_delta else score > best

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"monitor": self.name, "best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing with the saved best."""
        if state_dict["monitor"] != self.name:
            raise ValueError(
                f"resume: the monitor must be {state_dict['monitor']!r} as before, got "
                f"{self.name!r}"
            )
        self.best, self.epoch = state_dict["best"], state_dict["epoch"]
