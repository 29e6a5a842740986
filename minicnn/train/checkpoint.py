"""Checkpoints: the whole state of a training in one safetensors file.

One file is replaced at once, so arrays and numbers always belong together. The arrays are named by
where they stand in the state ("model.conv1.weight", "optimizer.state.0.momentum_buffer"); all else
is JSON in the metadata, with the place of each array marked. Nothing in it is executed.
"""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import weights

VERSION = 1
_ARRAY, _TUPLE, _ITEMS = "$array", "$tuple", "$items"  # the marks of what JSON does not have


def save_checkpoint(
    path: str | PathLike[str], state: Mapping[str, Any], config: Mapping[str, Any] | None = None
) -> None:
    """Write what `Trainer.state_dict` returned, and the config of the run.

    The file is written whole or not at all. Raises OSError if it cannot be, TypeError for a state
    that holds something else than numbers, texts, lists, tuples, dicts and arrays.
    """
    arrays: dict[str, np.ndarray] = {}
    packed = _pack(dict(state), "", arrays)
    metadata = {
        "minicnn_checkpoint": str(VERSION),
        "state": json.dumps(packed),
        "config": json.dumps(dict(config or {})),
    }
    weights.save(path, arrays, metadata)


def load_checkpoint(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state for `Trainer.load_state_dict`, and the config.

    Raises FileNotFoundError if there is no file, ValueError if it is damaged, no checkpoint, or of
    a newer format.
    """
    path = Path(path)
    metadata = weights.load_metadata(path)
    version = metadata.get("minicnn_checkpoint", "")
    if not version.isdecimal():
        raise ValueError(
            f"{path}: must be a checkpoint of a training, got a file of weights alone; "
            "`last.safetensors` of a run folder is one"
        )
    if int(version) > VERSION:
        raise ValueError(
            f"{path}: the checkpoint's format must be at most {VERSION}, got {version}; "
            "a newer minicnn wrote it: update this one"
        )
    try:
        state = _unpack(json.loads(metadata["state"]), weights.load(path))
        config = json.loads(metadata["config"])
        if not isinstance(state, dict) or not isinstance(config, dict):
            raise TypeError("state and config are no dicts")
    except (KeyError, TypeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path}: must be an undamaged checkpoint, got one whose state cannot be read "
            f"({type(error).__name__}: {error}); resume from another"
        ) from error
    return state, config


def _pack(value: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    """The value as JSON; arrays go into ``arrays`` by the place ``where`` they stood."""
    if isinstance(value, np.ndarray):
        arrays[where] = value
        return {_ARRAY: where}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        items = [(key, _pack(v, f"{where}.{key}".lstrip("."), arrays)) for key, v in value.items()]
        plain = all(isinstance(key, str) and not key.startswith("$") for key in value)
        return dict(items) if plain else {_ITEMS: items}
    if isinstance(value, list | tuple):
        packed = [_pack(v, f"{where}.{i}", arrays) for i, v in enumerate(value)]
        return {_TUPLE: packed} if isinstance(value, tuple) else packed
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(
        f"checkpoint: {where} must be a number, a text, a list, a tuple, a dict or an array, got "
        f"{type(value).__name__}; leave it out of state_dict()"
    )


def _unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_ARRAY}:
        return arrays[value[_ARRAY]]
    if value.keys() == {_TUPLE}:
        return tuple(_unpack(value[_TUPLE], arrays))
    if value.keys() == {_ITEMS}:
        return {key: _unpack(v, arrays) for key, v in value[_ITEMS]}
    return {key: _unpack(v, arrays) for key, v in value.items()}
