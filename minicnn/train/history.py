"""What a training has done so far: one row of numbers per epoch."""

import csv
import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from ..weights import write_atomically


class Epoch(NamedTuple):
    """One pass over the training set.

    Losses are means per image, accuracies shares in [0, 1]. Those of training were measured along
    the way, on augmented images while the weights changed; ``lr`` is the learning rate at the end.
    ``val_loss`` and ``val_accuracy`` are those of the model after the epoch on the validation
    images, None where there were none.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float


History = list[Epoch]


def write_csv(history: Sequence[Epoch], path: str | PathLike[str]) -> None:
    """Write one line per epoch under a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Epoch._fields)
    writer.writerows(history)
    write_atomically(path, text.getvalue().encode("utf-8"))


def read_csv(path: str | PathLike[str]) -> History:
    """Read what `write_csv` wrote. Raises ValueError for anything else."""
    path = Path(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0]) != Epoch._fields:
        raise ValueError(
            f"{path}: the first line must be {','.join(Epoch._fields)}, got "
            f"{','.join(rows[0]) if rows else 'an empty file'}; is it the metrics of a run?"
        )
    return [_epoch(path, number, row) for number, row in enumerate(rows[1:], 2)]


def _epoch(path: Path, line: int, row: list[str]) -> Epoch:
    try:
        numbers = [float(cell) if cell else None for cell in row]
        return Epoch(int(row[0]), *numbers[1:])  # type: ignore[arg-type]
    except (ValueError, TypeError, IndexError) as error:
        names = len(Epoch._fields)
        raise ValueError(f"{path}: line {line} must have {names} numbers, got {row}") from error
