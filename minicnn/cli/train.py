"""`minicnn train`"""

from pathlib import Path
from typing import Any

import click

from ..kernels import use_kernels
from ..train import Trainer, create_run, lock_run, stop_on_signals
from ..train.run import CONFIG, REPORT, write_json
from . import options
from .common import Command
from .preparing import Run, batches_to_learn, batches_to_measure, make_config, prepare
from .recipes import make_callbacks, make_loss, make_schedule
from .results import conclude
from .resuming import load_state, resumed_config
from .sets import short_name


@click.command(cls=Command)
@options.data_options
@options.model_options
@options.step_options
@options.schedule_options
@options.loss_options
@options.mixing_options
@options.machine_options
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
            run = prepare(config)
            _check_data(resume, config["fingerprint"], run)
            with lock_run(resume):
                _train(run, resume, resumed=True)
        return
    run = prepare(make_config(**chosen))
    folder = create_run(run.config, f"{short_name(run.config['data'])}-{run.config['model']}", out)
    with lock_run(folder):
        _train(run, folder, resumed=False)


def _check_data(folder: Path, expected: str, run: Run) -> None:
    if run.config["fingerprint"] != expected:
        raise ValueError(
            f"{folder}: a run goes on with the same images and labels, got others in "
            f"{run.config['data']}; restore them, or begin a new run"
        )


def _train(run: Run, folder: Path, resumed: bool) -> None:
    """Train; whatever happens, what was learnt until then is in the folder."""
    config, loader = run.config, batches_to_learn(run)
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
        val_loader = None if run.sets.val is None else batches_to_measure(run, run.sets.val)
        trainer.fit(loader, val_loader, config["epochs"])
        if caught.number is not None:
            _say_interrupted(folder, trainer)
            raise click.exceptions.Exit(128 + caught.number)
    if trainer.finished:
        click.echo(trainer.finished)
    conclude(run, folder, trainer)


def _title(run: Run, trainer: Trainer) -> str:
    parameters = sum(p.numel() for p in run.model.parameters())
    config, at = run.config, ""
    if trainer.global_step:
        at = f", going on in epoch {trainer.epoch + (not trainer.inside_epoch)}"
    return (
        f"{config['model']} ({parameters:,} parameters) on {short_name(config['data'])}: "
        f"{config['epochs']} x {len(run.sets.train):,} images, {config['optimizer']}, "
        f"seed {config['seed']}, {config['kernels']} kernels{at}"
    )


def _say_complete(folder: Path, trainer: Trainer, epochs: int) -> bool:
    """Whether there is nothing left to do, which is said."""
    done = len(trainer.history)
    whole = trainer.finished or done >= epochs
    if not (whole and (folder / REPORT).exists()):
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


COMMANDS = (train,)
