"""Pictures of what a network does, as PNG, and of what it is, as SVG. Nothing needs a screen."""

from .calibration import plot_reliability, plot_scores
from .classes import plot_classes
from .confusion import plot_confusion
from .diagram import draw_model
from .lr_sweep import plot_lr_sweep
from .mistakes import plot_mistakes
from .plots import plot_history, plot_images
from .race import plot_race
from .runs import plot_runs
from .thresholds import Curve, plot_pr, plot_roc

__all__ = [
    "Curve", "draw_model", "plot_classes", "plot_confusion", "plot_history", "plot_images",
    "plot_lr_sweep", "plot_mistakes", "plot_pr", "plot_race", "plot_reliability", "plot_roc",
    "plot_runs", "plot_scores",
]  # fmt: skip
