"""The curves of several trainings in one picture."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from .canvas import COLOURS, INK, STYLES, new_figure, plain, save


def plot_runs(runs: Mapping[str, Sequence[Any]], path: str | PathLike[str]) -> None:
    """Draw loss and accuracy on validation images by epoch, one curve per run.

    Each run is a history as `plot_history` takes it; a run without validation shows those of
    training, and its name says so.

    Raises ValueError if no run has an epoch.
    """
    filled = {name: history for name, history in runs.items() if history}
    if not filled:
        raise ValueError("plot_runs: a run must have epochs to be drawn, got none; train first")
    figure = new_figure(9, 4 + 0.17 * len(filled))
    left, right = figure.subplots(1, 2)
    for i, (name, history) in enumerate(filled.items()):
        part = "train" if history[-1].val_loss is None else "val"
        label = plain(name, 60) + (" (training images)" if part == "train" else "")
        look = {"color": COLOURS[i % len(COLOURS)],
                "linestyle": STYLES[i // len(COLOURS) % len(STYLES)], "linewidth": 1.8,
                "marker": "o" if len(history) <= 40 else "", "markersize": 3.5}  # fmt: skip
        epochs = [row.epoch for row in history]
        losses = [getattr(row, f"{part}_loss") for row in history]
        shares = [getattr(row, f"{part}_accuracy") for row in history]
        left.plot(epochs, losses, **look)
        right.plot(epochs, [100 * value for value in shares], label=label, **look)
    for axes, title in ((left, "loss"), (right, "accuracy (%)")):
        axes.set_title(title, color=INK)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", color="#ececec")
    left.set_ylim(bottom=0)
    figure.legend(frameon=False, loc="outside lower center", ncols=1 if len(filled) < 4 else 2)
    save(figure, path)
