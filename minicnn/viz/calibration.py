"""Are probabilities to be believed: the reliability diagram, and histograms of scores."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from .canvas import BLUE, GREY, INK, ORANGE, new_figure, save


def plot_reliability(bins: Any, path: str | PathLike[str], *, outcome: str = "accuracy") -> None:
    """Draw what came true over what was predicted, and how often each was predicted.

    ``bins`` are edges (M + 1,), counts, confidence and accuracy (M,) as `metrics.reliability_bins`
    gives them; their mean distance, weighted by counts, is the expected calibration error.

    Raises ValueError if all bins are empty.
    """
    edges, counts, confidence, accuracy = map(np.asarray, bins)
    n = counts.sum()
    if n == 0:
        raise ValueError("plot_reliability: there must be predictions, got none")
    full = counts > 0
    figure = new_figure(5.4, 6.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    width, middle = np.diff(edges)[full], (edges[:-1] + edges[1:])[full] / 2
    top.bar(middle, accuracy[full], width, color=BLUE, edgecolor="white", label=outcome)
    gap = accuracy - confidence
    low = np.minimum(accuracy, confidence)[full]
    top.bar(middle, np.abs(gap)[full], width, low, color="none", edgecolor=ORANGE, hatch="///",
            linewidth=1, label="distance from confidence")  # fmt: skip
    top.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="perfect")
    error = np.average(np.abs(gap[full]), weights=counts[full])
    too = "too sure" if np.average(gap[full], weights=counts[full]) < 0 else "not sure enough"
    top.set_title(f"expected calibration error {error:.2%} ({too})", color=INK)
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel=outcome)
    top.legend(loc="upper left", framealpha=0.9, edgecolor="white")  # bars may lie behind it
    bottom.bar(middle, 100 * counts[full] / n, width, color=GREY, edgecolor="white")
    bottom.set(xlabel="predicted probability", ylabel=f"% of {n:,}")
    for axes in (top, bottom):
        axes.grid(axis="y", color="#ececec")
        axes.set_axisbelow(True)
    save(figure, path)


def plot_scores(
    groups: Mapping[str, np.ndarray], path: str | PathLike[str], *, label: str = "probability"
) -> None:
    """Draw the histogram of each group's scores in [0, 1], in per cent of its group.

    At most two groups, such as those of right and of wrong answers; empty ones are left out.

    Raises ValueError if there are none or more.
    """
    filled = {name: np.asarray(values) for name, values in groups.items() if len(values)}
    if not 1 <= len(filled) <= 2 or len(groups) > 2:
        raise ValueError(
            f"plot_scores: there must be one or two groups with scores, got {len(filled)} of "
            f"{len(groups)}"
        )
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    looks = ((BLUE, "-", 0.25), (ORANGE, "--", 0.25))
    for name, (colour, style, alpha) in zip(groups, looks, strict=False):
        if name in filled:
            values = filled[name]
            share, edges = np.histogram(values, 25, (0, 1))
            share = 100 * share / len(values)
            axes.stairs(share, edges, fill=True, color=colour, alpha=alpha)
            axes.stairs(share, edges, color=colour, linestyle=style, linewidth=1.8,
                        label=f"{name} ({len(values):,})")  # fmt: skip
    axes.set(xlim=(0, 1), xlabel=label, ylabel="% of its group")
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.grid(axis="y", color="#ececec")
    axes.legend(frameon=False, loc="upper center", ncols=2)
    save(figure, path)
