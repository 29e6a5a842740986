"""The curve of a learning-rate sweep."""

from collections.abc import Sequence
from os import PathLike

from .canvas import BLUE, GREY, ORANGE, new_figure, save


def plot_lr_sweep(
    lrs: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestion: float,
    path: str | PathLike[str],
) -> None:  # fmt: skip
    """Draw loss by learning rate, as measured and smoothed, with the suggested rate marked.

    Raises ValueError for fewer than two points.
    """
    if len(lrs) < 2:
        raise ValueError(f"plot_lr_sweep: there must be at least two steps, got {len(lrs)}")
    figure = new_figure(6.5, 3.8)
    axes = figure.subplots()
    axes.plot(lrs, losses, color=GREY, linewidth=0.8, label="each step")
    axes.plot(lrs, smoothed, color=BLUE, linewidth=1.8, label="smoothed")
    axes.axvline(suggestion, color=ORANGE, linestyle="--", label=f"suggestion {suggestion:.2g}")
    top = max(smoothed[0], min(smoothed)) * 1.5
    axes.set_ylim(0, max(top, 1e-6))
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_title("loss")
    axes.grid(axis="y", color="#ececec")
    axes.legend(frameon=False, loc="upper left")
    save(figure, path)
