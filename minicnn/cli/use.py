"""`minicnn evaluate` and `minicnn predict`: what a trained network is good for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import data, models, train
from ..nn import Module
from .common import Command, data_dir_option, device_option, kernels_option, print_table
from .picture import read_picture
from .recipes import make_loss

# What the entries of a config must be, in words and as a test.
_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "data": ("the name of a data set", lambda v: isinstance(v, str)),
    "label_smoothing": ("a number", lambda v: isinstance(v, int | float)),
    "classes": ("a list of names",
                lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v)),
    "image_shape": ("three positive integers",
                    lambda v: isinstance(v, list) and len(v) == 3
                    and all(type(n) is int and n > 0 for n in v)),
}  # fmt: skip

_run_argument = click.argument("run", type=click.Path(path_type=Path))


@click.command(cls=Command)
@_run_argument
@kernels_option
@device_option
@data_dir_option
def evaluate(run: Path, kernels: str, device: str, data_dir: str | None) -> None:
    """Measure the network of a run folder on the test images of its data set."""
    model, config = _load(run, device, "data", "label_smoothing")
    dataset = data.load(config["data"], "test", data_dir)
    result = train.evaluate(model, dataset, loss=make_loss(config))
    rows = [_class_row(i, dataset.classes, result.confusion) for i in range(len(dataset.classes))]
    print_table(("class", "> images", "> right", "> accuracy", "most often taken for"), rows)
    right = int(result.confusion.trace())
    smoothing = config["label_smoothing"]
    click.echo(f"test loss {result.loss:.4f} (cross-entropy with label smoothing {smoothing})")
    click.echo(f"test accuracy {result.accuracy:.2%} ({right:,} of {len(dataset):,} images)")


def _class_row(i: int, classes: list[str], confusion: np.ndarray) -> tuple[Any, ...]:
    """Name, images, right answers, their share, and the most frequent mistake."""
    row = confusion[i]
    mistakes = np.where(np.arange(len(row)) == i, 0, row)
    worst = int(mistakes.argmax())
    n = int(row.sum())
    mistake = f"{classes[worst]} ({mistakes[worst]:,} of {n:,})" if mistakes[worst] else ""
    return classes[i], f"{n:,}", f"{row[i]:,}", f"{row[i] / n:.2%}" if n else "", mistake


@click.command(cls=Command)
@_run_argument
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...",
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True,
              help="How many classes to print.")  # fmt: skip
@kernels_option
@device_option
def predict(run: Path, images: tuple[Path, ...], top: int, kernels: str, device: str) -> None:
    """Say what image files show, by the network of a run folder."""
    model, config = _load(run, device, "classes", "image_shape")
    pictures, notes = zip(*(read_picture(p, tuple(config["image_shape"])) for p in images),
                          strict=True)  # fmt: skip
    classes, rows = config["classes"], train.predict(model, np.stack(pictures))
    if len(classes) != rows.shape[1]:
        raise _damaged(run, "classes", f"{rows.shape[1]} names, one per output", len(classes))
    for path, note, p in zip(images, notes, rows, strict=True):
        best = np.argsort(-p, kind="stable")[:top]
        click.echo(f"{path}: {classes[best[0]]}" + (f"  ({note})" if note else ""))
        for i in best:
            click.echo(f"  {classes[i]:<12} {p[i]:7.2%}")


def _load(run: Path, device: str, *keys: str) -> tuple[Module, dict[str, Any]]:
    """The trained network of a run folder and the config of its training."""
    config = train.read_config(run, "model", "model_options", *keys)
    for key in keys:
        rule, holds = _ENTRIES[key]
        if not holds(config[key]):
            raise _damaged(run, key, rule, repr(config[key]))
    try:
        model = models.create(config["model"], **config["model_options"])
    except TypeError as error:
        raise ValueError(
            f"{run}: its config.json must name a model and options; {error}"
        ) from error
    train.load_weights(run, model)
    return model.to(device), config


def _damaged(run: Path, key: str, rule: str, got: Any) -> ValueError:
    return ValueError(
        f"{run}: {key} in its config.json must be {rule}, got {got}; put it right or train again"
    )


COMMANDS = (evaluate, predict)
