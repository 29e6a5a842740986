"""Data sets as NumPy arrays, and the loader that cuts them into batches.

Nothing here knows a Tensor: images are (N, C, H, W) uint8, or float32 in [0, 1], labels (N,) int64.
"""

from .archives import unpack
from .catalog import CATALOG, Entry, entry, find_data, load, names
from .cifar import cifar10, cifar100
from .dataset import Dataset
from .digits import digits
from .flowers102 import flowers102
from .folder import FileDataset
from .idx import read_idx
from .idx_sets import fashion_mnist, mnist
from .loader import DataLoader
from .shapes import shapes

__all__ = [
    "CATALOG",
    "DataLoader",
    "Dataset",
    "Entry",
    "FileDataset",
    "cifar10",
    "cifar100",
    "digits",
    "entry",
    "fashion_mnist",
    "find_data",
    "flowers102",
    "load",
    "mnist",
    "names",
    "read_idx",
    "shapes",
    "unpack",
]
