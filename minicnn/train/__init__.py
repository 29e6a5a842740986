"""Training: the loop, what it measures, and the folder that keeps its results."""

from ..data.transforms import random_shift
from .checkpoint import load_checkpoint, save_checkpoint
from .history import Epoch, History, read_csv, write_csv
from .loop import evaluate, fit, predict, training_loader
from .measure import Evaluation
from .run import create_run, load_weights, lock_run, read_config
from .signals import stop_on_signals
from .trainer import Trainer

__all__ = [
    "Epoch", "Evaluation", "History", "Trainer", "create_run", "evaluate", "fit",
    "load_checkpoint", "load_weights", "lock_run", "predict", "random_shift", "read_config",
    "read_csv", "save_checkpoint", "stop_on_signals", "training_loader", "write_csv",
]  # fmt: skip
