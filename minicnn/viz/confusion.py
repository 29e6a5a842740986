"""The confusion matrix as a picture."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from .canvas import BLUE, INK, ORANGE, new_figure, plain, save

_MOST_NUMBERS = 30  # classes; with more, the numbers are too small to read
_MOST_NAMES = 150
_POINTS = 72  # per inch


def plot_confusion(
    matrix: np.ndarray, classes: Sequence[str], path: str | PathLike[str], *,
    normalize: bool = False,
) -> None:  # fmt: skip
    """Draw a confusion matrix (K, K): how many images of class ``row`` were taken for ``column``.

    Right answers are blue, mistakes orange; the colour shows the share of the row, its square root
    so that a single mistake can be seen. With ``normalize`` the numbers are per cent of the row.

    Raises ValueError if matrix and classes do not fit.
    """
    k = len(classes)
    if matrix.shape != (k, k) or k == 0:
        raise ValueError(
            f"plot_confusion: the matrix must be {(k, k)} for {k} classes, got {matrix.shape}"
        )
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cells = k + 0.16 * max(len(plain(name)) for name in classes)  # with room for the names
    cell = float(np.clip(13 / cells, 0.1, 0.52))  # inches; 14 in all, or more for very many
    side = max(4.4, cell * cells + 1)
    figure = new_figure(side, side)
    axes = figure.subplots()
    depth = np.sqrt(share)
    axes.imshow(_two_colours(depth), interpolation="nearest")
    if k <= _MOST_NUMBERS:
        texts = _per_cent(share) if normalize else [[f"{n:d}" for n in row] for row in matrix]
        _write_numbers(axes, matrix, texts, depth, cell)
    _name_classes(axes, classes, cell)
    right, n = int(np.trace(matrix)), int(matrix.sum())
    unit = ", in % of each row" if normalize else ""
    title = f"{right:,} of {n:,} right ({right / max(n, 1):.2%}){unit}"
    figure.suptitle(title, color=INK, fontsize=10 if k <= 20 else 14)
    _grid_between(axes, k)
    save(figure, path)


def _write_numbers(
    axes: Any, matrix: np.ndarray, texts: list[list[str]], depth: np.ndarray, cell: float
) -> None:
    longest = max(len(text) for row in texts for text in row)
    size = min(10.0, 1.5 * cell * _POINTS / max(longest, 3))
    for row, column in np.argwhere(matrix):
        colour = "white" if depth[row, column] > 0.6 else INK
        text = axes.text(column, row, texts[row][column], ha="center", va="center", color=colour,
                         fontsize=size)  # fmt: skip
        text.set_in_layout(False)  # it lies within the axes, and measuring 900 takes long


def _per_cent(share: np.ndarray) -> list[list[str]]:
    """Whole numbers, but a decimal for what would round to 0 or wrongly to 100."""
    return [
        [f"{100 * p:.0f}" if 0.01 <= p < 0.995 or p in (0, 1) else f"{100 * p:.1f}" for p in row]
        for row in share
    ]


def _name_classes(axes: Any, classes: Sequence[str], cell: float) -> None:
    """Names beside rows and below columns; of very many, numbers at some of them."""
    k = len(classes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    if k > _MOST_NAMES:
        return
    names = [plain(name) for name in classes]
    size = min(10.0, 0.72 * cell * _POINTS)
    upright = max(map(len, names)) > 3 or k > 20
    axes.set_xticks(range(k), names, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(range(k), names, fontsize=size)


def _two_colours(share: np.ndarray) -> np.ndarray:
    """(K, K) in [0, 1] -> (K, K, 3): from white to blue on the diagonal, to orange beside it."""
    from matplotlib.colors import to_rgb

    full = np.where(np.eye(len(share), dtype=bool)[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    return 1 - share[..., None] * (1 - full)


def _grid_between(axes: Any, k: int) -> None:
    edges = np.arange(1, k) - 0.5
    if k <= _MOST_NUMBERS:
        axes.hlines(edges, -0.5, k - 0.5, color="#e4e4e4", linewidth=0.8)
        axes.vlines(edges, -0.5, k - 0.5, color="#e4e4e4", linewidth=0.8)
    axes.tick_params(length=0)
