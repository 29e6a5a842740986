"""Curves of a training, sheets of images."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from .canvas import BLUE, GREY, INK, new_figure, save


def plot_history(history: Sequence[Any], path: str | PathLike[str]) -> None:
    """Draw loss and accuracy by epoch, of training and validation.

    Each row has epoch, train_loss, train_accuracy, val_loss and val_accuracy, the last two
    perhaps None, as `minicnn.train.fit` returns them. Accuracies are shares in [0, 1].

    Raises ValueError for an empty history.
    """
    if not history:
        raise ValueError("plot_history: there must be at least one epoch, got none; train first")
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row.epoch for row in history]
    for axes, what, scale in ((left, "loss", 1), (right, "accuracy", 100)):
        for part, colour in (("train", GREY), ("val", BLUE)):
            values = [getattr(row, f"{part}_{what}") for row in history]
            if None not in values:
                label = "training" if part == "train" else "validation"
                _curve(axes, epochs, np.multiply(scale, values), label, colour, scale == 100)
        axes.set_xlabel("epoch")
        axes.set_title(f"{what} (%)" if scale == 100 else what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.grid(axis="y", color="#ececec")
    left.set_ylim(0, 1.08 * left.get_ylim()[1])
    save(figure, path)


def _curve(
    axes: Any, epochs: list[int], values: np.ndarray, label: str, colour: str, percent: bool
) -> None:
    last = f"{label} {values[-1]:.2f} %" if percent else f"{label} {values[-1]:.3f}"
    marker = "o" if len(epochs) <= 40 else ""
    axes.plot(
        epochs, values, color=colour, marker=marker, markersize=3.5, linewidth=1.8, label=last
    )
    axes.legend(frameon=False, loc="lower right" if percent else "upper right")


def plot_images(
    images: np.ndarray, labels: Sequence[str], path: str | PathLike[str], columns: int = 8
) -> None:
    """Draw a sheet of images (N, C, H, W) in [0, 1], C = 1 or 3, each under its label.

    Raises ValueError if there are none, or not one label per image.
    """
    n = len(images)
    if n == 0 or images.ndim != 4 or images.shape[1] not in (1, 3) or len(labels) != n:
        raise ValueError(
            "plot_images: images must be (N, 1 or 3, H, W) with one label each, got "
            f"{images.shape} and {len(labels)} labels"
        )
    columns = min(columns, n)
    rows = -(-n // columns)
    figure = new_figure(1.25 * columns, 1.5 * rows)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if i < n:
            picture = images[i].transpose(1, 2, 0)
            axes.imshow(picture.squeeze(-1) if len(images[i]) == 1 else picture,
                        cmap="gray", vmin=0, vmax=1, interpolation="nearest")  # fmt: skip
            axes.set_title(str(labels[i]), fontsize=10, color=INK)
    save(figure, path)
