"""minicnn: convolutional networks from scratch, small enough to read and fast enough to use."""

from . import nn, ops, optim, random
from .kernels import override, use_kernels
from .modes import anomaly_mode, is_recording, no_grad, observe
from .random import manual_seed
from .tensor import Tensor, grad, record

__version__ = "0.1.0"

__all__ = [
    "Tensor", "anomaly_mode", "grad", "is_recording", "manual_seed", "nn", "no_grad", "observe",
    "ops", "optim", "override", "random", "record", "use_kernels",
]  # fmt: skip
