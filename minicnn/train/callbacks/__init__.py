"""What a training does beside batch, loss, backward and step: one callback per concern."""

from .augment import Augment, Mix
from .base import Callback
from .checkpoint import Checkpoint
from .clipping import ClipGradNorm
from .each_epoch import EachEpoch, EpochSchedule
from .early_stopping import EarlyStopping
from .logs import CSVLogger, TensorBoard
from .progress import ProgressBar

__all__ = [
    "Augment", "CSVLogger", "Callback", "Checkpoint", "ClipGradNorm", "EachEpoch", "EarlyStopping",
    "EpochSchedule", "Mix", "ProgressBar", "TensorBoard",
]  # fmt: skip
