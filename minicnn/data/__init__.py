"""Data sets as NumPy arrays, and the loader that cuts them into batches.

Nothing here knows a Tensor: a batch is images (B, C, H, W) float32 and labels (B,) int64, or
(B, K) float32 where an image may have several classes.
"""

from .catalog import find_data, load
from .dataset import Dataset, LabelledImages
from .digits import digits
from .folder import FileDataset, ImageFolder, folder_splits
from .idx import read_idx
from .loader import DataLoader
from .mnist import mnist
from .pictures import open_image
from .presets import Preset
from .samples import SampleError
from .sampling import ClassBalancedSampler, Sampler, WeightedSampler, class_weights
from .shapes import shapes
from .splits import stratified_split, train_val_split
from .table import from_csv

__all__ = [
    "ClassBalancedSampler",
    "DataLoader",
    "Dataset",
    "LabelledImages",
    "SampleError",
    "Sampler",
    "WeightedSampler",
    "class_weights",
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
    "stratified_split",
    "train_val_split",
]
