"""What a resumed run must have in common with the one that was interrupted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import train
from ..train.callbacks.checkpoint import LAST
from .recipes import WHOLE_RUN

# What changes nothing in the numbers so far, and what `_check_epochs` looks after.
_FREE = {"workers", "on_error", "save_every", "tensorboard", "epochs", "minicnn", "data_dir"}


def resumed_config(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run, with what may be changed on the command line.

    Raises FileNotFoundError if there is no run, ValueError for an option that differs.
    """
    config = train.read_config(folder, "model", "epochs", "data", "seed", "fingerprint")
    options = {name: value for name, value in given.items() if name != "resume"}
    for name, value in options.items():
        value = list(value) if isinstance(value, tuple) else value
        if name not in _FREE and value != config.get(name):
            raise ValueError(
                f"{folder}: a run goes on with its own options, got --{name.replace('_', '-')} "
                f"{value} instead of {config.get(name)}; leave it out, or begin a new run"
            )
    _check_epochs(folder, config, options.get("epochs", config["epochs"]))
    return config | {name: options[name] for name in _FREE & options.keys()}


def _check_epochs(folder: Path, config: Mapping[str, Any], epochs: int) -> None:
    planned = config["epochs"]
    if epochs < planned:
        raise ValueError(
            f"{folder}: --epochs must be at least {planned}, as planned, got {epochs}; "
            "leave it out, or begin a new run"
        )
    if epochs > planned and config["schedule"] in WHOLE_RUN:
        raise ValueError(
            f"{folder}: --epochs must stay {planned}, where the learning rate of the schedule "
            f"{config['schedule']} ends, got {epochs}; begin a new run with --epochs {epochs}, or "
            f"with --weights {folder / 'best.safetensors'}"
        )


def load_state(folder: Path, config: Mapping[str, Any], trainer: train.Trainer) -> None:
    """Put the last checkpoint of a run into a trainer; without one it begins anew.

    Raises ValueError if the checkpoint is damaged or of another run.
    """
    path = folder / LAST
    if not path.exists():
        return
    state, saved = train.load_checkpoint(path)
    for name in config.keys() - _FREE:
        if saved.get(name) != config[name]:
            raise ValueError(
                f"{path}: must be of the run in config.json, got one with {name} "
                f"{saved.get(name)!r} instead of {config[name]!r}; put the right file there"
            )
    try:
        trainer.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
