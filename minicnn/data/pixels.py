"""Pixels as a network takes them: channels first, float32 in [0, 1]."""

from typing import Any

import numpy as np


def unit_range(images: np.ndarray) -> np.ndarray:
    """y = x / 255 as float32 for bytes; float32 stays as it is. Any shape."""
    if images.dtype == np.uint8:
        return np.divide(images, np.float32(255), dtype=np.float32)
    return images


def empty_batch(n: int, c: int, h: int, w: int) -> np.ndarray:
    """Room for images, (N, C, H, W) float32 in channels-last memory, as convolutions read it.

    It is filled plane by plane: NumPy is slow where its innermost loop is one over 3 channels.
    """
    return np.empty((n, h, w, c), np.float32).transpose(0, 3, 1, 2)


def channels_first(image: Any) -> np.ndarray:
    """What a transform made of an image, as a network takes it: -> (C, H, W) float32.

    image: of PIL in any mode; (H, W, C) or (H, W) uint8; or floating point, which is taken to be in
    its final range: (C, H, W), (H, W, C) or (H, W), the shorter of the outer axes being C.

    Raises TypeError for other types, ValueError for other shapes.
    """
    array = image if isinstance(image, np.ndarray) else _from_pil(image)
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise TypeError(
            f"an image must be uint8 or floating point, got {array.dtype}; convert it with astype"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"an image must have shape (C, H, W) or (H, W, C) with no empty axis, got "
            f"{array.shape}; end the transform with ToArray()"
        )
    if array.dtype == np.uint8 or array.shape[2] < array.shape[0]:
        array = array.transpose(2, 0, 1)
    return unit_range(array).astype(np.float32, copy=False)


def _from_pil(image: Any) -> np.ndarray:
    if not (hasattr(image, "mode") and hasattr(image, "convert")):
        raise TypeError(
            f"an image must be a NumPy array or of PIL, got {type(image).__name__}; convert it"
        )
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
