"""Random changes of training images that do not change their class."""

import numpy as np


def random_shift(images: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Move each image by up to ``pixels`` in each direction; zeros come in from outside.

    y[n,c,i,j] = x[n,c,i+dy,j+dx] with dy, dx drawn evenly from -pixels ... pixels for each n

    (N, C, H, W) -> (N, C, H, W)
    """
    n, _, h, w = images.shape
    border = (pixels, pixels)
    padded = np.pad(images, ((0, 0), (0, 0), border, border))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(2, 3))
    top, left = rng.integers(0, 2 * pixels + 1, (2, n))
    return windows[np.arange(n), :, top, left]
