"""Where the pixels of an image come from: resize, crop, flip."""

import math
from dataclasses import dataclass

import numpy as np

from ..pictures import MOST_PIXELS
from .fields import (
    INTERPOLATIONS,
    both,
    check_choice,
    check_interval,
    check_number,
    check_size,
    check_whole,
)
from .kinds import Image, RandomTransform, Rng, Transform, resampling, size_of, through_pillow

Size = int | tuple[int, int]
_ATTEMPTS = 10


def crop(image: Image, top: int, left: int, height: int, width: int) -> Image:
    """Cut out a rectangle; what lies outside the image is 0."""
    if not isinstance(image, np.ndarray):
        return image.crop((left, top, left + width, top + height))
    h, w, c = image.shape
    if top >= 0 and left >= 0 and top + height <= h and left + width <= w:
        return image[top : top + height, left : left + width]
    cut = np.zeros((height, width, c), image.dtype)
    i0, i1 = _inside(top, height, h)
    j0, j1 = _inside(left, width, w)
    cut[i0:i1, j0:j1] = image[top + i0 : top + i1, left + j0 : left + j1]
    return cut


def _inside(start: int, length: int, side: int) -> tuple[int, int]:
    """Which part of `length` places from `start` on lies in 0..side: (first, after the last)."""
    first = min(max(0, -start), length)
    return first, max(first, min(length, side - start))


def resize(image: Image, height: int, width: int, interpolation: str) -> Image:
    """Scale to height x width; when it shrinks, each pixel is a mean of all that it covers."""
    if height * width > MOST_PIXELS:
        h, w = size_of(image)
        raise ValueError(
            f"resize: the result must have at most {MOST_PIXELS:,} pixels, got {height} x {width} "
            f"from an image of {h} x {w}; cut the image first or give (height, width)"
        )
    filter_ = resampling(interpolation)
    return through_pillow(image, lambda picture: picture.resize((width, height), filter_))


@dataclass(frozen=True)
class Resize(Transform):
    """Scale the shorter side to `size` pixels, or the image to `size` = (height, width).

    long side = floor(size * long / short), as torchvision has it

    "bilinear" and "bicubic" are antialiased, "nearest" is not.
    """

    size: Size
    interpolation: str = "bilinear"

    def check(self) -> None:
        check_size(self.size, "Resize: size")
        check_choice(self.interpolation, INTERPOLATIONS, "Resize: interpolation")

    def apply(self, image: Image, rng: Rng | None) -> Image:
        if isinstance(self.size, tuple):
            height, width = self.size
        else:
            h, w = size_of(image)
            height, width = (int(self.size * side / min(h, w)) for side in (h, w))
        return resize(image, height, width, self.interpolation)


@dataclass(frozen=True)
class CenterCrop(Transform):
    """Cut out the middle `size` pixels; a smaller image gets a black border."""

    size: Size

    def check(self) -> None:
        check_size(self.size, "CenterCrop: size")

    def apply(self, image: Image, rng: Rng | None) -> Image:
        height, width = both(self.size)
        h, w = size_of(image)
        # torchvision rounds halves to even numbers where it cuts, and down where it adds a border.
        top, left = (
            round((have - want) / 2) if have >= want else -((want - have) // 2)
            for have, want in ((h, height), (w, width))
        )
        return crop(image, top, left, height, width)


@dataclass(frozen=True)
class RandomCrop(RandomTransform):
    """Cut out `size` pixels anywhere, after a black border of `padding` pixels was put around.

    Raises ValueError for an image that is smaller than `size` with its border.
    """

    size: Size
    padding: int = 0

    def check(self) -> None:
        check_size(self.size, "RandomCrop: size")
        check_whole(self.padding, 0, "RandomCrop: padding")

    def apply(self, image: Image, rng: Rng) -> Image:
        height, width = both(self.size)
        h, w = size_of(image)
        room = (h + 2 * self.padding - height, w + 2 * self.padding - width)
        if min(room) < 0:
            raise ValueError(
                f"RandomCrop: size {height} x {width} must fit into the image, got {h} x {w} and "
                f"padding {self.padding}; put Resize({max(height, width)}) before it or pad more"
            )
        top, left = (int(rng.integers(0, free + 1)) - self.padding for free in room)
        return crop(image, top, left, height, width)


@dataclass(frozen=True)
class RandomResizedCrop(RandomTransform):
    """Cut out a random part and scale it to `size`: the training crop of ImageNet.

    area = u * H * W with u uniform in `scale`, width / height = exp(v) with v uniform in the
    logarithms of `ratio`; after ten draws that do not fit, the largest middle part with an allowed
    ratio is taken.

    Source: C. Szegedy et al., "Going deeper with convolutions", 2015, section 6.
    """

    size: Size
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"

    def check(self) -> None:
        check_size(self.size, "RandomResizedCrop: size")
        check_interval(self.scale, 0, 1, "RandomResizedCrop: scale")
        check_interval(self.ratio, 0.01, 100, "RandomResizedCrop: ratio")
        check_choice(self.interpolation, INTERPOLATIONS, "RandomResizedCrop: interpolation")

    def apply(self, image: Image, rng: Rng) -> Image:
        part = crop(image, *self.box(*size_of(image), rng))
        return resize(part, *both(self.size), self.interpolation)

    def box(self, h: int, w: int, rng: Rng) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part of an image of h x w pixels."""
        for _ in range(_ATTEMPTS):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(*np.log(self.ratio)))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= w and 0 < height <= h:
                top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
                return int(top), int(left), height, width
        narrowest, widest = self.ratio
        height = min(h, max(1, round(w / narrowest)))
        width = min(w, max(1, round(h * widest)))
        return (h - height) // 2, (w - width) // 2, height, width


@dataclass(frozen=True)
class RandomHorizontalFlip(RandomTransform):
    """Mirror left to right with probability `p`."""

    p: float = 0.5

    def check(self) -> None:
        check_number(self.p, 0, 1, "RandomHorizontalFlip: p")

    def apply(self, image: Image, rng: Rng) -> Image:
        if rng.random() >= self.p:
            return image
        return image[:, ::-1] if isinstance(image, np.ndarray) else image.transpose(0)


@dataclass(frozen=True)
class RandomVerticalFlip(RandomTransform):
    """Turn upside down with probability `p`."""

    p: float = 0.5

    def check(self) -> None:
        check_number(self.p, 0, 1, "RandomVerticalFlip: p")

    def apply(self, image: Image, rng: Rng) -> Image:
        if rng.random() >= self.p:
            return image
        return image[::-1] if isinstance(image, np.ndarray) else image.transpose(1)
