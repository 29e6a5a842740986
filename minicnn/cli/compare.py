"""`minicnn compare`: runs side by side."""

from pathlib import Path
from typing import Any

import click

from .. import models, train, viz
from ..summary import summarize, total
from ..train.compare import Run, latency, read_run
from .common import Command, kernels_option, print_table

_COLUMNS = ("run", "model", "data", "> accuracy", "> loss", "> best", "> epochs", "> time",
            "> parameters", "> multiply-adds", "> one image")  # fmt: skip


@click.command(cls=Command)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="compare.png",
              show_default=True, help="Picture of the runs' curves.")  # fmt: skip
@kernels_option
def compare(runs: tuple[Path, ...], out: Path, kernels: str) -> None:
    """Print what runs reached, how large and how fast their networks are, and plot their curves.

    A run that cannot be read is left out.
    """
    found: list[Run] = []
    rows = []
    for folder in dict.fromkeys(runs):
        try:
            run = read_run(folder)
            rows.append(_row(run))
            found.append(run)
        except (OSError, ValueError, TypeError) as error:
            line = " ".join(str(error).split())
            where = "" if str(folder) in line else f"{folder}: "
            click.echo(f"minicnn: left out: {where}{line}", err=True)
    if not found:
        raise ValueError(f"compare: at least one run must be readable, got none of {len(runs)}")
    print_table(_COLUMNS, rows)
    _explain(found)
    viz.plot_runs({str(run.folder): run.history for run in found}, out)
    click.echo(f"curves in {out}")


def _row(run: Run) -> tuple[Any, ...]:
    model = models.create(run.config["model"], **run.config["model_options"])
    train.load_weights(run.folder, model)
    shape = tuple(run.config["image_shape"])
    costs = total(summarize(model, (1, *shape)))
    last, best = run.history[-1], run.best
    validated = last.val_accuracy is not None and last.val_loss is not None
    accuracy = last.val_accuracy if validated else last.train_accuracy
    loss = last.val_loss if validated else last.train_loss
    peak = best.val_accuracy if best.val_accuracy is not None else best.train_accuracy
    return (
        run.folder, run.config["model"], run.config["data"],
        f"{accuracy:.2%}" + ("" if validated else "*"), f"{loss:.4f}",
        f"{peak:.2%} in {best.epoch}", last.epoch, _duration(run.seconds),
        f"{costs.parameters:,}", f"{costs.multiply_adds:,}",
        f"{1e3 * latency(model, shape):.2f} ms",
    )  # fmt: skip


def _explain(runs: list[Run]) -> None:
    """What one must know to read the table right."""
    if any(run.history[-1].val_accuracy is None for run in runs):
        click.echo("* of the training images: this run had no others")
    data = list(dict.fromkeys(run.config["data"] for run in runs))
    if len(data) > 1:
        click.echo(f"these runs saw different images ({', '.join(data)}): their accuracies and "
                   "losses say nothing about each other")  # fmt: skip


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{seconds:.1f} s"


COMMANDS = (compare,)
