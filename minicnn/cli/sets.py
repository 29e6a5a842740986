"""What a training reads: a data set by name, a folder of class folders, or a table."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data, models
from ..data import presets


class Sets(NamedTuple):
    """The parts of a data set; there may be no validation part and no test part."""

    train: Any
    val: Any
    test: Any


def is_name(source: str) -> bool:
    """Whether ``source`` is a data set's name; one that is known never means a folder here."""
    is_path = Path(source).is_dir() or source.lower().endswith((".csv", ".tsv"))
    return source in data.CATALOG or not is_path


def short_name(source: str) -> str:
    """The name of a data set, or of a folder or table without the way to it."""
    return source if is_name(source) else Path(source).stem


def load_sets(config: Mapping[str, Any]) -> Sets:
    """Training, validation and test images of a run.

    Without a validation part, the fraction ``val_fraction`` of the training images becomes one,
    the same for the same seed.
    """
    train, val, test = _parts(config["data"], config["data_dir"], _channels(config))
    if val is None and config["val_fraction"]:
        train, val = data.train_val_split(train, config["val_fraction"], config["seed"])
    return Sets(train, val, test)


def unseen(sets: Sets) -> tuple[Any, str]:
    """The images that no training step saw, and what they are called."""
    if sets.test is not None:
        return sets.test, "test"
    return (sets.train, "training") if sets.val is None else (sets.val, "validation")


def _channels(config: Mapping[str, Any]) -> int:
    return 1 if models.input_shape(config["model"])[0] == 1 else 3


def _parts(source: str, data_dir: str | None, channels: int) -> tuple[Any, Any, Any]:
    val: Any
    if is_name(source):
        _check_name(source)
        val = data.load(source, "val", data_dir) if source == "flowers102" else None
        return data.load(source, "train", data_dir), val, data.load(source, "test", data_dir)
    path = Path(source)
    if not path.is_dir():
        return data.from_csv(path, data_dir, channels=channels), None, None
    splits = data.folder_splits(path)
    if not splits:
        return data.ImageFolder(path, channels=channels), None, None
    train, val, test = (
        data.ImageFolder(path, split, channels=channels) if split in splits else None
        for split in ("train", "val", "test")
    )
    return train, val, test


def _check_name(source: str) -> None:
    try:
        data.entry(source)
    except ValueError as error:
        raise ValueError(
            f"--data: {source} is no folder of images, nor a table, nor a data set; {error}"
        ) from error


def choose_preset(config: Mapping[str, Any], dataset: Any) -> presets.Preset:
    """How the images of a data set are prepared for the model of the run.

    The data set's own preset, or one of the model's size; flips are for photos alone.
    """
    channels, size, _ = models.input_shape(config["model"])
    if config["data"] in presets.PRESETS:
        return presets.get(config["data"])
    if not isinstance(dataset, data.Dataset):
        photos = presets.get("imagenet", size)
        return photos if channels == 3 else replace(photos, mean=(0.5,), std=(0.5,), flip=False)
    channels, size = dataset.images.shape[1:3]
    half = (0.5,) * channels
    return presets.Preset(
        size, size, mean=half, std=half, scale=None, flip=False, name=config["data"]
    )


def fingerprint(sets: Sets) -> str:
    """A number that changes with the training data: labels, classes, and images or file names."""
    crc = 0
    for part in (sets.train, sets.val):
        if part is None:
            continue
        crc = zlib.crc32("\0".join(part.classes).encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(part.labels).tobytes(), crc)
        if isinstance(part, data.Dataset):
            crc = zlib.crc32(np.ascontiguousarray(part.images).tobytes(), crc)
        else:
            names = (Path(part.source(i)).name for i in range(len(part)))
            crc = zlib.crc32("\0".join(names).encode(), crc)
    return f"{crc:08x}"
