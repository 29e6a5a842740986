"""Precision, recall and F1 of each class."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from .canvas import COLOURS, INK, new_figure, plain, save

_MOST = 60  # classes in one picture


def plot_classes(rows: Sequence[Any], path: str | PathLike[str]) -> None:
    """Draw a bar for each class's F1, with marks for precision and recall; the weakest come first.

    Each row is name, precision, recall, F1 and number of samples, as `Metrics.table` gives them.
    Of more than 60 classes the weakest 60 are shown.

    Raises ValueError if there are none.
    """
    if not rows:
        raise ValueError("plot_classes: there must be at least one class, got none")
    shown = sorted(rows, key=lambda row: row[3])[:_MOST]
    height = 0.3 if len(shown) <= 20 else 0.2
    figure = new_figure(7.4, 1.5 + height * len(shown))
    axes = figure.subplots()
    places = range(len(shown))
    names, precision, recall, f1, support = zip(*shown, strict=True)
    axes.barh(places, f1, 0.62, color="#c9d9e8", label="F1")
    looks = {"s": 26, "zorder": 3, "clip_on": False}
    axes.scatter(precision, places, marker="<", color=COLOURS[1], label="precision", **looks)
    axes.scatter(recall, places, marker=">", color=COLOURS[0], label="recall", **looks)
    for place, value, n in zip(places, f1, support, strict=True):
        axes.text(1.03, place, f"{value:.3f}   {n:,}", va="center", fontsize=8, color=INK,
                  family="monospace")  # fmt: skip
    axes.text(1.03, -0.85, "F1      images", fontsize=8, color=INK, family="monospace")
    size = 10 if len(shown) <= 20 else 8
    axes.set_yticks(places, [plain(name) for name in names], fontsize=size)
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6))
    axes.grid(axis="x", color="#ececec")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    if len(rows) > len(shown):
        axes.set_title(f"the weakest {len(shown)} of {len(rows)} classes", color=INK, pad=18)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    save(figure, path)
