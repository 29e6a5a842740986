"""One sample at a time: read, transformed, and put together to a batch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .dataset import LabelledImages
from .pixels import channels_first, empty_batch

Transform = Callable[[Any, np.random.Generator], Any]


class SampleError(RuntimeError):
    """An image could not be read or transformed; `__cause__` is the original error."""


class Task(NamedTuple):
    """Load this sample of the data set; `repeat` says how often it came before in the epoch."""

    epoch: int
    sample: int
    repeat: int


class Samples(NamedTuple):
    """The samples of a data set as arrays; safe to use from several threads.

    With `skip`, a sample that cannot be read is an error that is returned instead of raised. What a
    transform raises is never skipped: it is more often a mistake in the transform than in one file.
    """

    dataset: LabelledImages
    transform: Transform | None
    seed: int
    skip: bool

    def load(self, task: Task) -> np.ndarray | SampleError:
        """One image (C, H, W) float32. Raises SampleError."""
        try:
            image, _ = self.dataset[task.sample]
            if hasattr(image, "load"):
                _decode(image)
        except Exception as error:
            failure = self._failure("every image must be readable", task.sample, error)
            if self.skip:
                return failure
            raise failure from error
        # One word per number: [.., 0] is the same generator as without it, [.., 1] is a batch's.
        rng = np.random.default_rng([self.seed, task.epoch, task.sample, 2 * task.repeat])
        try:
            return channels_first(image if self.transform is None else self.transform(image, rng))
        except Exception as error:
            rule = "the transform must take every image and give one"
            raise self._failure(rule, task.sample, error) from error

    def _failure(self, rule: str, index: int, error: Exception) -> SampleError:
        source, told = self.dataset.source(index), f"{type(error).__name__}: {error}"
        named = told if source in told else f"{told} ({source})"
        out = '; mend or remove it, or pass on_error="skip" (--on-error skip)'
        out = "" if "transform" in rule else out
        return SampleError(f"DataLoader: {rule}, got {named}{out}")

    def together(self, indices: Sequence[int], images: Sequence[np.ndarray]) -> np.ndarray:
        """B images (C, H, W) -> (B, C, H, W), B = 0 as well.

        Raises ValueError if their shapes differ.
        """
        for index, image in zip(indices, images, strict=True):
            if image.shape != images[0].shape:
                raise ValueError(
                    "DataLoader: the images of a batch must have one shape (C, H, W), got "
                    f"{images[0].shape} of {self.dataset.source(indices[0])} and {image.shape} of "
                    f"{self.dataset.source(index)}; end the transform with a crop or a resize to "
                    "one size"
                )
        batch = empty_batch(len(images), *(images[0].shape if images else (0, 0, 0)))
        for image, place in zip(images, batch, strict=True):
            for plane, target in zip(image, place, strict=True):
                target[...] = plane
        return batch


def _decode(image: Any) -> None:
    """Let PIL read now what it put off when it opened the file."""
    try:
        image.load()
    except Exception:
        image.close()
        raise
