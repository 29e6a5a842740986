"""`minicnn train`"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .. import __version__, data, models, viz
from ..data.presets import Preset
from ..kernels import use_kernels
from ..nn import Module
from ..optim import Optimizer
from ..random import manual_seed
from ..train import (
    Evaluation,
    Trainer,
    create_run,
    load_weights,
    lock_run,
    predict,
    stop_on_signals,
    training_loader,
)  # fmt: skip
from ..train.run import CONFIG, TEST, write_json
from ..train.tasks import find_task
from ..train.transfer import freeze, replace_head
from . import options
from .common import Command
from .recipes import (
    OPTIMIZERS,
    PHOTOS,
    RECIPES,
    make_callbacks,
    make_loss,
    make_optimizer,
    make_schedule,
)  # fmt: skip
from .resuming import load_state, resumed_config
from .sets import Sets, choose_preset, fingerprint, is_name, load_sets, unseen


class Run(NamedTuple):
    """What a training needs, made from its config."""

    model: Module
    optimizer: Optimizer
    sets: Sets
    preset: Preset
    config: dict[str, Any]


@click.command(cls=Command)
@options.data_options
@options.model_options
@options.optimizer_options
@options.loss_options
@options.run_options
@click.pass_context
def train(ctx: click.Context, out: Path | None, resume: Path | None, **chosen: Any) -> None:
    """Train a network and keep it in a run folder.

    What is not given comes from a recipe for the data set. The best weights by validation are
    measured on the test images at the end. Ctrl-C saves; --resume goes on from there.
    """
    if resume is not None:
        config = resumed_config(resume, options.given(ctx))
        with use_kernels(config["kernels"]):
            run = _prepare(config)
            _check_data(resume, config["fingerprint"], run)
            with lock_run(resume):
                _train(run, resume, resumed=True)
        return
    run = _prepare(_config(**chosen))
    folder = create_run(run.config, f"{_short(run.config['data'])}-{run.config['model']}", out)
    with lock_run(folder):
        _train(run, folder, resumed=False)


def _config(**chosen: Any) -> dict[str, Any]:
    """The options, filled up from the recipe; all that a run is made of."""
    if not is_name(chosen["data"]):
        chosen["data"] = str(Path(chosen["data"]).resolve())
    recipe = RECIPES.get(chosen["data"], PHOTOS)._asdict()
    config = {"minicnn": __version__} | chosen | {"freeze": list(chosen["freeze"])}
    config |= {name: value for name, value in recipe.items() if config.get(name) is None}
    if config["lr"] is None:
        config["lr"] = OPTIMIZERS[config["optimizer"]][1]
    if config["focal"] and (config["mixup"] or config["cutmix"]):
        raise ValueError("train: --focal needs whole labels, got mixed ones; leave one of both out")
    if config["new_head"] and not config["weights"]:
        raise ValueError("train: --new-head is for weights, got none; add --weights FILE|NAME")
    models.input_shape(config["model"])  # an unknown name should not wait for a download
    return config


def _prepare(config: dict[str, Any]) -> Run:
    """Data and model of a new or a resumed run, tried on one image before there is a folder."""
    config, sets = dict(config), load_sets(config)
    if config["patience"] and sets.val is None:
        raise ValueError("train: --patience needs validation images, got --val-fraction 0")
    several = np.ndim(sets.train.labels) == 2
    task = find_task(config["task"] or ("multilabel" if several else "multiclass"))
    _check_task(task.name, several, sets.train)
    preset = choose_preset(config, sets.train)
    config |= {
        "task": task.name, "classes": list(sets.train.classes), "fingerprint": fingerprint(sets),
        "model_options": {
            "num_classes": task.outputs(len(sets.train.classes)),
            "in_channels": preset.image_shape[0],
        },
    }  # fmt: skip
    manual_seed(config["seed"])
    model = _model(config)
    preset = getattr(model, "preset", None) or preset
    config |= {"preset": preset.to_config(), "image_shape": list(preset.image_shape)}
    model = model.to(config["device"])
    optimizer = make_optimizer(model, config)
    run = Run(model, optimizer, sets, preset, json.loads(json.dumps(config)))
    _check_fit(run)
    return run


def _model(config: Mapping[str, Any]) -> Module:
    """The network, what is frozen frozen; a new head learns whatever the patterns say."""
    given, weights = config["model_options"], config["weights"]
    model = models.create(config["model"], **(given if weights is None else {"weights": weights}))
    if config["freeze"]:
        freeze(model, *config["freeze"])
    if config["new_head"]:
        replace_head(model, given["num_classes"], config["seed"])
    if model.num_classes != given["num_classes"]:
        raise ValueError(
            f"train: the weights must have {given['num_classes']} outputs for the classes of the "
            f"data, got {model.num_classes}; add --new-head"
        )
    return model


def _check_task(task: str, several: bool, dataset: Any) -> None:
    if several != (task == "multilabel"):
        found = "any number of labels" if several else "one label"
        raise ValueError(f"train: --task {task} does not fit, got images of {found}; leave it out")
    if task == "binary" and len(dataset.classes) != 2:
        raise ValueError(
            f"train: --task binary needs 2 classes, got {len(dataset.classes)}; leave it out"
        )


def _check_fit(run: Run) -> None:
    """Try one image."""
    name, shape = run.config["model"], run.preset.image_shape
    try:
        images = next(iter(_loader(run, run.sets.train, 1)))[0]
        predict(run.model, images, task=run.config["task"])
    except (ValueError, RuntimeError) as error:
        made_for = models.input_shape(name)
        raise ValueError(
            f"{name}: the images of {run.config['data']} {shape} must fit the network, which was "
            f"made for {made_for}; choose another --model\n{error}"
        ) from error


def _check_data(folder: Path, expected: str, run: Run) -> None:
    if run.config["fingerprint"] != expected:
        raise ValueError(
            f"{folder}: a run goes on with the same images and labels, got others in "
            f"{run.config['data']}; restore them, or begin a new run"
        )


def _loader(run: Run, dataset: Any, batch_size: int = 256) -> data.DataLoader:
    """Batches to measure on."""
    steps = run.preset.steps(dataset, training=False)
    return data.DataLoader(dataset, batch_size, workers=run.config["workers"], **steps)


def _training_loader(run: Run) -> data.DataLoader:
    config, dataset = run.config, run.sets.train
    steps = run.preset.steps(dataset, training=True) | {"workers": config["workers"]}
    if not config["balanced"]:
        return training_loader(dataset, config["batch_size"], config["seed"], **steps)
    sampler = data.ClassBalancedSampler(dataset.labels, seed=config["seed"])
    lonely = len(sampler) % config["batch_size"] == 1 and len(sampler) > config["batch_size"]
    return data.DataLoader(
        dataset, config["batch_size"], drop_last=lonely, seed=config["seed"], sampler=sampler,
        **steps,
    )  # fmt: skip


def _train(run: Run, folder: Path, resumed: bool) -> None:
    """Train; whatever happens, what was learnt until then is in the folder."""
    config, loader = run.config, _training_loader(run)
    loss = make_loss(config, run.sets.train.labels)
    trainer = Trainer(
        run.model, run.optimizer, task=config["task"], loss=loss,
        schedule=make_schedule(run.optimizer, config, len(loader)),
        callbacks=make_callbacks(config, folder), seed=config["seed"], device=config["device"],
    )  # fmt: skip
    with stop_on_signals(trainer) as caught:
        if resumed:
            load_state(folder, config, trainer)
            if _say_complete(folder, trainer, config["epochs"]):
                return
            write_json(folder / CONFIG, config)
        click.echo(_title(run, trainer))
        val_loader = None if run.sets.val is None else _loader(run, run.sets.val)
        trainer.fit(loader, val_loader, config["epochs"])
        if caught.number is not None:
            _say_interrupted(folder, trainer)
            raise click.exceptions.Exit(128 + caught.number)
    if trainer.finished:
        click.echo(trainer.finished)
    _finish(run, folder, trainer)


def _title(run: Run, trainer: Trainer) -> str:
    parameters = sum(p.numel() for p in run.model.parameters())
    config, at = run.config, ""
    if trainer.global_step:
        at = f", going on in epoch {trainer.epoch + (not trainer.inside_epoch)}"
    return (
        f"{config['model']} ({parameters:,} parameters) on {_short(config['data'])}: "
        f"{config['epochs']} x {len(run.sets.train):,} images, {config['optimizer']}, "
        f"seed {config['seed']}, {config['kernels']} kernels{at}"
    )


def _say_complete(folder: Path, trainer: Trainer, epochs: int) -> bool:
    """Whether there is nothing left to do, which is said."""
    done = len(trainer.history)
    whole = trainer.finished or done >= epochs
    if not (whole and (folder / TEST).exists()):
        return False
    why = trainer.finished or f"all {done} epochs are done"
    click.echo(f"{folder}: the run is complete, {why}")
    return True


def _say_interrupted(folder: Path, trainer: Trainer) -> None:
    where = f"after {len(trainer.history)} whole epochs"
    if trainer.inside_epoch:
        where = f"in epoch {trainer.epoch}, after step {trainer.step} of {trainer.steps}"
    click.echo(
        f"minicnn: interrupted {where}; everything is saved in {folder}\n"
        f"Go on with: minicnn train --resume {folder}", err=True,
    )  # fmt: skip


def _short(source: str) -> str:
    return source if is_name(source) else Path(source).stem


def _finish(run: Run, folder: Path, trainer: Trainer) -> None:
    """Measure the best weights on images that no step saw, and draw."""
    load_weights(folder, run.model)
    part, name = unseen(run.sets)
    trainer.callbacks = []  # averaged weights are in the file already
    result = trainer.evaluate(_loader(run, part))
    viz.plot_history(trainer.history, folder / "curves.png")
    if run.config["task"] != "multilabel":
        viz.plot_confusion(result.confusion, run.config["classes"], folder / "confusion.png")
    write_json(folder / TEST, {
        "images": name, "n": len(part), "loss": result.loss, "accuracy": result.accuracy,
    })  # fmt: skip
    seconds = sum(row.seconds for row in trainer.history)
    click.echo(f"{_accuracy(name, result, len(part))} after {seconds:.1f} s")
    click.echo(f"run folder {folder}")


def _accuracy(name: str, result: Evaluation, n: int) -> str:
    right = round(result.accuracy * n)
    return f"{name} accuracy {result.accuracy:.2%} ({right:,} of {n:,} images)"


COMMANDS = (train,)
