"""What a training shows: a moving bar where a terminal can, and a line per epoch anywhere."""

from typing import Any

from .history import Epoch


class Progress:
    """A bar for ``epochs`` of ``steps`` batches each, of which ``done`` batches are over.

    A bar needs a terminal. Into a file or a pipe only whole lines are written.
    """

    def __init__(self, epochs: int, steps: int, done: int = 0) -> None:
        self._epochs = epochs
        self._bar, self._task = _bar(epochs * steps, done)

    def start(self) -> None:
        """Show it."""
        self._bar.start()

    def stop(self) -> None:
        """Take it away; what was printed stays."""
        self._bar.stop()

    def step(self, epoch: int, loss: float) -> None:
        """One batch more is done."""
        text = f"epoch {epoch}/{self._epochs}, loss {loss:.4f}"
        self._bar.update(self._task, advance=1, description=text)

    def epoch(self, row: Epoch) -> None:
        """An epoch is done."""
        self.say(line(row, self._epochs))

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, markup=False)


def line(row: Epoch, epochs: int) -> str:
    """The numbers of an epoch in one line of plain ASCII."""
    number = f"{row.epoch:>{len(str(epochs))}}/{epochs}"
    train = f"train loss {row.train_loss:.4f} accuracy {row.train_accuracy:7.2%}"
    val = ""
    if row.val_loss is not None and row.val_accuracy is not None:
        val = f" | val loss {row.val_loss:.4f} accuracy {row.val_accuracy:7.2%}"
    return f"epoch {number} | {train}{val} | {row.seconds:.1f} s"


def _bar(total: int, done: int) -> tuple[Any, Any]:
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
    return bar, bar.add_task("starting", total=total, completed=done)
