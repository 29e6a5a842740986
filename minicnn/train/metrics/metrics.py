"""Metrics: all numbers of one evaluation, counted batch by batch."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from .areas import average_precision, roc_auc
from .averages import Counts, counts_of_matrix
from .calibration import ReliabilityBins
from .checks import Labels, check_probabilities
from .classification import in_top_k
from .probabilities import sample_brier_scores, sample_log_losses
from .streaming import Calibration, ConfusionMatrix, Mean, ScoredSamples
from .tasks import TASKS, Numbers


class ClassRow(NamedTuple):
    """How well one class is told from the others; ``support`` counts its samples."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Metrics:
    """Judge a classifier: `update` with each batch, then `compute`.

        metrics = Metrics("multiclass", dataset.classes)
        for images, labels in loader:
            metrics.update(labels, model(Tensor(images)).numpy())
        print(metrics.compute()["accuracy"], metrics)

    ``task`` is "multiclass", "binary" or "multilabel"; tasks.py says what each takes. Scores are
    logits, or probabilities with ``from_logits=False``. The areas under curves need all scores,
    8 N K bytes; ``curves=False`` does without. The rest takes K² numbers.

    Raises ValueError for an unknown task, or names that do not fit it.
    """

    def __init__(
        self, task: str, classes: Sequence[str], *, from_logits: bool = True, curves: bool = True
    ) -> None:
        if task not in TASKS:
            raise ValueError(f"Metrics: task must be one of {', '.join(TASKS)}, got {task!r}")
        if not classes or (task == "binary" and len(classes) != 2):
            need = "the two classes" if task == "binary" else "at least one class"
            raise ValueError(f"Metrics ({task}): there must be names of {need}, got {classes}")
        self.task, self.classes = task, list(classes)
        self.from_logits, self.curves = from_logits, curves
        self._task = TASKS[task]
        self._counter = self._task.counter(len(classes))
        self._calibration, self._samples = Calibration(), ScoredSamples()
        self._means = {"log_loss": Mean(), "brier_score": Mean()}
        if task == "multiclass" and len(classes) > 5:
            self._means = {"top_5_accuracy": Mean()} | self._means
        self._n = 0

    def __len__(self) -> int:
        """How many samples were counted."""
        return self._n

    def update(self, labels: Labels, scores: np.ndarray) -> None:
        """Count a batch; one that is refused is not counted at all.

        Raises ValueError for no samples, NaN or infinity, other shapes, labels out of range.
        """
        true, values = self._task.check(labels, scores, len(self.classes))
        p = self._task.probabilities(values.astype(np.float64)) if self.from_logits else values
        check_probabilities("Metrics", true, p)
        self._counter.update(true, self._task.predictions(p))
        self._calibration.update(true, p)
        self._means["log_loss"].update(sample_log_losses(true, p))
        self._means["brier_score"].update(sample_brier_scores(true, p))
        if "top_5_accuracy" in self._means:
            self._means["top_5_accuracy"].update(in_top_k(true, values, 5))
        if self.curves:
            self._samples.update(true, p)
        self._n += len(true)

    def compute(self) -> Numbers:
        """All numbers by name; nan where one is not defined, such as the ROC area of one class.

        The names are those of the functions, with their ``average``; "accuracy" of several labels
        is `subset_accuracy`. Of multiclass, means of precision, recall and F1 leave out classes
        that neither occur nor are predicted; means of areas leave out classes without samples.

        Raises ValueError if nothing was counted.
        """
        self._check_filled()
        numbers = self._task.numbers(self._counter)
        numbers |= {name: mean.compute() for name, mean in self._means.items()}
        numbers["expected_calibration_error"] = self.reliability.error
        if self.curves:
            numbers |= self._areas()
        return numbers

    def _areas(self) -> Numbers:
        true, p = self._samples.compute()
        if self.task == "binary":
            return {"roc_auc": float(roc_auc(true, p)),
                    "average_precision": float(average_precision(true, p))}  # fmt: skip
        roc = np.asarray(roc_auc(true, p, average=None))
        precision = np.asarray(average_precision(true, p, average=None))
        occurs = self.counts.actual > 0
        return {
            "roc_auc_macro": _mean(roc[~np.isnan(roc)]),
            "average_precision_macro": _mean(precision[occurs]),
        }

    @property
    def accuracy(self) -> float:
        """The share of samples whose labels are all right."""
        self._check_filled()
        return self._task.numbers(self._counter)["accuracy"]

    @property
    def confusion(self) -> np.ndarray:
        """(K, K), rows true; of multilabel (K, 2, 2), one for each label."""
        counter = self._counter
        return counter.compute() if isinstance(counter, ConfusionMatrix) else counter.matrices()

    @property
    def counts(self) -> Counts:
        """Hits, predicted and actual samples of each class."""
        counted: Any = self._counter.compute()
        return counts_of_matrix(counted) if isinstance(counted, np.ndarray) else counted

    @property
    def reliability(self) -> ReliabilityBins:
        """What a reliability diagram shows."""
        return self._calibration.compute()

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """All labels and probabilities. Raises ValueError with ``curves=False`` or without any."""
        self._check_filled()
        if not self.curves:
            raise ValueError("Metrics: scores are kept with curves=True only")
        return self._samples.compute()

    def table(self) -> list[ClassRow]:
        """One row per class."""
        columns = [np.asarray(self.counts.fbeta(b, None, 0.0)) for b in (0, np.inf, 1)]
        numbers = (map(float, column) for column in columns)
        support = map(int, self.counts.actual)
        return [ClassRow(*row) for row in zip(self.classes, *numbers, support, strict=True)]

    def __str__(self) -> str:
        """The table and the numbers as plain text."""
        width = max(map(len, [*self.classes, "class"]))
        lines = [f"{'class':<{width}}  precision  recall      f1  support"]
        for row in self.table():
            lines.append(f"{row.name:<{width}}  {row.precision:9.4f}  {row.recall:6.4f}  "
                         f"{row.f1:6.4f}  {row.support:7}")  # fmt: skip
        return "\n".join([*lines, "", *(f"{k:<28} {v:.4f}" for k, v in self.compute().items())])

    def merge(self, other: Self) -> None:
        """Add the samples that another has counted. Raises ValueError if it judges otherwise."""
        for name in ("task", "classes", "curves"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(
                    f"Metrics: merge needs the same {name}, got {getattr(self, name)} and "
                    f"{getattr(other, name)}"
                )
        for ours, theirs in zip(self._parts(), other._parts(), strict=True):
            ours.merge(theirs)
        self._n += other._n

    def reset(self) -> None:
        """Forget all samples."""
        for part in self._parts():
            part.reset()
        self._n = 0

    def _parts(self) -> Iterator[Any]:
        yield from (self._counter, self._calibration, self._samples, *self._means.values())

    def _check_filled(self) -> None:
        if not self._n:
            raise ValueError("Metrics: there must be samples, got none; call update first")


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
