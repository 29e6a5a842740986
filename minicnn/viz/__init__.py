"""Pictures of what a network does, as PNG, and of what it is, as SVG. Nothing needs a screen."""

from .diagram import draw_model
from .lr_sweep import plot_lr_sweep
from .plots import plot_confusion, plot_history, plot_images
from .race import plot_race

__all__ = [
    "draw_model", "plot_confusion", "plot_history", "plot_images", "plot_lr_sweep", "plot_race",
]  # fmt: skip
