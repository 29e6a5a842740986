"""What a training does beside batch, loss, backward and step: one callback per concern."""

from .base import Callback
from .checkpoint import Checkpoint
from .clipping import ClipGradNorm
from .doctor import Doctor
from .each_epoch import EachEpoch, EpochSchedule
from .early_stopping import EarlyStopping
from .ema import EMA
from .logs import CSVLogger, TensorBoard
from .mixing import Mix
from .overfitting import OverfittingMonitor
from .progress import ProgressBar
from .unfreezing import GradualUnfreezing

__all__ = [
    "EMA", "CSVLogger", "Callback", "Checkpoint", "ClipGradNorm", "Doctor", "EachEpoch",
    "EarlyStopping", "EpochSchedule", "GradualUnfreezing", "Mix", "OverfittingMonitor",
    "ProgressBar", "TensorBoard",
]  # fmt: skip
