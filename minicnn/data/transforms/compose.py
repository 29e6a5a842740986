"""Transforms in a row, and the two that end it: image to array, array to normalised array."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import kernels_for
from .fields import check_number
from .kinds import Image, RandomTransform, Rng, Transform


@dataclass(frozen=True)
class Compose(Transform):
    """One transform after the other."""

    transforms: tuple[Transform, ...]

    def check(self) -> None:
        if not isinstance(self.transforms, tuple):
            raise TypeError(
                f"Compose: transforms must be a tuple, got {self.transforms!r}; write (t1, t2, ...)"
            )
        for transform in self.transforms:
            if not callable(transform):
                raise TypeError(f"Compose: each transform must be callable, got {transform!r}")

    def __call__(self, image: Image, rng: Rng | None = None) -> Any:
        """The image after the last transform."""
        for transform in self.transforms:
            image = transform(image, rng)
        return image


def is_random(transform: Transform) -> bool:
    """Whether a transform, or one inside it, needs a generator."""
    if isinstance(transform, Compose):
        return any(is_random(part) for part in transform.transforms)
    return isinstance(transform, RandomTransform)


@dataclass(frozen=True)
class ToArray(Transform):
    """An image as numbers in [0, 1]: (H, W, C) or Pillow -> (C, H, W) float32

    y = x / 255 for bytes
    """

    def apply(self, image: Image, rng: Rng | None) -> np.ndarray:
        pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        # Bytes are put in order before they become four times as many.
        planes = np.array(pixels.transpose(2, 0, 1), order="C")
        return planes if planes.dtype == np.float32 else planes / np.float32(255)


@dataclass(frozen=True)
class Normalize(Transform):
    """y = (x - mean) / std, per channel: (C, H, W) float32 -> the same

    Raises ValueError if the array has not as many channels as there are means.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def check(self) -> None:
        for field, low in (("mean", -1e6), ("std", 1e-6)):
            values = getattr(self, field)
            if not isinstance(values, tuple) or not values:
                raise TypeError(
                    f"Normalize: {field} must be one number per channel, got {values!r}; "
                    "write (value,) for grey images"
                )
            for value in values:
                check_number(value, low, 1e6, f"Normalize: {field}")
        if len(self.mean) != len(self.std):
            raise ValueError(
                f"Normalize: mean and std must agree in number, got {len(self.mean)} and "
                f"{len(self.std)}; give one of each per channel"
            )

    def __call__(self, image: np.ndarray, rng: Rng | None = None) -> np.ndarray:
        """Normalise what `ToArray` made of an image."""
        if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3:
            raise TypeError(
                f"Normalize: takes an array (C, H, W) float32, got {_kind(image)}; "
                "put ToArray() before it"
            )
        return normalize(image, self.mean, self.std)


def normalize(images: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """y = (x - mean) / std: (C, H, W) or (N, C, H, W) float32 -> the same

    Raises ValueError for another number of channels than of means.
    """
    if images.shape[-3] != len(mean):
        raise ValueError(
            f"Normalize: the array must have {len(mean)} channels, as many as there are means, got "
            f"{images.shape}; put ToArray() before it, or open images with channels={len(mean)}"
        )
    if images.ndim == 4 and len(mean) > 1:  # with one channel, NumPy is as fast
        stay, stats = np.zeros(len(images), int), (np.array(mean, "f4"), np.array(std, "f4"))
        return kernels_for(images).shift_images(images, stay, stay, stay != 0, stats)
    result = np.empty_like(images)
    for c, (m, s) in enumerate(zip(mean, std, strict=True)):
        plane = result[..., c, :, :]
        np.subtract(images[..., c, :, :], np.float32(m), out=plane)
        plane /= np.float32(s)
    return result


def _kind(image: Any) -> str:
    if isinstance(image, np.ndarray):
        return f"{image.dtype} of shape {image.shape}"
    return type(image).__name__
