"""The training loop: batch, loss, backward, step."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import ops, random
from ..data import DataLoader, Dataset
from ..nn import Module, evaluating
from ..optim import Optimizer, Schedule
from ..tensor import Tensor
from .blame import check_parameters, explain_bad_loss
from .history import Epoch, History
from .progress import Progress

Loss = Callable[[Any, Tensor], Tensor]  # of what the model returns, and the labels
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Evaluation(NamedTuple):
    """What a model is worth on a data set.

    ``loss`` is the mean per image, ``accuracy`` the share of right answers, ``confusion`` (K, K)
    int64 counts the images of class ``row`` that were taken for class ``column``.
    """

    loss: float
    accuracy: float
    confusion: np.ndarray


def fit(
    model: Module, train_set: Dataset, test_set: Dataset | None = None, *, optimizer: Optimizer,
    epochs: int = 1, batch_size: int = 64, schedule: Schedule | None = None,
    loss: Loss = ops.cross_entropy, augment: Augment | None = None, seed: int = 0,
    device: str = "cpu", on_epoch: Callable[[History], Any] | None = None, progress: bool = True,
) -> History:  # fmt: skip
    """Train a classifier: (N, C, H, W) images -> (N, K) logits.

    For each batch: the gradient of ``loss(logits, labels)``, then `optimizer.step()` and
    `schedule.step()`, so a schedule counts batches. ``augment(images, rng)`` changes the images
    before. In training a model may return a tuple, with its logits first and those of auxiliary
    heads after them, if ``loss`` takes it. After each epoch the model is evaluated on ``test_set``
    and ``on_epoch`` is called with the history so far. The seed decides on order, augmentation and
    dropout: the same model and seed give the same numbers. Afterwards the model is in training
    mode; `evaluate` and `predict` know.

    Raises FloatingPointError if the loss is NaN or infinite, naming epoch, step and layer, or if an
    epoch ends with such parameters; ValueError for a number of epochs below 1.
    """
    if epochs < 1:
        raise ValueError(f"fit: epochs must be at least 1, got {epochs}")
    random.manual_seed(seed)
    model.to(device)
    # One image has no variance, which batch norm needs, so a last batch of one is left out.
    lonely = len(train_set) % batch_size == 1 and len(train_set) > batch_size
    loader = DataLoader(train_set, batch_size, shuffle=True, drop_last=lonely, seed=seed)
    learner = _Learner(model, optimizer, schedule, loss, augment, device)
    history: History = []
    with Progress(epochs, len(loader), progress) as shown:
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            rng = np.random.default_rng([seed, epoch, 1])
            train = learner.epoch(epoch, loader, rng, shown)
            test = None if test_set is None else evaluate(model, test_set, loss=loss)
            history.append(Epoch(
                epoch, *train, test and test.loss, test and test.accuracy,
                learner.lr, round(time.perf_counter() - start, 3),
            ))  # fmt: skip
            if on_epoch is not None:
                on_epoch(history)
            shown.epoch(history[-1])
    return history


class _Learner(NamedTuple):
    """What stays the same over all batches."""

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    loss: Loss
    augment: Augment | None
    device: str

    @property
    def lr(self) -> float:
        return self.optimizer.param_groups[0]["lr"]

    def epoch(
        self, epoch: int, loader: DataLoader, rng: np.random.Generator, shown: Progress
    ) -> tuple[float, float]:
        """Train on every batch once; mean loss and accuracy along the way."""
        self.model.train()
        total, right, n = 0.0, 0, 0
        for step, (images, labels) in enumerate(loader, 1):
            if self.augment is not None:
                images = self.augment(images, rng)
            where = f"epoch {epoch}, step {step} of {len(loader)}"
            value, correct = self.step(images, labels, where)
            total, right, n = total + value * len(labels), right + correct, n + len(labels)
            shown.step(epoch, value)
        check_parameters(self.model, f"epoch {epoch}", self.lr)
        return total / n, right / n

    def step(self, images: np.ndarray, labels: np.ndarray, where: str) -> tuple[float, int]:
        """One batch: its loss and the number of right answers."""
        state = random.get_state()
        x, target = Tensor(images).to(self.device), Tensor(labels).to(self.device)
        with np.errstate(all="ignore"):  # a loss that is not finite says it better
            outputs = self.model(x)
            _check_loss(self.loss, outputs)
            loss = self.loss(outputs, target)
            value = loss.item()
            if not math.isfinite(value):
                random.set_state(state)
                raise FloatingPointError(explain_bad_loss(self.model, x, value, where, self.lr))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return value, int((logits.data.argmax(1) == target.data).sum())


def _check_loss(loss: Loss, outputs: Any) -> None:
    if isinstance(outputs, tuple) and getattr(loss, "func", loss) is ops.cross_entropy:
        raise TypeError(
            f"fit: cross_entropy takes logits, got {len(outputs)} outputs of the model, the last "
            "of auxiliary heads; pass loss=models.auxiliary_loss, or build the model without them"
        )


def evaluate(
    model: Module, dataset: Dataset, batch_size: int = 256, loss: Loss = ops.cross_entropy
) -> Evaluation:
    """Loss, accuracy and confusion matrix of a classifier, in eval mode.

    Raises ValueError where the model's outputs are not one per class of the data set.
    """
    k = len(dataset.classes)
    confusion = np.zeros((k, k), np.int64)
    total, device = 0.0, _device(model)
    with evaluating(model):
        for images, labels in DataLoader(dataset, batch_size):
            logits = model(Tensor(images).to(device))
            _check_logits(logits, len(labels), k)
            total += loss(logits, Tensor(labels).to(device)).item() * len(labels)
            taken_for = logits.numpy().argmax(1)
            confusion += np.bincount(labels * k + taken_for, minlength=k * k).reshape(k, k)
    n = len(dataset)
    return Evaluation(total / n, int(confusion.trace()) / n, confusion)


def predict(model: Module, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Class probabilities, in eval mode: (N, C, H, W) float32 in [0, 1] -> (N, K)."""
    device = _device(model)
    with evaluating(model):
        batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
        probabilities = [ops.softmax(model(Tensor(x).to(device)), 1).numpy() for x in batches]
    return np.concatenate(probabilities)


def _device(model: Module) -> str:
    return next((p.device for p in model.parameters()), "cpu")


def _check_logits(logits: Tensor, n: int, classes: int) -> None:
    if logits.shape != (n, classes):
        raise ValueError(
            f"evaluate: the model must give {classes} numbers per image, one per class, got shape "
            f"{logits.shape} for {n} images; build it with num_classes={classes}"
        )
