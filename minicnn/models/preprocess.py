"""From a picture to what a network was trained on: scale, cut, normalise."""

from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

# Mean and standard deviation of the red, green and blue values in [0, 1] of ImageNet's images.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preset(NamedTuple):
    """How the images were prepared with which weights were trained.

    y = (x / 255 - mean) / std, per channel, of the centre ``crop`` x ``crop`` pixels after the
    shorter side was scaled to ``resize`` pixels.
    """

    crop: int = 224
    resize: int = 256
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __call__(self, image: Any) -> np.ndarray:
        """A Pillow image of any size and mode -> (3, crop, crop) float32."""
        from PIL import Image

        image = image.convert("RGB")
        short = min(image.size)
        size = [int(self.resize * side / short) for side in image.size]
        image = image.resize(size, Image.Resampling[self.interpolation.upper()])
        left, top = (round((side - self.crop) / 2) for side in size)
        image = image.crop((left, top, left + self.crop, top + self.crop))
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (self.mean, self.std))
        return (pixels - mean) / std


def imagenet_classes() -> list[str]:
    """The 1,000 classes of ImageNet-1K (ILSVRC 2012) in their order, named as torchvision does."""
    text = files(__package__).joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return text.splitlines()
