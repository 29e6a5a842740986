"""What a lesson's full run has measured: kept as CSV beside the lesson's page, and committed."""

from collections.abc import Callable, Mapping
from typing import Any

from ..train import read_csv, write_csv
from ..train.history import History
from . import figures
from .course import find_course

DATA = "CIFAR-10"
SOURCE = "(on a copy of CIFAR-10 whose images went through JPEG at quality 75)"


def recorded(
    lesson: str, name: str, run: Callable[..., History], *arguments: Any, **options: Any
) -> History:
    """The metrics of a training that takes minutes, run(*arguments, **options), epoch by epoch.

    A full run trains and writes them to lessons/LESSON/NAME.csv; fast mode reads them there. Empty
    where there are none yet.
    """
    path = find_course().folder / lesson / f"{name}.csv"
    if not figures.FAST:
        path.parent.mkdir(exist_ok=True)
        write_csv(run(*arguments, **options), path)
    return read_csv(path) if path.exists() else []


def table(records: Mapping[str, History], title: str = DATA) -> str:
    """A line per training: the images wrong in and after its last epoch, and the minutes it took.

    Says so where there is no record.
    """
    done = {name: history for name, history in records.items() if history}
    if not done:
        return f"{title}: no full run is recorded yet"
    wide = max(map(len, [title, *done]))
    lines = [f"{title:{wide}}  epochs  training, % wrong  test, % wrong  minutes"]
    for name, history in done.items():
        end, minutes = history[-1], sum(epoch.seconds for epoch in history) / 60
        wrong = [100 - 100 * share for share in (end.train_accuracy, end.val_accuracy or 0)]
        lines.append(f"{name:{wide}}{len(history):8}{wrong[0]:19.1f}{wrong[1]:15.1f}{minutes:9.1f}")
    return "\n".join([*lines, SOURCE] if figures.FAST and title == DATA else lines)


def draw(records: Mapping[str, History]) -> Any:
    """A matplotlib figure: the share of the training images that is wrong, by epoch."""
    from matplotlib.figure import Figure

    axes = (fig := Figure((5, 2.8), layout="constrained")).subplots()
    for name, history in records.items():
        wrong = [100 - 100 * epoch.train_accuracy for epoch in history]
        axes.plot(range(1, len(wrong) + 1), wrong, "o-", ms=3, label=name)
    axes.set(xlabel="epoch", ylabel="training images, % wrong", ylim=0)
    axes.legend(frameon=False)
    return fig
