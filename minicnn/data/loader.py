"""DataLoader: a data set in batches, in an order that a seed decides."""

from collections.abc import Iterator

import numpy as np

from .checks import check_whole
from .dataset import Dataset


class DataLoader:
    """Batches of a data set; each pass over it is an epoch.

    Iterating yields ``(images, labels)``, NumPy copies of shape (B, C, H, W) float32 and
    (B,) int64 with B = `batch_size`; the last batch is smaller, or left out with `drop_last`.
    Every sample comes once per epoch. With `shuffle` the order is a function of `seed` and the
    epoch alone; the epoch grows by one with each pass that reaches its end.

    Raises TypeError for anything but a Dataset, ValueError for sizes that give no batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 64,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise TypeError(
                f"DataLoader: dataset must be a Dataset, got {type(dataset).__name__}; "
                "wrap arrays in Dataset(images, labels, classes, name)"
            )
        check_whole(batch_size, 1, "DataLoader: batch_size")
        check_whole(seed, 0, "DataLoader: seed")
        if drop_last and batch_size > len(dataset):
            raise ValueError(
                f"DataLoader: with drop_last, batch_size must be at most {len(dataset)}, the "
                f"number of images, got {batch_size}; every batch would be dropped"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of this epoch, as a resumed training needs.

        Raises ValueError for a negative epoch.
        """
        check_whole(epoch, 0, "DataLoader: epoch")
        self.epoch = epoch

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        epoch = self.epoch
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            images = self.dataset.images[chosen]
            if images.dtype == np.uint8:
                images = np.divide(images, np.float32(255), dtype=np.float32)
            yield images, self.dataset.labels[chosen]
        self.epoch = epoch + 1
