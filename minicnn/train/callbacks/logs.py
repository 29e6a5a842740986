"""What a training writes while it goes on: a table, and curves for TensorBoard."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..history import Epoch, write_csv
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class CSVLogger(Callback):
    """Writes the history as a table, a line per epoch."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    def on_fit_start(self, trainer: Trainer) -> None:
        """Write what is known already: after a kill the table may be older than the checkpoint."""
        write_csv(trainer.history, self.path)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write the table anew."""
        write_csv(trainer.history, self.path)


class TensorBoard(Callback):
    """Writes a row of the history per epoch as scalars; needs the package tensorboardX.

    `tensorboard --logdir FOLDER` shows them. Raises RuntimeError without the package.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        try:
            import tensorboardX  # noqa: F401
        except ImportError as error:
            raise RuntimeError(
                "TensorBoard: the package tensorboardX must be installed, got none; "
                'pip install tensorboardX, or install minicnn with its extra "tensorboard"'
            ) from error
        self.folder = Path(folder)
        self._writer: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open the log; what a killed run wrote of later epochs is overruled."""
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(self.folder), purge_step=len(trainer.history) + 1)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write the row."""
        row = trainer.history[-1]
        for name in Epoch._fields[1:]:
            value = getattr(row, name)
            if value is not None:
                self._writer.add_scalar(name.replace("_", "/", 1), value, row.epoch)
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
