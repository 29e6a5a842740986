"""Curves over thresholds: ROC, precision and recall."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from .canvas import COLOURS, GREY, INK, STYLES, new_figure, plain, save

_MOST_COLOURS = 10  # curves; of more, only the worst have a colour
_WORST = 6


class Curve(NamedTuple):
    """One class: points (T,) and (T,) in [0, 1], and the area below."""

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float


def plot_roc(curves: Sequence[Curve], path: str | PathLike[str]) -> None:
    """Draw true positive rate over false positive rate, one curve per class.

    Of more than ten classes, all are grey but the six with the smallest area. Curves with an area
    of nan are left out.

    Raises ValueError if there is none.
    """
    figure, axes = _plot("plot_roc", curves, "ROC area", drawstyle="default")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, zorder=1)
    axes.text(0.52, 0.49, "chance", color="#707070", fontsize=9, rotation=45,
              rotation_mode="anchor", va="top")  # fmt: skip
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate (recall)")
    axes.set_title("ROC: each class against the rest" if len(curves) > 1 else "ROC", color=INK)
    save(figure, path)


def plot_pr(curves: Sequence[Curve], path: str | PathLike[str]) -> None:
    """Draw precision over recall, one curve per class; otherwise as `plot_roc`."""
    figure, axes = _plot("plot_pr", curves, "average precision", drawstyle="steps-post")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    many = ": each class against the rest" if len(curves) > 1 else ""
    axes.set_title(f"Precision and recall{many}", color=INK)
    save(figure, path)


def _plot(where: str, curves: Sequence[Curve], area: str, drawstyle: str) -> tuple[Any, Any]:
    drawn = sorted((c for c in curves if not np.isnan(c.area)), key=lambda c: c.area)
    if not drawn:
        raise ValueError(
            f"{where}: a curve needs samples inside and outside of its class, got "
            f"{len(curves)} classes and none with both; evaluate on more samples"
        )
    figure = new_figure(8.2, 5)
    axes = figure.subplots()
    many = len(drawn) > _MOST_COLOURS
    shown = drawn[:_WORST] if many else drawn
    for curve in drawn[len(shown) :]:
        axes.plot(curve.x, curve.y, color=GREY, linewidth=0.6, alpha=0.6, drawstyle=drawstyle)
    for i, curve in enumerate(shown):
        axes.plot(
            curve.x, curve.y, color=COLOURS[i % len(COLOURS)], linestyle=STYLES[i // len(COLOURS)],
            linewidth=1.8, drawstyle=drawstyle, label=f"{curve.area:.3f}  {plain(curve.name)}",
            zorder=3,
        )  # fmt: skip
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), aspect="equal")
    axes.grid(color="#ececec")
    title = f"{area}, mean {np.mean([c.area for c in drawn]):.3f}" if len(drawn) > 1 else area
    title += f"\nthe lowest {len(shown)} of {len(drawn)} classes:" if many else ""
    legend = axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0), title=title)
    legend.set_alignment("left")
    return figure, axes
