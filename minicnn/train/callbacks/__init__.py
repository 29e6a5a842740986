"""What a training does beside batch, loss, backward and step: one callback per concern."""

from .augment import Augment, Mix
from .base import Callback
from .each_epoch import EachEpoch, EpochSchedule
from .progress import ProgressBar

__all__ = ["Augment", "Callback", "EachEpoch", "EpochSchedule", "Mix", "ProgressBar"]
