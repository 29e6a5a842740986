"""`minicnn evaluate` and `minicnn predict`: what a trained network is good for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import data, models, train
from ..data.pictures import open_image
from ..nn import Module
from .common import (
    Command,
    data_dir_option,
    device_option,
    kernels_option,
    print_table,
    weights_options,
)
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
@click.argument("what", metavar="RUN|MODEL")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...",
                type=click.Path(path_type=Path))  # fmt: skip
@weights_options
@click.option("--top", type=click.IntRange(min=1), help="Classes to print.  [default: 3, or 5]")
@kernels_option
@device_option
def predict(
    what: str, images: tuple[Path, ...], top: int | None, kernels: str, device: str,
    **reading: str | None,
) -> None:  # fmt: skip
    """Say what image files show, by the network of a run folder or by a model of the zoo.

    `minicnn predict resnet50 dog.jpg` downloads published weights at the first time.
    """
    if Path(what).is_dir():
        if any(reading.values()):
            raise ValueError(f"{what}: a run folder has its weights, got options for others")
        classes, rows, notes = _by_run(Path(what), images, device)
    else:
        _check_model(what)
        classes, rows, notes = _by_model(what, images, device, **reading)
    for path, note, p in zip(images, notes, rows, strict=True):
        best = np.argsort(-p, kind="stable")[: top or (3 if len(p) < 100 else 5)]
        click.echo(f"{path}: {classes[best[0]]}" + (f"  ({note})" if note else ""))
        for i in best:
            click.echo(f"  {classes[i]:<12} {p[i]:7.2%}")


Answer = tuple[list[str], np.ndarray, Sequence[str]]  # classes, (N, K) probabilities, notes


def _by_run(run: Path, images: tuple[Path, ...], device: str) -> Answer:
    model, config = _load(run, device, "classes", "image_shape")
    pictures, notes = zip(*(read_picture(p, tuple(config["image_shape"])) for p in images),
                          strict=True)  # fmt: skip
    classes, rows = config["classes"], train.predict(model, np.stack(pictures))
    if len(classes) != rows.shape[1]:
        raise _damaged(run, "classes", f"{rows.shape[1]} names, one per output", len(classes))
    return classes, rows, notes


def _check_model(name: str) -> None:
    try:
        models.info(name)
    except ValueError as error:
        raise ValueError(
            f"predict: {name} is no name of a model, nor a run folder; {error}"
        ) from error


def _by_model(
    name: str, images: tuple[Path, ...], device: str, weights: str | None, **reading: Any
) -> Answer:
    opened = [open_image(path) for path in images]  # before there is anything to download
    model = models.create(name, weights=weights or "DEFAULT", **reading)
    notes: Sequence[str] = [""] * len(images)
    if model.preset is not None:
        pictures = [model.preset(image) for image in opened]
    else:
        pictures, notes = zip(*(read_picture(p, models.input_shape(name)) for p in images),
                              strict=True)  # fmt: skip
    classes = model.classes or [f"class {i}" for i in range(model.num_classes)]
    return classes, train.predict(model.to(device), np.stack(pictures)), notes


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
