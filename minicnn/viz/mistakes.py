"""A sheet of images that were taken for something else."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from .canvas import BLUE, INK, ORANGE, new_figure, plain, save


def plot_mistakes(
    images: Sequence[np.ndarray], truths: Sequence[str], guesses: Sequence[str],
    notes: Sequence[str], path: str | PathLike[str], columns: int = 5,
) -> None:  # fmt: skip
    """Draw images (H, W, C) of any sizes, uint8 or float in [0, 1], each with three lines below it.

    The true class is blue, the class it was taken for orange, a note such as the confidence grey.

    Raises ValueError if there are none, or not one text each.
    """
    n = len(images)
    if n == 0 or not len(truths) == len(guesses) == len(notes) == n:
        raise ValueError(
            "plot_mistakes: there must be images with a truth, a guess and a note each, got "
            f"{n}, {len(truths)}, {len(guesses)} and {len(notes)}"
        )
    rows = -(-n // columns)
    figure = new_figure(1.95 * columns, 2.55 * rows, layout=None)
    _place(figure, rows, columns)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if i < n:
            image = np.asarray(images[i])
            image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
            top = 255 if image.dtype == np.uint8 else 1
            axes.imshow(image, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
            lines = ((truths[i], BLUE, "bold"), (guesses[i], ORANGE, "bold"), (notes[i], INK, None))
            for row, (text, colour, weight) in enumerate(lines):
                axes.annotate(
                    plain(text, 24), (0.5, 0), (0, -4 - 12 * row), "axes fraction",
                    "offset points", ha="center", va="top", fontsize=8, color=colour,
                    fontweight=weight,
                )  # fmt: skip
    save(figure, path)


def _place(figure: Any, rows: int, columns: int) -> None:
    """Fixed places: a layout that makes room for long texts would make images tiny."""
    width, height = figure.get_size_inches()
    side, text, gap = 0.05, 0.62, 0.12  # inches
    image_width = (width - 2 * side - (columns - 1) * gap) / columns
    image_height = (height - side - rows * text) / rows
    figure.subplots_adjust(
        left=side / width, right=1 - side / width, bottom=text / height, top=1 - side / height,
        wspace=gap / image_width, hspace=text / image_height,
    )  # fmt: skip
