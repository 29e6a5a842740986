"""Heat maps of a gradient: by the rule, by differences, and where the two differ."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .maps import GradientMap

PANELS = 64  # of the leading axes; the rest is not drawn
CELLS = 400  # rows and columns at most
GAP = 1  # cells between two panels
TITLES = ("yours", "right", "yours - right")


def draw(maps: Sequence[GradientMap], path: str | PathLike[str]) -> None:
    """Write a PNG with a row per gradient: yours, the right one, the difference.

    The first two have one colour scale, white at 0. Entries that are wrong are framed. The last
    two axes of a gradient are the rows and columns of a panel; panels of the others stand in a
    grid.

    Raises ValueError if there is nothing to draw or the name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"picture: the name must end in .png, got {path}; choose another")
    maps = [m for m in maps if m.analytic.size]
    if not maps:
        raise ValueError("picture: there must be gradients to draw, got none; nothing was compared")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 0.6 + 2.9 * len(maps)), dpi=130, layout="constrained")
    figure.suptitle(f"probe: {maps[0].probe}", fontsize=10, color="#333333")
    rows = figure.subplots(len(maps), 3, squeeze=False)
    for axes, gradient in zip(rows, maps, strict=True):
        _row(figure, axes, gradient)
    figure.savefig(path, format="png", metadata={"Software": "minicnn"})


def _row(figure: Any, axes: Any, gradient: GradientMap) -> None:
    given, right = gradient.analytic, gradient.numeric
    arrays = (given, right, given - right)
    shared = _scale(given, right)
    for i, (ax, array, title) in enumerate(zip(axes, arrays, TITLES, strict=True)):
        scale = shared if i < 2 else _scale(array)
        image = ax.imshow(_sheet(array), cmap="RdBu_r", vmin=-scale, vmax=scale,
                          interpolation="nearest", aspect=_aspect(array))  # fmt: skip
        image.get_cmap().set_bad("#dddddd")
        if i == 2:
            _frame(ax, gradient.wrong)
        count = f", {int(gradient.wrong.sum())} of {given.size} wrong" if i == 2 else ""
        ax.set_title(f"{gradient.name}: {title}{count}", fontsize=9, color="#333333")
        _label(ax, gradient)
        if i > 0:
            figure.colorbar(image, ax=ax, fraction=0.046).ax.tick_params(labelsize=7)


def _scale(*arrays: np.ndarray) -> float:
    """The largest finite number, of both signs alike."""
    sizes = [abs(a[np.isfinite(a)]).max(initial=0) for a in arrays]
    return float(max(sizes)) or 1.0


def _panels(array: np.ndarray) -> np.ndarray:
    """(panels, rows, columns): the last two axes, of as many panels as are drawn."""
    flat = np.atleast_2d(array)
    return flat.reshape(-1, *flat.shape[-2:])[:PANELS, :CELLS, :CELLS]


def _columns(array: np.ndarray) -> int:
    """Panels per row: as many as the second last of the leading axes has, or a square of them."""
    count = len(_panels(array))
    inner = array.shape[-3] if array.ndim > 3 else 0
    return inner if 0 < inner <= count <= 16 * inner else int(np.ceil(np.sqrt(count)))


def _sheet(array: np.ndarray) -> np.ma.MaskedArray:
    """All panels on one sheet, gaps between them masked; so are numbers that are not finite."""
    panels, columns = _panels(array), _columns(array)
    _, h, w = panels.shape
    rows = -(-len(panels) // columns)
    sheet = np.full((rows * (h + GAP) - GAP, columns * (w + GAP) - GAP), np.nan)
    for i, panel in enumerate(panels):
        top, left = (i // columns) * (h + GAP), (i % columns) * (w + GAP)
        sheet[top : top + h, left : left + w] = panel
    return np.ma.masked_invalid(sheet)


def _aspect(array: np.ndarray) -> str:
    """Square cells, unless that would make a thread of a row."""
    h, w = _sheet(array).shape
    return "equal" if max(h, w) <= 12 * min(h, w) else "auto"


def _frame(ax: Any, wrong: np.ndarray) -> None:
    """A dark frame round every wrong entry."""
    from matplotlib.patches import Rectangle

    for y, x in np.argwhere(_sheet(wrong.astype(float)).filled(0) == 1)[:2000]:
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, lw=0.6, ec="#333333"))


def _label(ax: Any, gradient: GradientMap) -> None:
    """The axes' names; those of the grid before those inside a panel."""
    ax.set_xticks([])
    ax.set_yticks([])
    names, ndim = gradient.axes, gradient.analytic.ndim
    inside = ("", *names)[-2:] if ndim else ("", "")
    outside = names[:-2]
    down = " × ".join(outside[:-1]) if _columns(gradient.analytic) > 1 and ndim > 3 else ""
    across = outside[-1] if ndim > 3 else " × ".join(outside)
    ax.set_xlabel(_named(inside[1], across), fontsize=8)
    ax.set_ylabel(_named(inside[0], down), fontsize=8)


def _named(axis: str, panels: str) -> str:
    return f"{axis} (panels: {panels})" if panels else axis
