"""Curves of a training, confusion matrices, sheets of images.

Figures are made without pyplot, which keeps a global state and may want a screen. The same numbers
give the same file, byte for byte, with the same version of matplotlib.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

BLUE, ORANGE, GREY, INK = "#1f5f99", "#d9722b", "#9a9a9a", "#333333"
_MOST_NUMBERS = 30  # classes; with more, the numbers in a confusion matrix are too small to read


def plot_history(history: Sequence[Any], path: str | PathLike[str]) -> None:
    """Draw loss and accuracy by epoch, of training and test.

    Each row has epoch, train_loss, train_accuracy, test_loss and test_accuracy, the last two
    perhaps None, as `minicnn.train.fit` returns them. Accuracies are shares in [0, 1].

    Raises ValueError for an empty history.
    """
    if not history:
        raise ValueError("plot_history: there must be at least one epoch, got none; train first")
    figure = _figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row.epoch for row in history]
    for axes, what, scale in ((left, "loss", 1), (right, "accuracy", 100)):
        for part, colour in (("train", GREY), ("test", BLUE)):
            values = [getattr(row, f"{part}_{what}") for row in history]
            if None not in values:
                _curve(axes, epochs, np.multiply(scale, values), part, colour, scale == 100)
        axes.set_xlabel("epoch")
        axes.set_title(f"{what} (%)" if scale == 100 else what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.grid(axis="y", color="#ececec")
    left.set_ylim(0, 1.08 * left.get_ylim()[1])
    _save(figure, path)


def _curve(
    axes: Any, epochs: list[int], values: np.ndarray, label: str, colour: str, percent: bool
) -> None:
    last = f"{label} {values[-1]:.2f} %" if percent else f"{label} {values[-1]:.3f}"
    marker = "o" if len(epochs) <= 40 else ""
    axes.plot(
        epochs, values, color=colour, marker=marker, markersize=3.5, linewidth=1.8, label=last
    )
    axes.legend(frameon=False, loc="lower right" if percent else "upper right")


def plot_confusion(matrix: np.ndarray, classes: Sequence[str], path: str | PathLike[str]) -> None:
    """Draw a confusion matrix (K, K): how many images of class ``row`` were taken for ``column``.

    Right answers are blue, mistakes orange; the colour shows the share of the row, its square root
    so that a single mistake can be seen.

    Raises ValueError if matrix and classes do not fit.
    """
    k = len(classes)
    if matrix.shape != (k, k):
        raise ValueError(
            f"plot_confusion: the matrix must be {(k, k)} for {k} classes, got {matrix.shape}"
        )
    side = min(max(3.2, 0.52 * k + 1.2), 14)
    figure = _figure(side, side)
    axes = figure.subplots()
    share = np.sqrt(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))
    axes.imshow(_two_colours(share))
    if k <= _MOST_NUMBERS:
        for row, column in np.argwhere(matrix):
            light = share[row, column] > 0.6
            colour = "white" if light else INK
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour)
    long = max(map(len, classes)) > 3
    axes.set_xticks(range(k), classes, rotation=90 if long else 0)
    axes.set_yticks(range(k), classes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    right, n = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(f"{right:,} of {n:,} right ({right / max(n, 1):.2%})")
    _grid_between(axes, k)
    _save(figure, path)


def _two_colours(share: np.ndarray) -> np.ndarray:
    """(K, K) in [0, 1] -> (K, K, 3): from white to blue on the diagonal, to orange beside it."""
    from matplotlib.colors import to_rgb

    full = np.where(np.eye(len(share), dtype=bool)[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    return 1 - share[..., None] * (1 - full)


def _grid_between(axes: Any, k: int) -> None:
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e4e4", linewidth=0.8)
    axes.grid(which="major", visible=False)
    axes.tick_params(which="both", length=0)


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
    figure = _figure(1.25 * columns, 1.5 * rows)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if i < n:
            picture = images[i].transpose(1, 2, 0)
            axes.imshow(picture.squeeze(-1) if len(images[i]) == 1 else picture,
                        cmap="gray", vmin=0, vmax=1, interpolation="nearest")  # fmt: skip
            axes.set_title(str(labels[i]), fontsize=10, color=INK)
    _save(figure, path)


def _figure(width: float, height: float) -> Any:
    """An empty figure; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def _save(figure: Any, path: str | PathLike[str]) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right", "left", "bottom"]].set_color("#cccccc")
        axes.tick_params(colors=INK)
    figure.savefig(path, format="png", metadata={"Software": "minicnn"})
