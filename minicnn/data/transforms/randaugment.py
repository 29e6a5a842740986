"""RandAugment: a few random changes, all of the same strength."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .affine import affine, rotate
from .colour import brightness, check_colours, contrast, saturation
from .fields import INTERPOLATIONS, check_choice, check_whole
from .kinds import Image, RandomTransform, Rng, size_of, through_pillow

# name -> change(image, strength in [-1, 1], how to look up and fill pixels)
Change = Callable[[Image, float, "RandAugment"], Image]


def _shear(image: Image, x: float, y: float, how: "RandAugment") -> Image:
    angles = np.degrees(np.arctan([x, y]))
    return affine(
        image, shear=(angles[0], angles[1]), interpolation=how.interpolation, fill=how.fill,
        center=(0, 0),
    )  # fmt: skip


def _move(image: Image, x: float, y: float, how: "RandAugment") -> Image:
    h, w = size_of(image)
    step = (int(150 / 331 * x * w), int(150 / 331 * y * h))
    return affine(image, translate=step, interpolation=how.interpolation, fill=how.fill)


def _pillow(name: str, *arguments: float) -> Callable[[Image], Image]:
    from PIL import ImageOps

    return lambda picture: getattr(ImageOps, name)(picture, *arguments)


def _sharpness(image: Image, factor: float) -> Image:
    from PIL import ImageEnhance

    return through_pillow(image, lambda p: ImageEnhance.Sharpness(p).enhance(factor))


_SIGNED: dict[str, Change] = {
    "shear x": lambda image, m, how: _shear(image, 0.3 * m, 0, how),
    "shear y": lambda image, m, how: _shear(image, 0, 0.3 * m, how),
    "translate x": lambda image, m, how: _move(image, m, 0, how),
    "translate y": lambda image, m, how: _move(image, 0, m, how),
    "rotate": lambda image, m, how: rotate(image, 30 * m, how.interpolation, how.fill),
    "brightness": lambda image, m, how: brightness(image, 1 + 0.9 * m),
    "colour": lambda image, m, how: saturation(image, 1 + 0.9 * m),
    "contrast": lambda image, m, how: contrast(image, 1 + 0.9 * m),
    "sharpness": lambda image, m, how: _sharpness(image, 1 + 0.9 * m),
}
_UNSIGNED: dict[str, Change] = {
    "identity": lambda image, m, how: image,
    "posterize": lambda image, m, how: through_pillow(
        image, _pillow("posterize", 8 - round(4 * m))
    ),
    "solarize": lambda image, m, how: through_pillow(image, _pillow("solarize", 255 - 255 * m)),
    "auto contrast": lambda image, m, how: through_pillow(image, _pillow("autocontrast")),
    "equalize": lambda image, m, how: through_pillow(image, _pillow("equalize")),
}
CHANGES = tuple(_SIGNED | _UNSIGNED)


@dataclass(frozen=True)
class RandAugment(RandomTransform):
    """Make `num_ops` changes, drawn evenly from 14 kinds, of strength m.

    m = magnitude / (num_magnitude_bins - 1)

    The kinds and what m does to each are those of torchvision: shear by 0.3 m, move by
    150/331 m of the side, turn by 30 m degrees, change brightness, colour, contrast and sharpness
    by 1 +- 0.9 m, keep 8 - 4 m bits, invert above 255 (1 - m), stretch or equalize the histogram,
    nothing. Fractions are rounded to 256 levels first. `fill` is the grey level that comes in.

    Source: E. Cubuk et al., "RandAugment: practical automated data augmentation with a reduced
    search space", 2020, section 3 and figure 2.
    """

    num_ops: int = 2
    magnitude: int = 9
    num_magnitude_bins: int = 31
    interpolation: str = "nearest"
    fill: int = 0

    def check(self) -> None:
        check_whole(self.num_ops, 0, "RandAugment: num_ops", 100)
        check_whole(self.num_magnitude_bins, 2, "RandAugment: num_magnitude_bins", 1000)
        check_whole(self.magnitude, 0, "RandAugment: magnitude", self.num_magnitude_bins - 1)
        check_choice(self.interpolation, INTERPOLATIONS, "RandAugment: interpolation")
        check_whole(self.fill, 0, "RandAugment: fill", 255)

    def apply(self, image: Image, rng: Rng) -> Image:
        check_colours(image, "RandAugment")
        if isinstance(image, np.ndarray) and image.dtype == np.float32:
            levels = np.round(image.clip(0, 1) * 255).astype(np.uint8)
            return self.apply(levels, rng) / np.float32(255)
        for _ in range(self.num_ops):
            name = CHANGES[rng.integers(len(CHANGES))]
            backwards = name in _SIGNED and rng.random() < 0.5
            image = self.change(image, name, backwards)
        return image

    def change(self, image: Image, name: str, backwards: bool = False) -> Image:
        """Make one of the `CHANGES` to a Pillow image or an array of bytes."""
        m = self.magnitude / (self.num_magnitude_bins - 1)
        return (_SIGNED | _UNSIGNED)[name](image, -m if backwards else m, self)
