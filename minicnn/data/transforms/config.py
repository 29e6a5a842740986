"""Transforms as JSON and back, by the names of their classes and fields; nothing is executed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from .affine import RandomAffine, RandomRotation
from .batch import CutMix, MixUp
from .colour import ColorJitter, Grayscale
from .compose import Compose, Normalize, ToArray
from .erasing import Cutout, RandomErasing
from .geometry import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
)
from .randaugment import RandAugment

CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        CenterCrop, ColorJitter, Compose, CutMix, Cutout, Grayscale, MixUp, Normalize, RandAugment,
        RandomAffine, RandomCrop, RandomErasing, RandomHorizontalFlip, RandomResizedCrop,
        RandomRotation, RandomVerticalFlip, Resize, ToArray,
    )
}  # fmt: skip


def to_config(value: Any) -> Any:
    """A transform as {"class": name, field: value, ...}, which `json.dumps` can write."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_config(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__} | fields
    if isinstance(value, tuple | list):
        return [to_config(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"to_config: a field must be a number, a word, a transform or a tuple of these, got "
        f"{value!r}; write the transform as a dataclass of minicnn.data.transforms"
    )


def from_config(config: Any, classes: Mapping[str, type] = CLASSES) -> Any:
    """What `to_config` was given; only the classes in `classes` are made.

    Raises ValueError for an unknown class or field, a missing one, and a value that makes no sense.
    """
    if isinstance(config, list):
        return tuple(from_config(item, classes) for item in config)
    if not isinstance(config, dict):
        return config
    name = config.get("class")
    if not isinstance(name, str) or name not in classes:
        raise ValueError(
            f'from_config: "class" must be one of {", ".join(classes)}, got {name!r}; '
            "was it written by a newer version?"
        )
    cls = classes[name]
    fields = {f.name: f for f in dataclasses.fields(cls)}
    given = {key: from_config(value, classes) for key, value in config.items() if key != "class"}
    unknown = sorted(given.keys() - fields.keys())
    missing = [
        key for key, f in fields.items() if f.default is dataclasses.MISSING and key not in given
    ]
    if unknown or missing:
        wrong = f"unknown {', '.join(unknown)}" if unknown else f"no {', '.join(missing)}"
        raise ValueError(
            f"from_config: {name} has the fields {', '.join(fields) or 'none'}, got {wrong}; "
            "was it written by another version?"
        )
    try:
        return cls(**given)
    except TypeError as error:
        raise ValueError(f"from_config: {error}") from error
