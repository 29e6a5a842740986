"""What a model is worth on images: its loss and its metrics, gathered batch by batch."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..nn import Module, evaluating
from ..tensor import Tensor
from .metrics import Metrics
from .tasks import Loss, Task


class Evaluation(NamedTuple):
    """What a model is worth on a data set.

    ``loss`` is the mean per image, ``accuracy`` the share of images whose labels are all right,
    ``confusion`` (K, K) int64 counts the images of class ``row`` that were taken for class
    ``column``; for a multilabel task it is (K, 2, 2), one matrix per label. ``metrics`` has
    everything else.
    """

    loss: float
    accuracy: float
    confusion: np.ndarray
    metrics: Metrics


def evaluate_batches(
    model: Module, batches: Iterable[Any], task: Task, loss: Loss, classes: Sequence[str],
    curves: bool = True,
) -> Evaluation:  # fmt: skip
    """Measure a model on batches of images and labels, in eval mode.

    Without ``curves`` the metrics keep no scores and have no areas under curves.

    Raises ValueError where there are no images, or the model's outputs are not what the task and
    the classes ask for.
    """
    metrics, sum_of_losses = Metrics(task.name, classes, curves=curves), 0.0
    device = device_of(model)
    with evaluating(model), np.errstate(all="ignore"):
        for images, labels in batches:
            logits = model(Tensor(images).to(device))
            _check(task, logits.shape, len(labels), len(classes))
            target = Tensor(task.target(labels, logits)).to(device)
            sum_of_losses += loss(logits, target).item() * len(labels)
            # A network that overflows has a loss that is not finite; that shall not end a training.
            metrics.update(task.truth(labels), np.nan_to_num(logits.numpy()))
    if not len(metrics):
        raise ValueError("evaluate: there must be at least one image, got none; add images")
    mean = sum_of_losses / len(metrics)
    return Evaluation(mean, metrics.accuracy, metrics.confusion, metrics)


def device_of(model: Module) -> str:
    """Where the model's parameters are."""
    return next((p.device for p in model.parameters()), "cpu")


def _check(task: Task, shape: tuple[int, ...], n: int, classes: int) -> None:
    """Raise ValueError if logits of this shape are not what task and classes ask for."""
    outputs = task.outputs(classes)
    if shape != (n, outputs) and (task.name != "binary" or shape != (n,)):
        each = "for the positive class" if task.name == "binary" else "one per class"
        raise ValueError(
            f"evaluate: the model must give {outputs} numbers per image, {each}, got shape "
            f"{shape} for {n} images; build it with num_classes={outputs}"
        )
