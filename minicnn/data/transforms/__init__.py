"""Transforms: images changed at random while training, and prepared alike while predicting.

`Compose((Resize(256), CenterCrop(224), ToArray(), Normalize(mean, std)))` is called with an image
(Pillow, or (H, W, C) uint8 or float32) and a NumPy generator. `batch` has those that change a whole
batch (N, C, H, W) at once. Names and defaults are torchvision's.
"""

from .affine import RandomAffine, RandomRotation
from .batch import CutMix, MixUp, cutout, random_flip, random_shift
from .colour import ColorJitter, Grayscale
from .compose import Compose, Normalize, ToArray, is_random
from .config import from_config, to_config
from .erasing import Cutout, RandomErasing
from .geometry import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
)
from .kinds import RandomTransform, Transform
from .randaugment import RandAugment

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "CutMix", "Cutout", "Grayscale", "MixUp", "Normalize",
    "RandAugment", "RandomAffine", "RandomCrop", "RandomErasing", "RandomHorizontalFlip",
    "RandomResizedCrop", "RandomRotation", "RandomTransform", "RandomVerticalFlip", "Resize",
    "ToArray", "Transform", "cutout", "from_config", "is_random", "random_flip", "random_shift",
    "to_config",
]  # fmt: skip
