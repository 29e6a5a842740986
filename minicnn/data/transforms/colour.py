"""What colours the pixels of an image have: jitter, grey."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .fields import check_interval, check_number
from .kinds import Image, RandomTransform, Rng, Transform, through_pillow

Strength = float | tuple[float, float]
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's mode L


def _fractions(image: Image) -> bool:
    return isinstance(image, np.ndarray) and image.dtype == np.float32


def check_colours(image: Image, where: str) -> None:
    if isinstance(image, np.ndarray) and image.shape[2] not in (1, 3):
        raise ValueError(
            f"{where}: an image must have 1 channel (grey) or 3 (RGB), got {image.shape[2]}; "
            "leave this transform out for other channels"
        )


def grey(image: np.ndarray) -> np.ndarray:
    """Brightness: (H, W, 1 or 3) float32 -> (H, W, 1)"""
    return image if image.shape[2] == 1 else image @ _GREY[:, None]


def _blend(image: np.ndarray, ground: np.ndarray | float, factor: float) -> np.ndarray:
    """Away from `ground` (factor > 1) or towards it: y = ground + factor (x - ground), in [0, 1]"""
    return np.clip(ground + np.float32(factor) * (image - ground), 0, 1).astype(np.float32)


def _enhance(name: str) -> Callable[[Image, float], Image]:
    def enhance(image: Image, factor: float) -> Image:
        from PIL import ImageEnhance

        enhancer = getattr(ImageEnhance, name)
        return through_pillow(image, lambda picture: enhancer(picture).enhance(factor))

    return enhance


_BRIGHTNESS, _CONTRAST, _COLOUR = map(_enhance, ("Brightness", "Contrast", "Color"))


def brightness(image: Image, factor: float) -> Image:
    """y = factor x"""
    return _blend(image, 0, factor) if _fractions(image) else _BRIGHTNESS(image, factor)


def contrast(image: Image, factor: float) -> Image:
    """y = m + factor (x - m) with m the image's mean brightness"""
    if _fractions(image):
        return _blend(image, grey(image).mean(), factor)
    return _CONTRAST(image, factor)


def saturation(image: Image, factor: float) -> Image:
    """y = g + factor (x - g) with g each pixel's brightness; grey images stay as they are"""
    return _blend(image, grey(image), factor) if _fractions(image) else _COLOUR(image, factor)


def hue(image: Image, turn: float) -> Image:
    """Turn the colour circle by a fraction of a whole turn; grey images stay as they are."""
    if _fractions(image):
        if image.shape[2] == 1:
            return image
        from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

        hsv = rgb_to_hsv(image)
        hsv[..., 0] = (hsv[..., 0] + turn) % 1
        return hsv_to_rgb(hsv).clip(0, 1).astype(np.float32)
    return through_pillow(image, lambda picture: _hue(picture, turn))


def _hue(picture: Image, turn: float) -> Image:
    if picture.mode == "L":
        return picture
    from PIL import Image as pillow

    h, s, v = picture.convert("HSV").split()
    step = int(turn * 255)
    return pillow.merge("HSV", (h.point(lambda x: (x + step) % 256), s, v)).convert("RGB")


@dataclass(frozen=True)
class ColorJitter(RandomTransform):
    """Change brightness, contrast, saturation and hue, in random order, by random amounts.

    A strength s stands for the factors (max(0, 1 - s), 1 + s), a `hue` h for turns (-h, h) with
    h <= 0.5; or both ends are given as (min, max).
    """

    brightness: Strength = 0
    contrast: Strength = 0
    saturation: Strength = 0
    hue: Strength = 0

    def check(self) -> None:
        for field in ("brightness", "contrast", "saturation", "hue"):
            value, where = getattr(self, field), f"ColorJitter: {field}"
            low, high = (-0.5, 0.5) if field == "hue" else (0, 100)
            if isinstance(value, tuple):
                check_interval(value, low, high, where)
            else:
                check_number(value, 0, high, where)

    def apply(self, image: Image, rng: Rng) -> Image:
        check_colours(image, "ColorJitter")
        changes = (
            (brightness, self._range(self.brightness, 1)),
            (contrast, self._range(self.contrast, 1)),
            (saturation, self._range(self.saturation, 1)),
            (hue, self._range(self.hue, 0)),
        )
        for i in rng.permutation(len(changes)):
            change, (low, high) = changes[i]
            amount = rng.uniform(low, high)
            if not low == high == (change is not hue):  # these ends leave the image as it is
                image = change(image, amount)
        return image

    @staticmethod
    def _range(strength: Strength, middle: float) -> tuple[float, float]:
        if isinstance(strength, tuple):
            return strength
        return max(middle - strength, 0) if middle else -strength, middle + strength


@dataclass(frozen=True)
class Grayscale(Transform):
    """Turn colours into grey, in 1 channel or in 3 equal ones.

    y = 0.299 R + 0.587 G + 0.114 B
    """

    num_output_channels: int = 1

    def check(self) -> None:
        if self.num_output_channels not in (1, 3):
            raise ValueError(
                "Grayscale: num_output_channels must be 1 or 3, got "
                f"{self.num_output_channels!r}; choose one of the two"
            )

    def apply(self, image: Image, rng: Rng | None) -> Image:
        check_colours(image, "Grayscale")
        if not isinstance(image, np.ndarray):
            one = image.convert("L")
            return one if self.num_output_channels == 1 else one.convert("RGB")
        if image.dtype == np.float32:
            one = grey(image)
        elif image.shape[2] == 1:
            one = image
        else:
            one = through_pillow(image, lambda picture: picture.convert("L"))[..., None]
        return np.repeat(one, self.num_output_channels, axis=2)
