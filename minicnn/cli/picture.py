"""Image files as a network wants them."""

from pathlib import Path

import numpy as np

from ..data.pictures import open_image


def read_picture(path: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, str]:
    """An image file as (C, H, W) float32 in [0, 1], and a word on what was done to it.

    value = byte / 255

    A picture of another shape than the network's is widened with its background, then scaled to
    H x W, each pixel the mean of what it covers. For C = 1 it becomes grey with light strokes on a
    dark ground, as the digits that networks learn from: where the border is light, black and white
    are swapped.

    Raises FileNotFoundError if there is no file, ValueError if it is no picture.
    """
    channels, h, w = shape
    if channels not in (1, 3):
        raise ValueError(f"{path}: a picture has 1 or 3 channels, got a network for {channels}")
    pixels = np.asarray(open_image(path, channels))
    notes = []
    if channels == 1 and np.median(_border(pixels)) > 127:
        pixels = 255 - pixels
        notes.append("dark strokes on a light ground: inverted")
    if pixels.shape[:2] != (h, w):
        notes.append(f"scaled from {pixels.shape[0]}x{pixels.shape[1]} to {h}x{w}")
        pixels = _fitted(pixels, h, w)
    array = pixels.reshape(h, w, channels).transpose(2, 0, 1).astype(np.float32) / 255
    return array, ", ".join(notes)


def _border(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def _fitted(pixels: np.ndarray, h: int, w: int) -> np.ndarray:
    """Widen (H', W') or (H', W', 3) to the shape of (h, w), then scale."""
    from PIL import Image

    rows, columns = pixels.shape[:2]
    rows_wanted, columns_wanted = max(rows, -(-columns * h // w)), max(columns, -(-rows * w // h))
    ground = np.median(_border(pixels), axis=0).astype(np.uint8)
    wide = np.empty((rows_wanted, columns_wanted, *pixels.shape[2:]), np.uint8)
    wide[...] = ground
    top, left = (rows_wanted - rows) // 2, (columns_wanted - columns) // 2
    wide[top : top + rows, left : left + columns] = pixels
    return np.asarray(Image.fromarray(wide).resize((w, h), Image.Resampling.BOX))
