"""DataLoader: a data set in batches, in an order that a seed decides."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial

import numpy as np

from .background import ahead
from .checks import check_whole
from .dataset import Dataset, LabelledImages
from .samples import SampleError, Samples, Task, Transform
from .sampling import Sampler, checked_order, occurrences

Batch = tuple[np.ndarray, np.ndarray]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class DataLoader:
    """Batches of a data set; each pass over it is an epoch.

    Iterating yields ``(images, labels)``, NumPy copies of shape (B, C, H, W) float32 and
    (B,) int64 with B = `batch_size`, or (B, K) float32 for several classes per image; the last
    batch is smaller, or left out with `drop_last`. Every sample comes once per epoch, or as
    `sampler` orders. The epoch grows by one with each pass that reaches its end.

    transform: ``transform(image, rng)`` of each image, which is one of PIL or (H, W, C). Bytes are
        divided by 255 unless it does so itself.
    augment: ``augment(images, rng)`` of each batch, in the thread that iterates
    workers: threads that read and transform images; 0: that is done when the batch is asked for.
        A `Dataset` without transform needs none, its batches are cut from memory.
    prefetch: batches that the workers are ahead at most
    on_error: "raise" stops at an image that cannot be read; "skip" leaves it out of its batch, or
        the batch if none is left, and notes its source in `skipped`

    Order and random numbers are functions of `seed`, epoch and position alone, so all batches are
    the same whatever `workers` is.

    Raises TypeError for anything but a data set, ValueError for sizes that give no batch; while
    iterating, SampleError with the source of an image that cannot be read or transformed.
    """

    def __init__(
        self, dataset: LabelledImages, batch_size: int = 64, shuffle: bool = False,
        drop_last: bool = False, seed: int = 0, *, transform: Transform | None = None,
        augment: Augment | None = None, sampler: Sampler | None = None, workers: int = 0,
        prefetch: int = 2, on_error: str = "raise",
    ) -> None:  # fmt: skip
        _check_dataset(dataset)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.transform = transform
        self.augment = augment
        self.sampler = sampler
        self.workers = workers
        self.prefetch = prefetch
        self.on_error = on_error
        self.epoch = 0
        self.skipped: list[str] = []
        self._first = 0
        self._check()

    def _check(self) -> None:
        check_whole(self.batch_size, 1, "DataLoader: batch_size")
        check_whole(self.seed, 0, "DataLoader: seed")
        check_whole(self.workers, 0, "DataLoader: workers")
        check_whole(self.prefetch, 1, "DataLoader: prefetch")
        if self.on_error not in ("raise", "skip"):
            raise ValueError(
                f'DataLoader: on_error must be "raise" or "skip", got {self.on_error!r}; '
                "choose one of the two"
            )
        for name, function in (("transform", self.transform), ("augment", self.augment)):
            if function is not None and not callable(function):
                raise TypeError(
                    f"DataLoader: {name} must be callable, got {type(function).__name__}; "
                    "join several in Compose"
                )
        if self.shuffle and self.sampler is not None:
            raise ValueError(
                "DataLoader: shuffle and sampler must not be given together, got both; "
                "the sampler decides the order, so leave shuffle out"
            )
        if self.drop_last and self.batch_size > self._samples:
            raise ValueError(
                f"DataLoader: with drop_last, batch_size must be at most {self._samples}, the "
                f"number of images, got {self.batch_size}; every batch would be dropped"
            )

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of this epoch, as a resumed training needs.

        Raises ValueError for a negative epoch.
        """
        check_whole(epoch, 0, "DataLoader: epoch")
        self.epoch = epoch

    def start(self, batch: int) -> None:
        """Let the next pass, and only that one, begin at this batch: a resumed epoch goes on there.

        Raises ValueError for a negative number or one above the number of batches.
        """
        check_whole(batch, 0, "DataLoader: first batch")
        if batch > len(self):
            raise ValueError(
                f"DataLoader: first batch must be at most {len(self)}, the number of batches, got "
                f"{batch}; is it the same data set and batch size as before?"
            )
        self._first = batch

    @property
    def _samples(self) -> int:
        """The number of samples in an epoch."""
        return len(self.dataset if self.sampler is None else self.sampler)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(self._samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        first, self._first = self._first, 0
        return self._pass(self.epoch, first)

    def _pass(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of one epoch; several passes may go on at once."""
        order = self._order(epoch)
        starts = range(first * self.batch_size, len(self) * self.batch_size, self.batch_size)
        parts = [slice(i, i + self.batch_size) for i in starts]
        some = False
        with closing(self._batches(epoch, order, parts)) as batches:
            for number, (images, labels) in enumerate(batches, first):
                if len(labels) == 0:  # all of them were skipped
                    continue
                if self.augment is not None:
                    rng = np.random.default_rng([self.seed, epoch, number, 1])
                    images = self.augment(images, rng)
                some = True
                yield images, labels
        if parts and not some:
            raise RuntimeError(
                f"DataLoader: at least one image must be readable, got none of {len(order)}, such "
                f'as {self.skipped[0]}; on_error="raise" says what is wrong with it'
            )
        self.epoch = epoch + 1

    def _order(self, epoch: int) -> np.ndarray:
        """The index of every sample of this epoch."""
        if self.sampler is not None:
            return checked_order(self.sampler, epoch, len(self.dataset))
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        return order

    def _batches(
        self, epoch: int, order: np.ndarray, parts: list[slice]
    ) -> Generator[Batch, None, None]:
        """A batch of each part of the order; one may be empty."""
        if isinstance(self.dataset, Dataset) and self.transform is None:
            for part in parts:  # cut from memory: no image is looked at alone
                yield self.dataset.pixels(order[part]), self.dataset.labels[order[part]]
            return
        samples = Samples(self.dataset, self.transform, self.seed, self.on_error == "skip")
        repeats = occurrences(order)
        tasks = (
            [Task(epoch, int(i), int(n)) for i, n in zip(order[part], repeats[part], strict=True)]
            for part in parts
        )
        with closing(ahead(samples.load, tasks, self.workers, self.prefetch)) as results:
            # map keeps no results while the caller works on them
            yield from map(partial(self._batch, samples), map(order.__getitem__, parts), results)

    def _batch(
        self, samples: Samples, indices: np.ndarray, results: list[np.ndarray | SampleError]
    ) -> Batch:
        """Those samples that could be read; the others are noted."""
        kept: list[int] = []
        images: list[np.ndarray] = []
        for index, result in zip(indices.tolist(), results, strict=True):
            if isinstance(result, SampleError):
                self._note(self.dataset.source(index))
            else:
                kept.append(index)
                images.append(result)
        return samples.together(kept, images), self.dataset.labels[kept]

    def _note(self, source: str) -> None:
        if source not in self.skipped:
            self.skipped.append(source)


def _check_dataset(dataset: LabelledImages) -> None:
    needed = ("__len__", "__getitem__", "labels", "source")
    missing = [name for name in needed if not hasattr(dataset, name)]
    if missing:
        raise TypeError(
            f"DataLoader: dataset must be a Dataset, got {type(dataset).__name__}; wrap arrays in "
            f"Dataset(images, labels, classes, name), or give a class of your own "
            f"{', '.join(missing)}"
        )
    if (
        not isinstance(dataset.labels, np.ndarray)
        or len(dataset.labels) != len(dataset)
        or (len(dataset) == 0)
    ):
        found = getattr(dataset.labels, "shape", type(dataset.labels).__name__)
        raise ValueError(
            f"DataLoader: labels must be an array with a row for each of at least one image, got "
            f"{found} for {len(dataset)} images; correct the data set"
        )
