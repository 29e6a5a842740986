"""Presets: how the images of a data set are prepared, by one object, in training and prediction.

A checkpoint stores the preset with the weights, so that both can never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from .checks import check_whole
from .dataset import Dataset
from .pictures import to_mode
from .transforms import (
    CenterCrop,
    Compose,
    Cutout,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
    ToArray,
    Transform,
    cutout,
    from_config,
    random_shift,
    to_config,
)
from .transforms.batch import shift_and_normalize
from .transforms.compose import normalize
from .transforms.config import CLASSES

# Mean and standard deviation of the red, green and blue values in [0, 1] of ImageNet's images.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preset:
    """How images become the input of a network.

    Prediction: y = (x - mean) / std, per channel, of the centre ``crop`` x ``crop`` pixels after
    the shorter side was scaled to ``resize`` pixels.

    Training: instead of the centre, a random part with a share of the area in ``scale`` is scaled
    to ``crop`` pixels (None: the centre as well); then it is moved by up to ``shift`` pixels,
    mirrored by chance if ``flip``, changed by the transforms in ``random``, and a square of
    ``cutout`` pixels is blackened.

    `dataclasses.replace` makes a preset with other values of one that is there.

    Raises TypeError or ValueError for values that make no sense.
    """

    crop: int = 224
    resize: int = 256
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    scale: tuple[float, float] | None = (0.08, 1.0)
    shift: int = 0
    flip: bool = True
    cutout: int = 0
    random: tuple[Transform, ...] = ()
    name: str = "imagenet"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        check_whole(self.shift, 0, "Preset: shift")
        check_whole(self.cutout, 0, "Preset: cutout")
        _ = self.train, self.eval  # their parts check the other fields
        if len(self.mean) not in (1, 3):
            raise ValueError(
                f"Preset: mean must be 1 number (grey) or 3 (RGB), got {self.mean}; give as many"
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the network's input."""
        return len(self.mean), self.crop, self.crop

    @cached_property
    def eval(self) -> Compose:
        """What an image goes through in prediction and validation: -> (C, crop, crop) float32"""
        return Compose((*self._centre, *self._numbers))

    @cached_property
    def train(self) -> Compose:
        """What an image goes through in training: -> (C, crop, crop) float32"""
        place: tuple[Transform, ...] = self._centre
        if self.scale is not None:
            place = (RandomResizedCrop(self.crop, self.scale, interpolation=self.interpolation),)
        if self.shift:
            place += (RandomCrop(self.crop, self.shift),)
        if self.flip:
            place += (RandomHorizontalFlip(),)
        hidden = (Cutout(self.cutout),) if self.cutout else ()
        return Compose((*place, *self.random, *hidden, *self._numbers))

    @property
    def _centre(self) -> tuple[Transform, ...]:
        return Resize(self.resize, self.interpolation), CenterCrop(self.crop)

    @property
    def _numbers(self) -> tuple[Transform, ...]:
        return ToArray(), Normalize(self.mean, self.std)

    def __call__(self, image: Any) -> np.ndarray:
        """An image to predict, of Pillow in any mode or (H, W, C) -> (C, crop, crop) float32"""
        if not isinstance(image, np.ndarray):
            image = to_mode(image, len(self.mean))
        return self.eval(image)

    def augment(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What `train` does, for a batch (N, C, crop, crop) float32 in [0, 1] at once.

        Only where `scale` is None and `random` is empty: see `steps`.
        """
        if self.cutout:
            images = random_shift(images, self.shift, rng, self.flip)
            return self.normalize(cutout(images, self.cutout, rng))
        return shift_and_normalize(images, self.shift, rng, self.flip, self.mean, self.std)

    def normalize(self, images: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """What `eval` does, for a batch (N, C, crop, crop) float32 in [0, 1] at once."""
        return normalize(images, self.mean, self.std)

    def steps(self, dataset: Any, training: bool) -> dict[str, Any]:
        """The `transform` and `augment` with which a DataLoader prepares this data set.

        Images in memory that have the network's shape already are changed batch by batch, others
        one by one; the numbers mean the same.
        """
        whole = isinstance(dataset, Dataset) and dataset.images.shape[1:] == self.image_shape
        if whole and self.resize == self.crop and not training:
            return {"transform": None, "augment": self.normalize}
        if whole and self.resize == self.crop and self.scale is None and not self.random:
            return {"transform": None, "augment": self.augment}
        return {"transform": self.train if training else self.eval, "augment": None}

    def with_size(self, size: int) -> "Preset":
        """The same preset for images of size x size pixels."""
        check_whole(size, 1, "Preset: size")
        resize, shift = (round(n * size / self.crop) for n in (self.resize, self.shift))
        return replace(self, crop=size, resize=resize, shift=shift)

    def to_config(self) -> dict[str, Any]:
        """All fields as `json.dumps` can write them."""
        return to_config(self)

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> "Preset":
        """What `to_config` was called on. Raises ValueError for anything else."""
        preset = from_config(config, CLASSES | {"Preset": Preset})
        if not isinstance(preset, Preset):
            raise ValueError(
                f'Preset.from_config: must be written by to_config with "class": "Preset", got '
                f"{config!r}"
            )
        return preset


def _small(
    name: str, size: int, mean: tuple[float, ...], std: tuple[float, ...], shift: int, flip: bool
) -> Preset:
    """A preset for images that are small enough to be taken whole."""
    return Preset(size, size, mean=mean, std=std, scale=None, shift=shift, flip=flip, name=name)


# Means and deviations are those of the training images; digits and clothes have one channel.
PRESETS = {
    preset.name: preset
    for preset in (
        Preset(),
        _small("cifar10", 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 4, True),
        _small("cifar100", 32, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), 4, True),
        _small("mnist", 28, (0.1307,), (0.3081,), 2, False),
        _small("fashion_mnist", 28, (0.2860,), (0.3530,), 2, True),
        _small("digits", 8, (0.3054,), (0.3761,), 1, False),
        # Five kinds of flowers, photos of 128 pixels on which the flower fills most of the frame.
        Preset(
            128, 128, mean=(0.459, 0.420, 0.308), std=(0.267, 0.239, 0.257), scale=(0.25, 1.0),
            name="flowers",
        ),
    )
}  # fmt: skip


def get(name: str, size: int | None = None) -> Preset:
    """A preset by name, for images of `size` pixels if that is given.

    Raises ValueError for an unknown name.
    """
    if name not in PRESETS:
        near = get_close_matches(str(name).lower(), PRESETS, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise ValueError(
            f"presets: name must be one of {', '.join(PRESETS)}, got {name!r}; {advice}"
        )
    return PRESETS[name] if size is None else PRESETS[name].with_size(size)
