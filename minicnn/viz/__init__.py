"""Pictures of what a network does, as PNG, and of what it is, as SVG. Nothing needs a screen."""

from .diagram import draw_model
from .plots import plot_confusion, plot_history, plot_images

__all__ = ["draw_model", "plot_confusion", "plot_history", "plot_images"]
