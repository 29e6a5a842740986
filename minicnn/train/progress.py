"""What a training shows: a moving bar where a terminal can, and a line per epoch anywhere."""

from typing import Any, Self

from .history import Epoch


class Progress:
    """A bar for ``epochs`` of ``steps`` batches each; with ``shown`` False nothing at all.

    A bar needs a terminal. Into a file or a pipe only whole lines are written.
    """

    def __init__(self, epochs: int, steps: int, shown: bool) -> None:
        self._epochs, self._bar = epochs, None
        if shown:
            self._bar, self._task = _bar(epochs * steps)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, epoch: int, loss: float) -> None:
        """One batch more is done."""
        if self._bar is not None:
            text = f"epoch {epoch}/{self._epochs}, loss {loss:.4f}"
            self._bar.update(self._task, advance=1, description=text)

    def epoch(self, row: Epoch) -> None:
        """An epoch is done."""
        if self._bar is not None:
            self._bar.console.print(line(row, self._epochs))


def line(row: Epoch, epochs: int) -> str:
    """The numbers of an epoch in one line of plain ASCII."""
    number = f"{row.epoch:>{len(str(epochs))}}/{epochs}"
    train = f"train loss {row.train_loss:.4f} accuracy {row.train_accuracy:7.2%}"
    test = ""
    if row.test_loss is not None and row.test_accuracy is not None:
        test = f" | test loss {row.test_loss:.4f} accuracy {row.test_accuracy:7.2%}"
    return f"epoch {number} | {train}{test} | {row.seconds:.1f} s"


def _bar(total: int) -> tuple[Any, Any]:
    from rich import progress
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return bar, bar.add_task("starting", total=total)
