"""minicnn: convolutional networks from scratch, small enough to read and fast enough to use."""

import os
import sys

if "numpy" not in sys.modules:
    # OpenBLAS's threads wait for work by spinning, which makes a training step up to 20 times
    # slower as soon as anything else runs on the machine. 4 lets them sleep almost at once.
    # OpenBLAS reads this when NumPy is imported; a value that the user has set stands.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

from . import nn, ops, optim, random
from .folding import fuse
from .kernels import override, use_kernels
from .kernels.precision import set_precision
from .kernels.threads import get_num_threads, set_num_threads
from .modes import anomaly_mode, is_recording, no_grad, observe
from .random import manual_seed
from .tensor import Tensor, grad, record

__version__ = "0.1.0"

__all__ = [
    "Tensor", "anomaly_mode", "fuse", "get_num_threads", "grad", "is_recording", "manual_seed",
    "nn", "no_grad", "observe", "ops", "optim", "override", "random", "record", "set_num_threads",
    "set_precision", "use_kernels",
]  # fmt: skip
