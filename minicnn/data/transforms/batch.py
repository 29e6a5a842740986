"""Changes of whole batches at once: small images, where one call per image would cost too much."""

import math
from dataclasses import dataclass

import numpy as np

from ...kernels import kernels_for
from .fields import check_number


def random_shift(
    images: np.ndarray, pixels: int, rng: np.random.Generator, flip: bool = False
) -> np.ndarray:
    """Move each image by up to ``pixels`` in each direction; zeros come in from outside.

    y[n,c,i,j] = x[n,c,i+dy,j+dx] with dy, dx drawn evenly from -pixels ... pixels for each n

    With ``flip`` every second image, by chance, is also mirrored left to right: the usual
    augmentation of CIFAR-10, which would turn a digit or a letter into something else.

    (N, C, H, W) -> (N, C, H, W)
    """
    return kernels_for(images).shift_images(images, *_moves(len(images), pixels, rng, flip), None)


def shift_and_normalize(
    images: np.ndarray, pixels: int, rng: np.random.Generator, flip: bool,
    mean: tuple[float, ...], std: tuple[float, ...],
) -> np.ndarray:  # fmt: skip
    """(x - mean) / std, per channel, of what `random_shift` makes of floats, in one pass."""
    moves = _moves(len(images), pixels, rng, flip)
    stats = np.array(mean, images.dtype), np.array(std, images.dtype)
    return kernels_for(images).shift_images(images, *moves, stats)


def _moves(
    n: int, pixels: int, rng: np.random.Generator, flip: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns by which each image moves, and whether it is mirrored."""
    dy, dx = rng.integers(0, 2 * pixels + 1, (2, n)) - pixels
    return dy, dx, rng.random(n) < 0.5 if flip else np.zeros(n, bool)


def random_flip(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror every second image, by chance, left to right: (N, C, H, W) -> (N, C, H, W)"""
    return random_shift(images, 0, rng, flip=True)


def cutout(images: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Set a square of ``length`` pixels to 0 in each image, its centre anywhere in the image.

    (N, C, H, W) -> (N, C, H, W)

    Source: T. DeVries, G. Taylor, "Improved regularization of convolutional neural networks with
    Cutout", 2017, section 3.2.
    """
    n, _, h, w = images.shape
    rows = _covered(rng.integers(0, h, (n, 1)), length, h)
    columns = _covered(rng.integers(0, w, (n, 1)), length, w)
    covered = rows[:, None, :, None] & columns[:, None, None, :]
    return images * ~covered


def _covered(centres: np.ndarray, length: int, side: int) -> np.ndarray:
    """Which of the `side` places lie in the interval around each centre: (N, 1) -> (N, side)"""
    from_start = np.arange(side) - (centres - length // 2)
    return (from_start >= 0) & (from_start < length)


@dataclass(frozen=True)
class MixUp:
    """Blend each image, and its target, with the one before it in the batch.

    y = lam x[n] + (1 - lam) x[n-1], lam drawn from Beta(alpha, alpha) once per batch

    Source: H. Zhang et al., "mixup: beyond empirical risk minimization", 2018, equation 2.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number(self.alpha, 1e-3, 1e3, "MixUp: alpha")

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, C, H, W), (N, K) float32 -> the same"""
        _check_targets(images, targets, "MixUp")
        lam = rng.beta(self.alpha, self.alpha)
        return _blend(images, lam), _blend(targets, lam)


@dataclass(frozen=True)
class CutMix:
    """Put a rectangle of the image before it into each image; blend the targets by area.

    sides = sqrt(1 - lam) of the image's, lam drawn from Beta(alpha, alpha) once per batch, the
    centre anywhere; t = lam' t[n] + (1 - lam') t[n-1] with 1 - lam' the share of pixels replaced.

    Source: S. Yun et al., "CutMix: regularization strategy to train strong classifiers with
    localizable features", 2019, equations 1 and 2.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number(self.alpha, 1e-3, 1e3, "CutMix: alpha")

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, C, H, W), (N, K) float32 -> the same"""
        _check_targets(images, targets, "CutMix")
        h, w = images.shape[2:]
        half = math.sqrt(1 - rng.beta(self.alpha, self.alpha)) / 2
        rows, columns = (_interval(int(half * side), side, rng) for side in (h, w))
        mixed = images.copy(order="K")
        part = (..., rows, columns)
        mixed[part] = np.roll(images[part], 1, axis=0)
        replaced = (rows.stop - rows.start) * (columns.stop - columns.start) / (h * w)
        return mixed, _blend(targets, 1 - replaced)


def _interval(half: int, side: int, rng: np.random.Generator) -> slice:
    centre = int(rng.integers(0, side))
    return slice(max(0, centre - half), min(side, centre + half))


def _blend(x: np.ndarray, lam: float) -> np.ndarray:
    return np.float32(lam) * x + np.float32(1 - lam) * np.roll(x, 1, axis=0)


def _check_targets(images: np.ndarray, targets: np.ndarray, where: str) -> None:
    if targets.ndim != 2 or targets.dtype.kind != "f" or len(targets) != len(images):
        raise ValueError(
            f"{where}: targets must be (N, K) floats with N = {len(images)}, as many as images, "
            f"got {targets.dtype} of shape {targets.shape}; turn class numbers into rows with "
            "np.eye(num_classes, dtype=np.float32)[labels]"
        )
