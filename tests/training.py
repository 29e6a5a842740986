"""What several tests of the training share: a small network on few digits."""

from typing import Any

import numpy as np

from minicnn import manual_seed, nn, train
from minicnn.data import DataLoader, Dataset, digits
from minicnn.optim import SGD, Optimizer
from minicnn.train import callbacks


def some_digits(n: int = 96, start: int = 0) -> Dataset:
    return digits("train").subset(range(start, start + n))


def small_net(seed: int = 0, p: float = 0.2, outputs: int = 10) -> nn.Module:
    """With everything that has a state: batch norm and dropout."""
    manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(p), nn.Linear(36, outputs),
    )  # fmt: skip


def momentum(model: nn.Module, lr: float = 0.1) -> Optimizer:
    return SGD(model.parameters(), lr=lr, momentum=0.9)


def trainer(*extra: callbacks.Callback, seed: int = 0, **options: Any) -> train.Trainer:
    model = small_net(seed)
    optimizer = options.pop("make_optimizer", momentum)(model)
    schedule = options.pop("make_schedule", lambda optimizer: None)(optimizer)
    return train.Trainer(model, optimizer, callbacks=extra, seed=seed, schedule=schedule, **options)


def loaders(n: int = 96, batch_size: int = 32, seed: int = 0) -> tuple[DataLoader, DataLoader]:
    """Shuffled and shifted digits to train on, others to validate."""

    def shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return train.random_shift(images, 1, rng)

    val_loader = DataLoader(some_digits(40, start=200), 16)
    return train.training_loader(some_digits(n), batch_size, seed, augment=shift), val_loader


def same_arrays(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a
    )
