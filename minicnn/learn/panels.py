"""Pictures in a row, and curves side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def images(shown: Mapping[str, np.ndarray]) -> Any:
    """A matplotlib figure of images (3, H, W) in [0, 1], each under its name."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(len(shown), 1.25), layout="constrained")
    for axes, (name, image) in zip(fig.subplots(1, len(shown)), shown.items(), strict=True):
        axes.imshow(image.transpose(1, 2, 0).clip(0, 1))
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=8)
    return fig


def accuracies(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Any:
    """A matplotlib figure with shares by step or epoch, from 1 on; what is empty is left out.

    ``panels`` has the curves by name, by the text below the panel.
    """
    from matplotlib.figure import Figure

    panels = {below: curves for below, curves in panels.items() if any(map(len, curves.values()))}
    fig = Figure(figsize=(4.2 * len(panels), 2.8), layout="constrained")
    every = fig.subplots(1, len(panels), squeeze=False)[0]
    for axes, (below, curves) in zip(every, panels.items(), strict=True):
        for name, shares in curves.items():
            axes.plot(range(1, len(shares) + 1), shares, label=name)
        axes.set(xlabel=below, ylabel="share that is right", ylim=(0, 1), xlim=1)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=8)
    return fig
