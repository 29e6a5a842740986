"""What a trained network is worth: numbers to print and keep, pictures, a report."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from ..data import DataLoader
from ..nn import Module
from ..train import (
    Evaluation,
    History,
    Metrics,
    Trainer,
    load_weights,
    write_figures,
    write_report,
)  # fmt: skip
from ..train.callbacks import Callback, Doctor, OverfittingMonitor
from ..train.measure import evaluate_batches
from ..train.report import headlines
from ..train.run import TEST, write_json
from ..train.tasks import find_task
from .common import print_table
from .preparing import Run, batches_to_measure
from .recipes import make_loss
from .sets import short_name, unseen

_MISTAKE = "most often taken for"
_LISTED = 20  # files that are named on the screen and in the report


class Result(NamedTuple):
    """A measurement on the ``name`` ("test", ...) images: ``dataset`` without what was skipped."""

    name: str
    evaluation: Evaluation
    dataset: Any
    skipped: list[str]


def measure(model: Module, loader: DataLoader, name: str, config: Mapping[str, Any]) -> Result:
    """Judge a model on a loader's images, by the task and loss of its config."""
    task, dataset = find_task(config["task"]), loader.dataset
    evaluation = evaluate_batches(model, loader, task, make_loss(config), dataset.classes)
    lost = set(loader.skipped)
    if lost:
        dataset = dataset.subset([i for i in range(len(dataset)) if dataset.source(i) not in lost])
    return Result(name, evaluation, dataset, list(loader.skipped))


def conclude(run: Run, folder: Path, trainer: Trainer) -> None:
    """Measure the best weights on images that no step saw; print, keep and draw what comes out."""
    load_weights(folder, run.model)
    part, name = unseen(run.sets)
    result = measure(run.model, batches_to_measure(run, part), name, run.config)
    loaders = filter(None, (trainer.train_loader, trainer.val_loader))
    skipped = _distinct([*(s for loader in loaders for s in loader.skipped), *result.skipped])
    advice = [*_advice(trainer.callbacks), *_about(skipped)]
    _keep(folder, result, skipped, advice)
    seconds = sum(row.seconds for row in trainer.history)
    click.echo(f"{accuracy_line(result)} after {seconds:.1f} s")
    say_skipped(skipped)
    try:
        draw(folder, result, run.config, trainer.history, advice)
    except Exception as error:  # whatever it is: training took longer than drawing
        click.echo(
            f"minicnn: the report was not drawn: {type(error).__name__}: {error}\n"
            f"All else is there; draw it with: minicnn evaluate {folder} --out {folder}", err=True,
        )  # fmt: skip
    click.echo(f"run folder {folder}")


def accuracy_line(result: Result) -> str:
    """The share of right answers in words."""
    accuracy, n = result.evaluation.accuracy, len(result.dataset)
    text = f"{result.name} accuracy {accuracy:.2%} ({round(accuracy * n):,} of {n:,} images"
    several = result.evaluation.metrics.task == "multilabel"
    return text + (" with all labels right)" if several else ")")


def print_numbers(result: Result, note: str = "") -> None:
    """A line for the loss, with a ``note``, and one for each of the most telling metrics."""
    click.echo(f"{result.name} loss {result.evaluation.loss:.4f}{note}")
    click.echo(accuracy_line(result))
    for name, value in headlines(result.evaluation.metrics.compute()):
        if name != "accuracy":
            click.echo(f"{result.name} {name} {value}")


def print_classes(metrics: Metrics) -> None:
    """A table with a row for each class or label."""
    several = metrics.task == "multilabel"
    head = ("label", "> images with it", "> found", "> false alarms") if several else (
        "class", "> images", "> right")  # fmt: skip
    columns = [*head, "> precision", "> recall", "> F1", *([] if several else [_MISTAKE])]
    rows = []
    for i, (row, matrix) in enumerate(zip(metrics.table(), metrics.confusion, strict=True)):
        counts = [matrix[1, 1], matrix[0, 1]] if several else [matrix[i]]
        scores = [f"{value:.4f}" for value in row[1:4]]
        cells = [row.name, f"{row.support:,}", *(f"{n:,}" for n in counts), *scores]
        rows.append(cells if several else [*cells, _worst_mistake(i, matrix, metrics.classes)])
    print_table(columns, rows)


def _worst_mistake(i: int, row: np.ndarray, classes: Sequence[str]) -> str:
    """What class i was most often taken for."""
    mistakes = np.where(np.arange(len(row)) == i, 0, row)
    worst = int(mistakes.argmax())
    n = mistakes[worst]
    return f"{classes[worst]} ({n:,} of {row.sum():,})" if n else ""


def say_skipped(files: Sequence[str]) -> None:
    """List files that could not be read."""
    if files:
        click.echo(f"left out, since they cannot be read: {_files(files)}")
        for file in files[:_LISTED]:
            click.echo(f"  {file}")
        if len(files) > _LISTED:
            click.echo(f"  and {len(files) - _LISTED:,} more")


def draw(
    folder: Path, result: Result, config: Mapping[str, Any], history: History,
    advice: Sequence[str],
) -> None:  # fmt: skip
    """Write all pictures and the report into a folder."""
    metrics = result.evaluation.metrics
    figures = write_figures(folder, metrics, history, result.dataset)
    chosen = {k: v for k, v in config.items() if v is not None and v is not False and v != []}
    title = f"{config['model']} on {short_name(config['data'])}: {accuracy_line(result)}"
    write_report(
        folder, title=title, config=chosen, history=history, metrics=metrics, figures=figures,
        advice=advice,
    )  # fmt: skip


def kept_advice(folder: Path) -> list[str]:
    """The advice of a run's training; none where there is none, or its file is damaged."""
    try:
        advice = json.loads((folder / TEST).read_text(encoding="utf-8"))["advice"]
        return [str(text) for text in advice]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _keep(folder: Path, result: Result, skipped: list[str], advice: list[str]) -> None:
    numbers = {"loss": result.evaluation.loss} | result.evaluation.metrics.compute()
    # JSON knows no nan.
    finite = {name: v if math.isfinite(v) else None for name, v in numbers.items()}
    about = {"images": result.name, "n": len(result.dataset)}
    write_json(folder / TEST, about | finite | {"skipped": skipped, "advice": advice})


def _advice(callbacks: Iterable[Callback]) -> list[str]:
    texts: list[str] = []
    for callback in callbacks:
        if isinstance(callback, Doctor):
            texts += map(str, callback.findings)
        if isinstance(callback, OverfittingMonitor) and callback.verdict is not None:
            verdict = callback.verdict
            texts += [str(verdict)] if verdict.advice or verdict.kind == "healthy" else []
    return texts


def _about(skipped: Sequence[str]) -> list[str]:
    if not skipped:
        return []
    more = f" and {len(skipped) - _LISTED:,} more" if len(skipped) > _LISTED else ""
    listed = ", ".join(skipped[:_LISTED])
    return [f"{_files(skipped)} could not be read, left out: {listed}{more}"]


def _files(files: Sequence[str]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files):,} files"


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
