"""What is asked of a classifier: one class of many, yes or no, or any number of labels.

A task knows its loss, how labels become that loss's target, and how logits become answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor
from .metrics.tasks import TASKS as METRIC_TASKS

Loss = Callable[[Any, Tensor], Tensor]  # of what the model returns, and the target


@dataclass(frozen=True)
class Task:
    """One kind of classification.

    name        logits          labels                          probabilities
    multiclass  (N, K)          (N,) int64, or (N, K) shares    softmax (N, K)
    binary      (N, 1) or (N,)  (N,) 0 and 1, or shares         sigmoid (N,), of class 1
    multilabel  (N, K)          (N, K) 0 and 1, or shares       sigmoid (N, K)

    ``loss(outputs, target)`` is the mean over the batch; shares come from mixup.
    """

    name: str
    loss: Loss

    def outputs(self, classes: int) -> int:
        """How many numbers per image the model must give."""
        return 1 if self.name == "binary" else classes

    def target(self, labels: np.ndarray, logits: Tensor) -> np.ndarray:
        """The labels as the loss takes them: class numbers, or float32 of the logits' shape."""
        if self.name == "multiclass":
            return labels
        if labels.size != logits.numel():
            raise ValueError(
                f"{self.name}: the model must give one number per label, got logits "
                f"{logits.shape} for labels {labels.shape}; give it as many outputs as labels"
            )
        return labels.reshape(logits.shape).astype(np.float32)

    def probabilities(self, logits: Tensor) -> np.ndarray:
        """What the model believes: (N, K), or (N,) for a binary task."""
        p = METRIC_TASKS[self.name].probabilities(logits.numpy())
        return p.reshape(len(p)) if self.name == "binary" else p

    def answers(self, logits: np.ndarray) -> np.ndarray:
        """(N,) class numbers, or (N, K) 0 and 1: the likeliest class, or probabilities above 1/2"""
        if self.name == "multiclass":
            return logits.argmax(1)
        over = (logits > 0).astype(np.int64)
        return over.reshape(len(over)) if self.name == "binary" else over

    def truth(self, labels: np.ndarray) -> np.ndarray:
        """Labels in the form of `answers`; the largest share is the truth of a mixed image."""
        if self.name == "multiclass":
            return labels.argmax(1) if labels.ndim == 2 else labels
        hard = (labels > 0.5).astype(np.int64)
        return hard.reshape(len(hard)) if self.name == "binary" else hard

    def shares(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """Labels as what mixup mixes: (N, K) float32, (N, 1) for a binary task."""
        if self.name == "multiclass" and labels.ndim == 1:
            return np.eye(classes, dtype=np.float32)[labels]
        return labels.reshape(len(labels), -1).astype(np.float32)


TASKS = {
    "multiclass": Task("multiclass", ops.cross_entropy),
    "binary": Task("binary", ops.binary_cross_entropy_with_logits),
    "multilabel": Task("multilabel", ops.binary_cross_entropy_with_logits),
}


def find_task(name: str) -> Task:
    """The task of this name. Raises ValueError for another."""
    if name not in TASKS:
        near = get_close_matches(str(name), TASKS, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise ValueError(f"task: must be one of {', '.join(TASKS)}, got {name!r}; {advice}")
    return TASKS[name]
