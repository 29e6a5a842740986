"""Data sets as NumPy arrays, and the loader that cuts them into batches.

Nothing here knows a Tensor: a batch is images (B, C, H, W) float32 and labels (B,) int64, or
(B, K) float32 where an image may have several classes.
"""

from .archives import unpack
from .catalog import CATALOG, Entry, entry, find_data, load, names
from .cifar import cifar10, cifar100
from .dataset import Dataset, LabelledImages
from .digits import digits
from .flowers102 import flowers102
from .folder import FileDataset, ImageFolder, folder_splits
from .idx import read_idx
from .idx_sets import fashion_mnist, mnist
from .loader import DataLoader
from .pictures import open_image
from .presets import Preset
from .samples import SampleError
from .sampling import ClassBalancedSampler, Sampler, WeightedSampler, class_weights
from .shapes import shapes
from .splits import stratified_split, train_val_split
from .table import from_csv

__all__ = [
    "CATALOG",
    "ClassBalancedSampler",
    "DataLoader",
    "Dataset",
    "Entry",
    "FileDataset",
    "ImageFolder",
    "LabelledImages",
    "Preset",
    "SampleError",
    "Sampler",
    "WeightedSampler",
    "cifar10",
    "cifar100",
    "class_weights",
    "digits",
    "entry",
    "fashion_mnist",
    "find_data",
    "flowers102",
    "folder_splits",
    "from_csv",
    "load",
    "mnist",
    "names",
    "open_image",
    "read_idx",
    "shapes",
    "stratified_split",
    "train_val_split",
    "unpack",
]
