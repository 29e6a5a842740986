"""Images turned, moved, scaled and sheared."""

from dataclasses import dataclass

import numpy as np

from .fields import INTERPOLATIONS, check_choice, check_interval, check_number, check_whole
from .kinds import Image, RandomTransform, Rng, in_units_of, resampling, size_of, through_pillow

Degrees = float | tuple[float, float]


def affine(
    image: Image, angle: float = 0, translate: tuple[int, int] = (0, 0), scale: float = 1,
    shear: tuple[float, float] = (0, 0), interpolation: str = "nearest", fill: int = 0,
    center: tuple[float, float] | None = None,
) -> Image:  # fmt: skip
    """Shear, scale and turn (degrees, clockwise) about the middle, then move by (dx, dy) pixels.

    (x, y) -> T C R(angle) S(scale) Hy(shear) Hx(shear) C^-1 (x, y), with C the step to the centre
    and T the move; the parameters mean what torchvision's mean. `fill` is the grey level 0..255
    that comes in from outside.
    """
    h, w = size_of(image)
    x, y = center or (w / 2, h / 2)
    turn = np.radians(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    tan_x, tan_y = np.tan(np.radians(shear))
    # Pillow asks, for each pixel of the result, where it comes from: the inverse of the above.
    inverse = (
        np.array([[1, tan_x], [0, 1]])
        @ np.array([[1, 0], [tan_y, 1]])
        @ np.array([[cos, sin], [-sin, cos]])
        / scale
    )
    offset = np.array([x, y]) - inverse @ [x + translate[0], y + translate[1]]
    matrix = tuple(np.column_stack([inverse, offset]).ravel().tolist())

    def transform(picture: Image) -> Image:
        return picture.transform(
            picture.size, 0, matrix, resampling(interpolation), fillcolor=_colour(picture, level)
        )

    level = in_units_of(image, fill)
    return through_pillow(image, transform)


def rotate(
    image: Image, degrees: float, interpolation: str = "nearest", fill: int = 0,
    expand: bool = False,
) -> Image:  # fmt: skip
    """Turn counter-clockwise about the middle; `expand` makes room for the corners."""
    level = in_units_of(image, fill)
    return through_pillow(
        image,
        lambda picture: picture.rotate(
            degrees, resampling(interpolation), expand, fillcolor=_colour(picture, level)
        ),
    )


def _colour(picture: Image, level: float) -> float | tuple[float, ...]:
    return (level,) * 3 if picture.mode == "RGB" else level


def _interval(value: Degrees) -> tuple[float, float]:
    """d stands for (-d, d)."""
    return value if isinstance(value, tuple) else (-value, value)


def _check_degrees(value: Degrees, where: str, most: float) -> None:
    if isinstance(value, tuple):
        check_interval(value, -most, most, where)
    else:
        check_number(value, 0, most, where)


@dataclass(frozen=True)
class RandomRotation(RandomTransform):
    """Turn by an angle that is uniform in `degrees` = (min, max); d stands for (-d, d).

    `fill` is the grey level 0..255 that comes in at the corners; with `expand` the image grows so
    that nothing is cut off.
    """

    degrees: Degrees
    interpolation: str = "nearest"
    expand: bool = False
    fill: int = 0

    def check(self) -> None:
        _check_degrees(self.degrees, "RandomRotation: degrees", 360)
        check_choice(self.interpolation, INTERPOLATIONS, "RandomRotation: interpolation")
        check_whole(self.fill, 0, "RandomRotation: fill", 255)
        if not isinstance(self.expand, bool):
            raise TypeError(f"RandomRotation: expand must be true or false, got {self.expand!r}")

    def apply(self, image: Image, rng: Rng) -> Image:
        angle = rng.uniform(*_interval(self.degrees))
        return rotate(image, angle, self.interpolation, self.fill, self.expand)


@dataclass(frozen=True)
class RandomAffine(RandomTransform):
    """Turn, move, scale and shear by random amounts, each uniform.

    degrees: angle in (min, max), clockwise; d stands for (-d, d)
    translate: greatest move as a fraction of (width, height)
    scale: factor in (min, max)
    shear: angle of the shear along x in (min, max); d stands for (-d, d)
    fill: the grey level 0..255 that comes in from outside
    """

    degrees: Degrees
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: Degrees | None = None
    interpolation: str = "nearest"
    fill: int = 0

    def check(self) -> None:
        _check_degrees(self.degrees, "RandomAffine: degrees", 360)
        if self.translate is not None:
            if not isinstance(self.translate, tuple) or len(self.translate) != 2:
                raise TypeError(
                    "RandomAffine: translate must be two fractions (of width, of height), got "
                    f"{self.translate!r}; write both"
                )
            for fraction in self.translate:
                check_number(fraction, 0, 1, "RandomAffine: translate")
        if self.scale is not None:
            check_interval(self.scale, 0.01, 100, "RandomAffine: scale")
        if self.shear is not None:
            _check_degrees(self.shear, "RandomAffine: shear", 89)
        check_choice(self.interpolation, INTERPOLATIONS, "RandomAffine: interpolation")
        check_whole(self.fill, 0, "RandomAffine: fill", 255)

    def apply(self, image: Image, rng: Rng) -> Image:
        h, w = size_of(image)
        angle = rng.uniform(*_interval(self.degrees))
        dx, dy = (
            round(side * rng.uniform(-fraction, fraction))
            for side, fraction in zip((w, h), self.translate or (0, 0), strict=True)
        )
        scale = rng.uniform(*(self.scale or (1, 1)))
        shear = rng.uniform(*_interval(self.shear or 0))
        return affine(image, angle, (dx, dy), scale, (shear, 0), self.interpolation, self.fill)
