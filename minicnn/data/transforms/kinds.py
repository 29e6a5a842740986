"""What every transform shares: the kinds of images it takes, the ways between them, its checks.

An image is a Pillow image of mode L or RGB, or an array (H, W, C) of uint8 or of float32 in [0, 1].
A transform gives back the kind that it got. Where Pillow knows an operation, arrays go through it,
so that all kinds get the same pixels.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Image = Any
Rng = np.random.Generator


class Transform:
    """A frozen dataclass that is called with an image, and a generator where it is random.

    Subclasses say in `apply` what they do, and in `check` what their fields must be.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, list):  # as JSON and people write it
                object.__setattr__(self, field.name, tuple(value))
        self.check()

    def check(self) -> None:
        """Raise TypeError or ValueError for a field that makes no sense."""

    def __call__(self, image: Image, rng: Rng | None = None) -> Any:
        """The changed image, of the same kind. Raises TypeError for what is no image."""
        check_image(image, self.name)
        return self.apply(image, rng)

    def apply(self, image: Image, rng: Any) -> Any:
        """The changed image; both arguments have been checked."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What messages and configs call it."""
        return type(self).__name__


class RandomTransform(Transform):
    """A transform that draws from a generator: same generator state, same result."""

    def __call__(self, image: Image, rng: Rng | None = None) -> Any:
        """The changed image. Raises TypeError without a generator or for what is no image."""
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"{self.name}: a random transform needs a NumPy generator, got {rng!r}; "
                "pass np.random.default_rng(seed)"
            )
        return super().__call__(image, rng)


def check_image(image: Image, where: str) -> None:
    """Require one of the kinds above; an array's values are not looked at."""
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or 0 in image.shape:
            raise ValueError(
                f"{where}: an array must be (H, W, C) with no empty axis, got {image.shape}; "
                "write array[..., None] for a grey one, array.transpose(1, 2, 0) for (C, H, W)"
            )
        if image.dtype not in (np.uint8, np.float32):
            raise TypeError(
                f"{where}: an array must be uint8, or float32 in [0, 1], got {image.dtype}; "
                "convert it with astype"
            )
    elif not hasattr(image, "getbands"):
        raise TypeError(
            f"{where}: an image must be a Pillow image or an array (H, W, C), got "
            f"{type(image).__name__}; convert it with np.asarray"
        )
    elif image.mode not in ("L", "RGB"):
        raise ValueError(
            f"{where}: a Pillow image must have mode L or RGB, got {image.mode}; convert it with "
            "minicnn.data.pictures.to_mode"
        )


def size_of(image: Image) -> tuple[int, int]:
    """Height and width in pixels."""
    if isinstance(image, np.ndarray):
        return image.shape[0], image.shape[1]
    return image.height, image.width


def through_pillow(image: Image, change: Callable[[Image], Image], limit: bool = True) -> Image:
    """Do to any kind of image what `change` does to a Pillow image.

    An array that is neither grey nor RGB, or not of bytes, is changed channel by channel (mode L
    or F). ``limit`` keeps fractions in [0, 1], where `change` may overshoot.
    """
    if not isinstance(image, np.ndarray):
        return change(image)
    from PIL import Image as pillow

    if image.dtype == np.uint8 and image.shape[2] == 3:
        return np.array(change(pillow.fromarray(np.ascontiguousarray(image))))
    planes = [
        np.asarray(change(pillow.fromarray(np.ascontiguousarray(image[..., c]))))
        for c in range(image.shape[2])
    ]
    result = np.stack(planes, axis=-1)
    return result.clip(0, 1) if limit and image.dtype == np.float32 else result


def through_array(image: Image, change: Callable[[np.ndarray], np.ndarray]) -> Image:
    """Do to any kind of image what `change` does to an array (H, W, C)."""
    if isinstance(image, np.ndarray):
        return change(image)
    from PIL import Image as pillow

    pixels = np.asarray(image)
    changed = change(pixels[..., None] if pixels.ndim == 2 else pixels)
    return pillow.fromarray(changed[..., 0] if changed.shape[2] == 1 else changed)


def resampling(interpolation: str) -> Any:
    """Pillow's name of an interpolation."""
    from PIL import Image as pillow

    return pillow.Resampling[interpolation.upper()]


def in_units_of(image: Image, grey: int) -> float:
    """A grey level 0..255 in the image's own units."""
    fractions = isinstance(image, np.ndarray) and image.dtype == np.float32
    return grey / 255 if fractions else grey
