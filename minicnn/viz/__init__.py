"""Pictures of what a network does, as PNG files. Nothing here needs a screen."""

from .plots import plot_confusion, plot_history, plot_images

__all__ = ["plot_confusion", "plot_history", "plot_images"]
