"""The folder of one training run.

    config.json           what was trained on what, and how
    metrics.csv           one line per epoch
    weights.safetensors   parameters and running statistics, by name

A run is never written over: every training gets a folder of its own.
"""

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .. import weights
from ..nn import Module
from .history import Epoch, write_csv

CONFIG, METRICS, WEIGHTS = "config.json", "metrics.csv", "weights.safetensors"


def create_run(
    config: Mapping[str, Any], name: str, out: str | PathLike[str] | None = None,
    root: str | PathLike[str] = "runs",
) -> Path:  # fmt: skip
    """Make the folder of a new run and write its config.

    The folder is ``out`` if given, else the first free one of ``root/name-001``, ``-002``, ...

    Raises FileExistsError if ``out`` is there and not an empty folder.
    """
    folder = _new_folder(Path(root), name) if out is None else _given_folder(Path(out))
    text = json.dumps(dict(config), indent=2) + "\n"
    weights.write_atomically(folder / CONFIG, text.encode("utf-8"))
    return folder


def save_run(folder: Path, model: Module, history: Sequence[Epoch]) -> None:
    """Write the weights and the metrics as they are now, in place of those written before."""
    weights.save(folder / WEIGHTS, model.state_dict())
    write_csv(history, folder / METRICS)


def read_config(folder: str | PathLike[str], *keys: str) -> dict[str, Any]:
    """The config of a run; ``keys`` must be in it.

    Raises FileNotFoundError if there is no run, ValueError if its config is damaged.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        found = "a folder without it" if path.parent.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"{path.parent}: a run folder must hold {CONFIG}, got {found}; "
            "`minicnn train` makes one and ends with its name"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in keys if key not in config]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: must be JSON, got {error}; train again") from error
    if not isinstance(config, dict) or missing:
        raise ValueError(f"{path}: must be the config of a run, got none of {missing}; train again")
    return config


def load_weights(folder: str | PathLike[str], model: Module) -> None:
    """Put the weights of a run into ``model``.

    Raises FileNotFoundError if the run has none yet, ValueError if they are damaged or belong to
    another model.
    """
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: a run must have weights, got none; its training did not finish an epoch"
        )
    arrays = weights.load(path)
    try:
        model.load_state_dict(arrays)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: must be the weights of the network in {CONFIG}; {error}"
        ) from error


def _new_folder(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = root / f"{name}-{number:03}"
        try:
            folder.mkdir()  # fails if another process has just made it, so no two share one
            return folder
        except FileExistsError:
            number += 1


def _given_folder(out: Path) -> Path:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "a run" if (out / CONFIG).exists() else "other files" if out.is_dir() else "a file"
        raise FileExistsError(
            f"{out}: a run needs a new or empty folder, got one that holds {what}; "
            "choose another name, since a run is never written over"
        )
    out.mkdir(parents=True, exist_ok=True)
    return out
