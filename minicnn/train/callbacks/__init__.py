"""What a training does beside batch, loss, backward and step: one callback per concern."""

from .augment import Augment, Mix
from .base import Callback
from .doctor import Doctor
from .each_epoch import EachEpoch, EpochSchedule
from .ema import EMA
from .overfitting import OverfittingMonitor
from .progress import ProgressBar
from .unfreezing import GradualUnfreezing

__all__ = [
    "EMA", "Augment", "Callback", "Doctor", "EachEpoch", "EpochSchedule", "GradualUnfreezing",
    "Mix", "OverfittingMonitor", "ProgressBar",
]  # fmt: skip
