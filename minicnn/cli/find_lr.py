"""`minicnn find-lr`"""

import shlex
from pathlib import Path
from typing import Any

import click

from ..train.lr_finder import find_lr as sweep
from . import options
from .common import Command, check_picture
from .preparing import batches_to_learn, make_config, prepare
from .recipes import make_loss


@click.command(cls=Command, name="find-lr")
@options.data_options
@options.model_options
@options.step_options
@options.loss_options
@options.machine_options
@click.option("--out", type=click.Path(path_type=Path), default="lr.png", show_default=True,
              help="Picture of the sweep.")  # fmt: skip
@click.pass_context
def find_lr(ctx: click.Context, out: Path, **chosen: Any) -> None:
    """Try learning rates from tiny to huge on a few batches, and suggest one.

    Nothing is kept of this but a picture: a training afterwards starts from the beginning.
    """
    check_picture(out)
    run = prepare(make_config(**chosen))
    config = run.config
    found = sweep(
        run.model, run.optimizer, batches_to_learn(run), task=config["task"],
        loss=make_loss(config, run.sets.train.labels),
    )  # fmt: skip
    found.plot(out)
    click.echo(f"{found}\ncurve in {out}")
    command = shlex.join([*_as_given(ctx), "--lr", f"{found.suggestion:.2g}"])
    click.echo(f"train with it: minicnn train {command}")


def _as_given(ctx: click.Context) -> list[str]:
    """The options of this command line that a training takes as well."""
    words: list[str] = []
    given = options.given(ctx)
    for option in ctx.command.params:
        value = given.get(option.name or "")
        if value is None or option.name == "out":
            continue
        for each in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0]] if each is True else [option.opts[0], str(each)]
    return words


COMMANDS = (find_lr,)
