"""Random changes of training images that do not change their class."""

import numpy as np

from ..kernels import kernels_for


def random_shift(
    images: np.ndarray, pixels: int, rng: np.random.Generator, flip: bool = False
) -> np.ndarray:
    """Move each image by up to ``pixels`` in each direction; zeros come in from outside.

    y[n,c,i,j] = x[n,c,i+dy,j+dx] with dy, dx drawn evenly from -pixels ... pixels for each n

    With ``flip`` every second image, by chance, is also mirrored left to right: the usual
    augmentation of CIFAR-10, which would turn a digit or a letter into something else.

    (N, C, H, W) -> (N, C, H, W)
    """
    n = len(images)
    dy, dx = rng.integers(0, 2 * pixels + 1, (2, n)) - pixels
    mirrored = rng.random(n) < 0.5 if flip else np.zeros(n, bool)
    return kernels_for(images).shift_images(images, dy, dx, mirrored)
