"""The options of `minicnn train` and `minicnn find-lr`, in groups."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .common import data_dir_option, device_option, kernels_option
from .recipes import OPTIMIZERS, PHOTOS, RECIPES, SCHEDULES

_POSITIVE = click.FloatRange(min=0, min_open=True)
_MODELS = ", ".join(f"{recipe.model} for {name}" for name, recipe in RECIPES.items())


def _group(*options: Callable) -> Callable:
    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


data_options = _group(
    click.option("--data", default="digits", show_default=True, metavar="NAME|FOLDER|CSV",
                 help=f"{', '.join(RECIPES)}; a folder with one sub-folder per class; or a table "
                      "of image files and their labels."),
    data_dir_option,
    click.option("--val-fraction", type=click.FloatRange(0, 1, max_open=True), default=0.1,
                 show_default=True, help="Share of the training images to validate on."),
    click.option("--balanced", is_flag=True, help="Show every class equally often."),
    click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Threads that read images."),
    click.option("--on-error", type=click.Choice(["raise", "skip"]), default="raise",
                 show_default=True, help="What to do at a file that is no whole image."),
)  # fmt: skip

model_options = _group(
    click.option("--model", help=f"The network.  [default: {_MODELS}, {PHOTOS.model} for photos]"),
    click.option("--task", type=click.Choice(["multiclass", "binary", "multilabel"]),
                 help="What is asked.  [default: by the labels]"),
    click.option("--weights", metavar="FILE|NAME", help="Weights to begin with."),
    click.option("--new-head", is_flag=True, help="Replace the last layer of these weights."),
    click.option("--freeze", multiple=True, metavar="PATTERN",
                 help='Layers that do not learn, such as "features.*"; may be repeated.'),
)  # fmt: skip

step_options = _group(
    click.option("--batch-size", type=click.IntRange(min=1), help="Images per step."),
    click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), help="The rule of the steps."),
)  # fmt: skip

schedule_options = _group(
    click.option("--epochs", type=click.IntRange(min=1), help="How often to see every image."),
    click.option("--lr", type=_POSITIVE, help="Highest learning rate."),
    click.option("--schedule", type=click.Choice(SCHEDULES), default="onecycle", show_default=True,
                 help="How the learning rate changes."),
    click.option("--clip", type=_POSITIVE, help="Largest norm of the gradient."),
    click.option("--ema", type=click.FloatRange(0, 1, min_open=True, max_open=True),
                 help="Use a moving average of the weights, of this decay, such as 0.999."),
    click.option("--patience", type=click.IntRange(min=1),
                 help="Stop after so many epochs without improvement on the validation images."),
)  # fmt: skip

loss_options = _group(
    click.option("--label-smoothing", type=click.FloatRange(0, 1), help="For multiclass tasks."),
    click.option("--class-weights", type=click.Choice(["balanced"]),
                 help="Let rare classes count more."),
    click.option("--focal", is_flag=True, help="Focal loss: easy images count less."),
)  # fmt: skip

mixing_options = _group(
    click.option("--mixup", type=_POSITIVE, metavar="ALPHA", help="Blend pairs of images."),
    click.option("--cutmix", type=_POSITIVE, metavar="ALPHA", help="Put parts into each other."),
)  # fmt: skip

machine_options = _group(
    kernels_option,
    device_option,
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="The same seed gives the same numbers."),
)  # fmt: skip

run_options = _group(
    click.option("--out", type=click.Path(path_type=Path),
                 help="New folder for the run.  [default: runs/DATA-MODEL-NUMBER]"),
    click.option("--resume", type=click.Path(path_type=Path), metavar="RUN",
                 help="Go on with a run that was interrupted, or for more --epochs."),
    click.option("--save-every", type=click.IntRange(min=1), metavar="STEPS",
                 help="Save inside epochs too."),
    click.option("--doctor/--no-doctor", default=True, show_default=True,
                 help="Look for what goes wrong, and say what to try."),
    click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard too."),
)  # fmt: skip


def given(ctx: click.Context) -> dict[str, Any]:
    """The options that were written on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return {name: v for name, v in ctx.params.items() if ctx.get_parameter_source(name) is source}
