"""Data sets as NumPy arrays, and the loader that cuts them into batches.

Nothing here knows a Tensor: images are (N, C, H, W) float32 in [0, 1], labels (N,) int64.
"""

from .catalog import find_data, load
from .dataset import Dataset
from .digits import digits
from .folder import FileDataset, ImageFolder, folder_splits
from .idx import read_idx
from .loader import DataLoader
from .mnist import mnist
from .pictures import open_image
from .presets import Preset
from .shapes import shapes
from .table import from_csv

__all__ = [
    "DataLoader",
    "Dataset",
    "FileDataset",
    "ImageFolder",
    "Preset",
    "digits",
    "find_data",
    "folder_splits",
    "from_csv",
    "load",
    "mnist",
    "open_image",
    "read_idx",
    "shapes",
]
