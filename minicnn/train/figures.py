"""All pictures of an evaluation, as files."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from .metrics import Metrics, average_precision, pr_curve, roc_auc, roc_curve
from .mistakes import save_mistakes, worst_mistakes


def write_figures(
    folder: str | PathLike[str], metrics: Metrics, history: Sequence[Any] = (), dataset: Any = None
) -> dict[str, Path]:
    """Write the pictures that the task has, and return their paths by name.

    curves (of ``history``), confusion (not multilabel), classes, calibration; and where metrics
    keeps the scores, roc, pr, scores, and mistakes (of ``dataset``, in the order of the scores).

    Raises ValueError if the samples are not those of the data set, in its order.
    """
    folder = Path(folder)
    if dataset is not None and metrics.curves:
        _check_order(metrics, dataset)
    drawn: dict[str, Path] = {}

    def draw(name: str, plot: Callable[..., Any], *args: Any, **options: Any) -> None:
        plot(*args, path=folder / f"{name}.png", **options)
        if (folder / f"{name}.png").exists():
            drawn[name] = folder / f"{name}.png"

    if history:
        draw("curves", viz.plot_history, history)
    if metrics.task != "multilabel":
        draw("confusion", viz.plot_confusion, metrics.confusion, metrics.classes)
    draw("classes", viz.plot_classes, metrics.table())
    outcome = "accuracy" if metrics.task == "multiclass" else "share that came true"
    draw("calibration", viz.plot_reliability, metrics.reliability, outcome=outcome)
    if metrics.curves:
        _draw_scores(metrics, draw)
        if dataset is not None:
            mistakes = worst_mistakes(*metrics.samples(), metrics.classes)
            (folder / "mistakes.png").unlink(missing_ok=True)  # those of an earlier evaluation
            draw("mistakes", save_mistakes, dataset, mistakes)
    return drawn


def _check_order(metrics: Metrics, dataset: Any) -> None:
    labels = np.asarray(dataset.labels)
    if not np.array_equal(metrics.samples()[0], labels):
        raise ValueError(
            f"write_figures: the metrics must be of the data set in its order, got {len(metrics)} "
            f"samples for {len(labels)} images; evaluate without shuffling, or pass a subset of "
            "what was evaluated"
        )


def _draw_scores(metrics: Metrics, draw: Callable[..., None]) -> None:
    true, p = metrics.samples()
    columns = _columns(metrics, true, p)
    roc, pr = [], []
    for name, positive, scores in columns:
        if positive.any() and not positive.all():
            x, y, _ = roc_curve(positive, scores)
            roc.append(viz.Curve(name, x, y, float(roc_auc(positive, scores))))
        if positive.any():
            y, x, _ = pr_curve(positive, scores)
            pr.append(viz.Curve(name, x, y, float(average_precision(positive, scores))))
    if roc:
        draw("roc", viz.plot_roc, roc)
    if pr:
        draw("pr", viz.plot_pr, pr)
    if metrics.task == "multiclass":
        right, best = p.argmax(axis=1) == true, p.max(axis=1)
        groups, label = {"right": best[right], "wrong": best[~right]}, "highest probability"
    else:
        yes, no = metrics.classes[::-1] if metrics.task == "binary" else ("has it", "has it not")
        groups = {yes: p[true == 1], no: p[true == 0]}
        label = f"probability of {yes}" if metrics.task == "binary" else "probability of a label"
    draw("scores", viz.plot_scores, groups, label=label)


def _columns(
    metrics: Metrics, true: np.ndarray, p: np.ndarray
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, labels and scores of each class against the rest."""
    if metrics.task == "binary":
        return [(metrics.classes[1], true == 1, p)]
    of_class = true if true.ndim == 2 else true[:, None] == np.arange(p.shape[1])
    return list(zip(metrics.classes, of_class.T == 1, p.T, strict=True))
