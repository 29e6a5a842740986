"""Training, measuring and using a classifier in one call each; `Trainer` is what they stand on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..data import DataLoader, Dataset
from ..data.loader import Augment
from ..nn import Module, evaluating
from ..optim import Optimizer, Schedule
from ..tensor import Tensor
from .callbacks.base import Callback
from .callbacks.each_epoch import EachEpoch
from .callbacks.progress import ProgressBar
from .history import History
from .measure import Evaluation, device_of, evaluate_batches
from .tasks import Loss, find_task
from .trainer import Trainer


def fit(
    model: Module, train_set: Dataset, test_set: Dataset | None = None, *, optimizer: Optimizer,
    epochs: int = 1, batch_size: int = 64, schedule: Schedule | None = None,
    loss: Loss = ops.cross_entropy, augment: Augment | None = None, seed: int = 0,
    device: str = "cpu", on_epoch: Callable[[History], Any] | None = None, progress: bool = True,
) -> History:  # fmt: skip
    """Train a classifier of many classes: (N, C, H, W) images -> (N, K) logits.

    ``augment(images, rng)`` changes the images of a batch before it is used. A schedule counts
    batches. After each epoch the model is evaluated on ``test_set`` and ``on_epoch`` is called with
    the history so far. The seed decides on order, augmentation and dropout: the same model and seed
    give the same numbers. Afterwards the model is in training mode; `evaluate` and `predict` know.

    Raises FloatingPointError if the loss is NaN or infinite, naming epoch, step and layer, or if an
    epoch ends with such parameters; ValueError for a number of epochs below 1.
    """
    callbacks: list[Callback] = [ProgressBar()] if progress else []
    callbacks += [EachEpoch(on_epoch)] if on_epoch else []
    trainer = Trainer(
        model, optimizer, loss=loss, schedule=schedule, callbacks=callbacks, seed=seed,
        device=device,
    )  # fmt: skip
    test_loader = None if test_set is None else DataLoader(test_set, 256)
    loader = training_loader(train_set, batch_size, seed, augment=augment)
    return trainer.fit(loader, test_loader, epochs)


def training_loader(dataset: Any, batch_size: int, seed: int, **options: Any) -> DataLoader:
    """Shuffled batches; a last batch of one image, which batch norm cannot use, is left out."""
    # One image has no variance.
    lonely = len(dataset) % batch_size == 1 and len(dataset) > batch_size
    return DataLoader(dataset, batch_size, shuffle=True, drop_last=lonely, seed=seed, **options)


def evaluate(
    model: Module, dataset: Any, batch_size: int = 256, loss: Loss | None = None,
    task: str = "multiclass",
) -> Evaluation:  # fmt: skip
    """Loss, accuracy, confusion matrix and metrics of a classifier on a data set, in eval mode.

    Raises ValueError where the model's outputs are not what the task and the classes ask for.
    """
    kind, batches = find_task(task), DataLoader(dataset, batch_size)
    return evaluate_batches(model, batches, kind, loss or kind.loss, dataset.classes)


def predict(
    model: Module, images: np.ndarray, batch_size: int = 256, task: str = "multiclass"
) -> np.ndarray:
    """Probabilities, in eval mode: (N, C, H, W) float32 in [0, 1] -> (N, K), binary: (N,)."""
    device, kind = device_of(model), find_task(task)
    with evaluating(model):
        batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
        return np.concatenate([kind.probabilities(model(Tensor(x).to(device))) for x in batches])
