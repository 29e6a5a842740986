"""`minicnn evaluate` and `minicnn predict`: what a trained network is good for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .. import data, models, train
from ..data.pictures import open_image
from ..data.presets import Preset
from ..nn import Module
from ..train.run import METRICS, REPORT
from ..train.tasks import TASKS
from .common import (
    Command,
    data_dir_option,
    device_option,
    kernels_option,
    weights_options,
)
from .picture import read_picture
from .results import draw, kept_advice, measure, print_classes, print_numbers, say_skipped
from .sets import load_sets, unseen

# What the entries of a config must be, in words and as a test.
_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "data": ("the name of a data set or a path", lambda v: isinstance(v, str)),
    "task": (f"one of {', '.join(TASKS)}", lambda v: isinstance(v, str) and v in TASKS),
    "seed": ("a whole number", lambda v: type(v) is int and v >= 0),
    "val_fraction": ("a number from 0 to 1", lambda v: type(v) in (int, float) and 0 <= v < 1),
    "label_smoothing": ("a number", lambda v: isinstance(v, int | float)),
    "preset": ("a preset", lambda v: isinstance(v, dict)),
    "classes": ("a list of names",
                lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v)),
    "image_shape": ("three positive integers",
                    lambda v: isinstance(v, list) and len(v) == 3
                    and all(type(n) is int and n > 0 for n in v)),
}  # fmt: skip

# What a config lacks that an older version wrote.
_OLDER = {"focal": False, "class_weights": None, "data_dir": None, "workers": 0,
          "on_error": "raise"}  # fmt: skip

_run_argument = click.argument("run", type=click.Path(path_type=Path))


@click.command(cls=Command)
@_run_argument
@click.option("--out", type=click.Path(path_type=Path), help="New folder for pictures and report.")
@kernels_option
@device_option
@data_dir_option
def evaluate(run: Path, out: Path | None, kernels: str, device: str, data_dir: str | None) -> None:
    """Measure the network of a run folder on images that its training did not see.

    With --out the pictures and the report are drawn too.
    """
    keys = ("data", "label_smoothing", "task", "seed", "val_fraction", "preset")
    model, config = _load(run, device, *keys)
    config = _OLDER | config | ({"data_dir": data_dir} if data_dir else {})
    if out is not None:
        _check_out(out, run)
    dataset, name = unseen(load_sets(config))
    steps = _preset(run, config).steps(dataset, training=False)
    reading = {"workers": config["workers"], "on_error": config["on_error"]}
    result = measure(model, data.DataLoader(dataset, 256, **steps, **reading), name, config)
    print_classes(result.evaluation.metrics)
    print_numbers(result, _loss_name(config))
    say_skipped(result.skipped)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        draw(out, result, config, _history(run), kept_advice(run))
        click.echo(f"report in {out / REPORT}")


def _check_out(out: Path, run: Path) -> None:
    """Refuse to write among other files."""
    ours = out.is_dir() and run.resolve() == out.resolve()
    if not ours and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(
            f"{out}: --out must be a new or empty folder, or the run's own, got one that holds "
            "other files; choose another name"
        )


def _history(run: Path) -> train.History:
    """The epochs of a run; none where its table is damaged."""
    try:
        return train.read_csv(run / METRICS)
    except (OSError, ValueError):
        return []


def _loss_name(config: Mapping[str, Any]) -> str:
    if config["task"] != "multiclass" or config["focal"]:
        return ""
    return f" (cross-entropy with label smoothing {config['label_smoothing']})"


def _preset(run: Path, config: Mapping[str, Any]) -> Preset:
    try:
        return Preset.from_config(config["preset"])
    except (ValueError, TypeError) as error:
        raise _damaged(run, "preset", "a preset", str(error)) from error


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
        answer = _by_run(Path(what), images, device)
    else:
        _check_model(what)
        answer = _by_model(what, images, device, **reading)
    for path, note, p in zip(images, answer.notes, answer.probabilities, strict=True):
        shown, says = _shown(answer, p, top)
        click.echo(f"{path}: {says}" + (f"  ({note})" if note else ""))
        for i in shown:
            click.echo(f"  {answer.classes[i]:<12} {p[i]:7.2%}")


class Answer(NamedTuple):
    """What a network says about some images.

    ``probabilities`` is (N, K), of a binary task (N, 2); ``notes`` say what was done to each image.
    """

    task: str
    classes: list[str]
    probabilities: np.ndarray
    notes: Sequence[str]


def _shown(answer: Answer, p: np.ndarray, top: int | None) -> tuple[Sequence[int], str]:
    """Which classes to print, and what the image shows."""
    best = np.argsort(-p, kind="stable").tolist()
    if answer.task == "multilabel":
        over = [answer.classes[i] for i in best if p[i] > 0.5]
        return best[: top or max(3, len(over))], ", ".join(over) or "none of the labels"
    name = answer.classes[best[0]]
    if answer.task == "binary":  # the probability that was learnt is that of the second class
        return [1], name
    return best[: top or (3 if len(p) < 100 else 5)], name


def _by_run(run: Path, images: tuple[Path, ...], device: str) -> Answer:
    model, config = _load(run, device, "classes", "image_shape", "task", "preset")
    preset, shape = _preset(run, config), tuple(config["image_shape"])
    notes: Sequence[str] = [""] * len(images)
    if shape[0] == 1:  # dark strokes on paper are made what the network knows
        pictures, notes = zip(*(read_picture(p, shape) for p in images), strict=True)
        batch = preset.normalize(np.stack(pictures))
    else:
        batch = np.stack([preset(open_image(path)) for path in images])
    classes, rows = config["classes"], train.predict(model, batch, task=config["task"])
    if rows.ndim == 1:
        rows = np.stack([1 - rows, rows], 1)
    if len(classes) != rows.shape[1]:
        raise _damaged(run, "classes", f"{rows.shape[1]} names, one per output", len(classes))
    return Answer(config["task"], classes, rows, notes)


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
    rows = train.predict(model.to(device), np.stack(pictures))
    return Answer("multiclass", classes, rows, notes)


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
