"""Parts of an image painted over, so that a network learns to look at the rest."""

import math
from dataclasses import dataclass

import numpy as np

from .fields import check_interval, check_number, check_whole
from .kinds import Image, RandomTransform, Rng, in_units_of, size_of, through_array

_ATTEMPTS = 10


def paint(image: Image, rows: slice, columns: slice, value: int | str, rng: Rng) -> Image:
    """Fill a rectangle with a grey level 0..255, or with "random" pixels."""

    def change(pixels: np.ndarray) -> np.ndarray:
        pixels = pixels.copy()
        part = pixels[rows, columns]
        if isinstance(value, str):
            noise = rng.integers(0, 256, part.shape, np.uint8)
            part[...] = noise if part.dtype == np.uint8 else noise / np.float32(255)
        else:
            part[...] = in_units_of(pixels, value)
        return pixels

    return through_array(image, change)


@dataclass(frozen=True)
class RandomErasing(RandomTransform):
    """Paint over a random rectangle with probability `p`.

    area = u * H * W with u uniform in `scale`, height / width = exp(v) with v uniform in the
    logarithms of `ratio`; after ten draws that do not fit, the image stays as it is. `value` is a
    grey level 0..255 or "random" for noise.

    Source: Z. Zhong et al., "Random erasing data augmentation", 2020, algorithm 1.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: int | str = 0

    def check(self) -> None:
        check_number(self.p, 0, 1, "RandomErasing: p")
        check_interval(self.scale, 0, 1, "RandomErasing: scale")
        check_interval(self.ratio, 0.01, 100, "RandomErasing: ratio")
        if self.value != "random":
            check_whole(self.value, 0, 'RandomErasing: value (if not "random")', 255)

    def apply(self, image: Image, rng: Rng) -> Image:
        if rng.random() >= self.p:
            return image
        h, w = size_of(image)
        for _ in range(_ATTEMPTS):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(*np.log(self.ratio)))
            height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < height < h and 0 < width < w:
                top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
                rows, columns = slice(top, top + height), slice(left, left + width)
                return paint(image, rows, columns, self.value, rng)
        return image


@dataclass(frozen=True)
class Cutout(RandomTransform):
    """Blacken a square of `length` pixels whose centre lies anywhere in the image.

    Near the border a part of the square lies outside.

    Source: T. DeVries, G. Taylor, "Improved regularization of convolutional neural networks with
    Cutout", 2017, section 3.2.
    """

    length: int

    def check(self) -> None:
        check_whole(self.length, 1, "Cutout: length")

    def apply(self, image: Image, rng: Rng) -> Image:
        rows, columns = (
            slice(max(0, start), max(0, start + self.length))
            for start in (int(rng.integers(0, n)) - self.length // 2 for n in size_of(image))
        )
        return paint(image, rows, columns, 0, rng)
