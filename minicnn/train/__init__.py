"""Training: the loop, what it measures, and the folder that keeps its results."""

from .augment import random_shift
from .figures import write_figures
from .history import Epoch, History, read_csv, write_csv
from .loop import Evaluation, evaluate, fit, predict
from .metrics import Metrics
from .mistakes import Mistake, save_mistakes, worst_mistakes
from .report import write_report
from .run import create_run, load_weights, read_config, save_run

__all__ = [
    "Epoch", "Evaluation", "History", "Metrics", "Mistake", "create_run", "evaluate", "fit",
    "load_weights", "predict", "random_shift", "read_config", "read_csv", "save_mistakes",
    "save_run", "worst_mistakes", "write_csv", "write_figures", "write_report",
]  # fmt: skip
