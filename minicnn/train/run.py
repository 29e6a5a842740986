"""The folder of one training run.

    config.json        what was trained on what, and how
    metrics.csv        one line per epoch
    best.safetensors   parameters and running statistics of the best epoch, by name
    last.safetensors   the whole state after the last epoch, to resume from
    test.json          what the best weights are worth on images that no step saw
    report.html        all of it with all pictures, to read, print and send
    *.png              these pictures one by one: curves, confusion, mistakes, ...

A run is never written over: every training gets a folder of its own.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from .. import weights
from ..nn import Module
from .callbacks.checkpoint import BEST, LAST
from .checkpoint import load_checkpoint

CONFIG, METRICS, TEST, REPORT = "config.json", "metrics.csv", "test.json", "report.html"
LOCK = ".lock"


def create_run(
    config: Mapping[str, Any], name: str, out: str | PathLike[str] | None = None,
    root: str | PathLike[str] = "runs",
) -> Path:  # fmt: skip
    """Make the folder of a new run and write its config.

    The folder is ``out`` if given, else the first free one of ``root/name-001``, ``-002``, ...

    Raises FileExistsError if ``out`` is there and not an empty folder.
    """
    folder = _new_folder(Path(root), name) if out is None else _given_folder(Path(out))
    try:
        (folder / CONFIG).touch(exist_ok=False)  # of two at the same time, one gets the folder
    except FileExistsError as error:
        raise _taken(folder, "a run") from error
    write_json(folder / CONFIG, config)
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    weights.write_atomically(path, (json.dumps(dict(content), indent=2) + "\n").encode("utf-8"))


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Inside, no other process can train in this folder; a killed one no longer holds it.

    What a killed one was just writing is deleted. Raises FileExistsError if another process trains
    there now.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FileExistsError(
            f"{folder}: one training at a time may write a run, got another that is still going "
            "on; wait for its end, or choose another folder"
        ) from error
    try:
        weights.remove_leftovers(folder)
        yield
    finally:
        lock.release()


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
    """Put the best weights of a run into ``model``; the last ones where no epoch is done yet.

    Raises FileNotFoundError if the run has none, ValueError if they are damaged or belong to
    another model.
    """
    best, last = Path(folder) / BEST, Path(folder) / LAST
    path = best if best.exists() or not last.exists() else last
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: a run must have weights, got none; its training saved none yet"
        )
    try:
        model.load_state_dict(
            weights.load(best) if path == best else load_checkpoint(last)[0].get("model", {})
        )
    except (ValueError, TypeError) as error:
        if str(error).startswith(str(path)):
            raise
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
        raise _taken(out, what)
    out.mkdir(parents=True, exist_ok=True)
    return out


def _taken(out: Path, what: str) -> FileExistsError:
    return FileExistsError(
        f"{out}: a run needs a new or empty folder, got one that holds {what}; "
        "choose another name, since a run is never written over"
    )
