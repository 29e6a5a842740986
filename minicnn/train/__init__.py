"""Training: the loop, what it measures, and the folder that keeps its results."""

from ..data.transforms import random_shift
from .history import Epoch, History, read_csv, write_csv
from .loop import evaluate, fit, predict, training_loader
from .measure import Evaluation
from .run import create_run, load_weights, read_config, save_run
from .trainer import Trainer

__all__ = [
    "Epoch", "Evaluation", "History", "Trainer", "create_run", "evaluate", "fit", "load_weights",
    "predict", "random_shift", "read_config", "read_csv", "save_run", "training_loader",
    "write_csv",
]  # fmt: skip
