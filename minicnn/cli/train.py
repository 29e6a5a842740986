"""`minicnn train`"""

from pathlib import Path
from typing import Any

import click

from .. import __version__, data, models, viz
from ..nn import Module
from ..optim import Optimizer
from ..random import manual_seed
from ..train import Evaluation, History, create_run, evaluate, fit, predict, save_run
from .common import Command, data_dir_option, device_option, kernels_option
from .recipes import (
    OPTIMIZERS,
    RECIPES,
    make_augment,
    make_loss,
    make_optimizer,
    make_schedule,
)

_MODELS = ", ".join(f"{recipe.model} for {name}" for name, recipe in RECIPES.items())


@click.command(cls=Command)
@click.option("--data", type=click.Choice(list(RECIPES)), default="digits", show_default=True,
              help="digits comes with the program, mnist is downloaded.")  # fmt: skip
@click.option("--model", help=f"The network.  [default: {_MODELS}]")
@click.option("--epochs", type=click.IntRange(min=1), help="How often to see every image.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per step.")
@click.option("--lr", type=click.FloatRange(min=0, min_open=True), help="Highest learning rate.")
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), help="The rule of the steps.")
@kernels_option
@device_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="The same seed gives the same numbers.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path),
              help="New folder for the run.  [default: runs/DATA-MODEL-NUMBER]")  # fmt: skip
@data_dir_option
def train(out: Path | None, data_dir: str | None, **options: Any) -> None:
    """Train a network and keep it in a run folder.

    What is not given comes from a recipe for the data set.
    """
    config = _config(**options)
    models.input_shape(config["model"])  # an unknown name should not wait for a download
    train_set = data.load(config["data"], "train", data_dir)
    test_set = data.load(config["data"], "test", data_dir)
    config["classes"] = train_set.classes
    config["image_shape"] = train_set.images.shape[1:]
    config["model_options"] = {
        "num_classes": len(train_set.classes), "in_channels": train_set.images.shape[1]
    }  # fmt: skip
    manual_seed(config["seed"])
    model = models.create(config["model"], **config["model_options"]).to(config["device"])
    _check_fit(model, train_set, config["model"])
    optimizer = make_optimizer(model, config)
    folder = create_run(config, f"{config['data']}-{config['model']}", out)
    _run(model, optimizer, train_set, test_set, config, folder)


def _check_fit(model: Module, dataset: data.Dataset, name: str) -> None:
    """Try one image, before there is a run folder."""
    try:
        predict(model, next(iter(data.DataLoader(dataset, 1)))[0])
    except ValueError as error:
        shape, made_for = dataset.images.shape[1:], models.input_shape(name)
        raise ValueError(
            f"{name}: the images of {dataset.name} {shape} must fit the network, which was made "
            f"for {made_for}; choose another --model\n{error}"
        ) from error


def _config(**options: Any) -> dict[str, Any]:
    """The options, filled up from the recipe; all that a run is made of."""
    recipe = RECIPES[options["data"]]._asdict()
    config = {"minicnn": __version__} | options
    config |= {name: value for name, value in recipe.items() if config.get(name) is None}
    if config["lr"] is None:
        config["lr"] = OPTIMIZERS[config["optimizer"]][1]
    return config


def _run(
    model: Module, optimizer: Optimizer, train_set: data.Dataset, test_set: data.Dataset,
    config: dict[str, Any], folder: Path,
) -> None:  # fmt: skip
    """Train; whatever happens, what was learnt until then is in the folder."""
    history: History = []

    def keep(rows: History) -> None:
        history[:] = rows
        save_run(folder, model, rows)

    loss = make_loss(config)
    try:
        click.echo(_title(model, config, len(train_set)))
        fit(
            model, train_set, test_set, optimizer=optimizer, loss=loss,
            schedule=make_schedule(optimizer, config, len(train_set)),
            augment=make_augment(config), epochs=config["epochs"], seed=config["seed"],
            batch_size=config["batch_size"], device=config["device"], on_epoch=keep,
        )  # fmt: skip
        result = evaluate(model, test_set, loss=loss)
    except KeyboardInterrupt:
        save_run(folder, model, history)
        click.echo(f"minicnn: interrupted after {len(history)} whole epochs; the weights as they "
                   f"were then are in {folder}", err=True)  # fmt: skip
        raise click.exceptions.Exit(130) from None
    _finish(folder, history, result, test_set.classes)


def _title(model: Module, config: dict[str, Any], images: int) -> str:
    parameters = sum(p.numel() for p in model.parameters())
    return (
        f"{config['model']} ({parameters:,} parameters) on {config['data']}: {config['epochs']} x "
        f"{images:,} images, {config['optimizer']}, seed {config['seed']}, "
        f"{config['kernels']} kernels"
    )


def _finish(folder: Path, history: History, result: Evaluation, classes: list[str]) -> None:
    viz.plot_history(history, folder / "curves.png")
    viz.plot_confusion(result.confusion, classes, folder / "confusion.png")
    right, n = int(result.confusion.trace()), int(result.confusion.sum())
    seconds = sum(row.seconds for row in history)
    click.echo(
        f"test accuracy {result.accuracy:.2%} ({right:,} of {n:,} images) after {seconds:.1f} s"
    )
    click.echo(f"run folder {folder}")


COMMANDS = (train,)
