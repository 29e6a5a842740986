"""A small version of a model: for checks whose price grows with the width, not with the depth."""

from itertools import product
from typing import Any, NamedTuple

from .. import models, nn
from ..summary import summarize

WIDTHS = (0.125, 0.25, 0.5, 1.0)
SIZES = (32, 64, 75, 96, 128, 160, 224)
CLASSES = 5
IMAGES = 3  # so that batch norm has something to divide, also where an image is one pixel
TRANSFORMER = {"num_layers": 2, "num_heads": 2, "hidden_dim": 24, "mlp_dim": 48}


class Narrowed(NamedTuple):
    """A model, the shape (N, C, H, W) of its input, and what makes it small, in words."""

    model: models.Network
    shape: tuple[int, ...]
    text: str


def narrowed(name: str, shape: tuple[int, ...] | None) -> Narrowed:
    """The narrowest version of a model that works, for images of ``shape`` or the smallest ones.

    Raises ValueError for an unknown model, and where no width works with this ``shape``.
    """
    channels, size, _ = shape or models.input_shape(name)
    shapes = [shape] if shape else [(channels, n, n) for n in (*SIZES, size) if n <= size]
    widths = WIDTHS if "width_mult" in _options(name) else (None,)
    failure: Exception = ValueError(f"gradcheck: {name} must work with some size, got none")
    for width, image in product((*widths, None), shapes):
        options = {"in_channels": channels} | _chosen(name, image, width)
        try:
            with nn.init.skip():
                summarize(models.create(name, **options), (IMAGES, *image))
        except (ValueError, RuntimeError, TypeError) as error:
            failure = error
            continue
        by = "x".join(map(str, (IMAGES, *image)))
        words = ", ".join(f"{key} {value}" for key, value in options.items())
        return Narrowed(models.create(name, **options), (IMAGES, *image), f"{words}; input {by}")
    raise failure


def _options(name: str) -> dict[str, None]:
    """What the constructor of a model takes."""
    build = models.catalog.entry(name).build
    return models._options(build)


def _chosen(name: str, image: tuple[int, ...], width: float | None) -> dict[str, Any]:
    known = _options(name)
    chosen: dict[str, Any] = {"num_classes": CLASSES}
    if width is not None:
        chosen["width_mult"] = width
    if "image_size" in known:
        chosen |= {"image_size": image[1]} | {k: v for k, v in TRANSFORMER.items() if k in known}
    return chosen
