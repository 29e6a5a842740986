"""Loss, accuracy and confusion matrix, gathered batch by batch."""

from typing import NamedTuple

import numpy as np

from .tasks import Task


class Evaluation(NamedTuple):
    """What a model is worth on a data set.

    ``loss`` is the mean per image, ``accuracy`` the share of images whose labels are all right,
    ``confusion`` (K, K) int64 counts the images of class ``row`` that were taken for class
    ``column``; for a multilabel task it is (K, 2, 2), one matrix per label.
    """

    loss: float
    accuracy: float
    confusion: np.ndarray


class Measure:
    """Adds up what batches of logits and labels are worth."""

    def __init__(self, task: Task, classes: int) -> None:
        self.task, self.classes = task, classes
        self._loss, self._right, self._n = 0.0, 0, 0
        shape = (classes, 2, 2) if task.name == "multilabel" else (classes, classes)
        self._confusion = np.zeros(shape, np.int64)

    def update(self, logits: np.ndarray, labels: np.ndarray, loss: float) -> None:
        """Add a batch: ``loss`` is its mean."""
        answers, truth = self.task.answers(logits), self.task.truth(labels)
        k = self.classes
        if self.task.name == "multilabel":
            cells = (4 * np.arange(k) + 2 * truth + answers).ravel()
            right = (answers == truth).all(1)
        else:
            cells, right = truth * k + answers, answers == truth
        shape = self._confusion.shape
        self._confusion += np.bincount(cells, minlength=self._confusion.size).reshape(shape)
        self._loss += loss * len(labels)
        self._right, self._n = self._right + int(right.sum()), self._n + len(labels)

    def result(self) -> Evaluation:
        """The sums so far. Raises ValueError if there were no images."""
        if not self._n:
            raise ValueError("evaluate: there must be at least one image, got none; add images")
        return Evaluation(self._loss / self._n, self._right / self._n, self._confusion)

    def check(self, shape: tuple[int, ...], n: int) -> None:
        """Raise ValueError if logits of this shape are not what task and classes ask for."""
        outputs = self.task.outputs(self.classes)
        if shape != (n, outputs) and (self.task.name != "binary" or shape != (n,)):
            each = "for the positive class" if self.task.name == "binary" else "one per class"
            raise ValueError(
                f"evaluate: the model must give {outputs} numbers per image, {each}, got shape "
                f"{shape} for {n} images; build it with num_classes={outputs}"
            )
