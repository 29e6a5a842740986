"""Several trainings side by side: accuracy by time."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from .canvas import BLUE, GREY, ORANGE, new_figure, save


def plot_race(results: Sequence[Any], path: str | PathLike[str]) -> None:
    """Draw the validation accuracy of trainings by wall time, first ones in stronger colours.

    Each result has a name, and as many seconds as accuracies, shares in [0, 1]; the legend has the
    last one. Raises ValueError if one has none.
    """
    empty = [result.name for result in results if not result.seconds]
    if empty or not results:
        raise ValueError(f"plot_race: every training must be measured, got none of {empty}")
    figure = new_figure(6.5, 3.8)
    axes = figure.subplots()
    for i, result in enumerate(results):
        percent = [100 * a for a in result.accuracies]
        label = f"{result.name} {percent[-1]:.1f} %"
        colour = (BLUE, ORANGE, GREY)[i % 3]
        axes.plot(result.seconds, percent, color=colour, marker="o", markersize=3, label=label)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.set_xlabel("seconds")
    axes.set_title("validation accuracy (%)")
    axes.grid(axis="y", color="#ececec")
    axes.legend(frameon=False, loc="lower right")
    save(figure, path)
