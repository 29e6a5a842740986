"""Data sets as NumPy arrays, and the loader that cuts them into batches.

Nothing here knows a Tensor: images are (N, C, H, W) float32 in [0, 1], labels (N,) int64.
"""

from .catalog import find_data, load
from .dataset import Dataset
from .digits import digits
from .idx import read_idx
from .loader import DataLoader
from .mnist import mnist
from .shapes import shapes

__all__ = [
    "DataLoader",
    "Dataset",
    "digits",
    "find_data",
    "load",
    "mnist",
    "read_idx",
    "shapes",
]
