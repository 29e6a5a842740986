"""Loading weights into models: published ones by name, others by path, with a report by key."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import nn, weights
from ..data.presets import Preset
from ..download import cache_folder, download
from .catalog import Entry
from .imagenet import imagenet_classes
from .network import Network, State
from .published import MIRRORS, V1, V2, WEIGHTS, Published, by_file, names

_SHOWN = 6  # keys of a kind in an error


class LoadReport(NamedTuple):
    """What became of each key: values were loaded, stayed as they were, or were not used.

    ``wrong_shape`` has the key, the model's shape and the file's.
    """

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    wrong_shape: list[tuple[str, tuple[int, ...], tuple[int, ...]]]

    @property
    def ok(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        shapes = [f"{key} {theirs} for {ours}" for key, ours, theirs in self.wrong_shape]
        parts = [
            f"{len(self.loaded)} that fit",
            *_listed("missing", self.missing),
            *_listed("not in the model", self.unexpected),
            *_listed("of another shape", shapes),
        ]
        return "; ".join(parts)


def load_weights(model: nn.Module, state: State, *, strict: bool = True) -> LoadReport:
    """Copy arrays into the parameters and buffers of the same names and shapes.

    ``strict`` demands that all fit, before anything is changed; otherwise those that fit are
    loaded. Raises ValueError with the report by key, or where nothing fits.
    """
    if not isinstance(state, Mapping):
        kind = type(state).__name__
        raise TypeError(f"load_weights: state must map names to arrays, got {kind}")
    own = {key: tensor.shape for key, tensor in model.named_state()}
    fitting = [key for key in own if key in state and np.shape(state[key]) == own[key]]
    report = LoadReport(
        fitting,
        [key for key in own if key not in state and not key.endswith("num_batches_tracked")],
        [key for key in state if key not in own],
        [(key, own[key], np.shape(state[key])) for key in own
         if key in state and np.shape(state[key]) != own[key]],
    )  # fmt: skip
    if (strict and not report.ok) or not fitting:
        raise ValueError(
            f"load_weights: all keys must be those of {type(model).__name__}, got {report}"
            f"{_advice(own, state)}"
        )
    model.load_state_dict({key: state[key] for key in fitting}, strict=False)
    return report


def load_pretrained(
    row: Entry, model: str, source: str | PathLike[str], options: dict[str, Any], *,
    new_head: bool, **reading: Any,
) -> Network:  # fmt: skip
    """Build a model and load weights into it: see `models.create`."""
    path, published = find_weights(model, source)
    found = weights.load(path, **reading)
    with nn.init.skip():
        net = row.build(**options)
        state, needed = net.translate(found)
        needed |= published.options if published else {}
        if net.auxiliary and "aux_logits" not in options:
            needed["aux_logits"] = any(key.startswith(net.auxiliary) for key in state)
        classes = _classes(net, state)
        if classes is not None and not new_head:
            needed["num_classes"] = classes
            _check_head(net, source, state, options)
        _check_options(source, needed, options)
        net = row.build(**needed | options)
    if net.auxiliary and not options.get("aux_logits", True):
        state = {key: a for key, a in state.items() if not key.startswith(net.auxiliary)}
    if new_head:
        net.replace_head(net.num_classes)
        state = {**state, **_head_state(net)}
    load_weights(net, state)
    net.needed = needed
    net.preset = published.preset if published else _usual_preset(row, net, options)
    if not new_head and net.num_classes == 1000:
        net.classes = imagenet_classes()
    return net


def _usual_preset(row: Entry, net: Network, options: Mapping[str, Any]) -> Preset | None:
    """How images for weights of unknown origin are most likely prepared; None for small images."""
    if row.dataset != "ImageNet-1K" or options.get("in_channels", 3) != 3:
        return None
    size = options.get("image_size", row.size)
    return replace(net.preset or Preset(), crop=size, resize=round(size / 0.875))


def find_weights(model: str, source: str | PathLike[str]) -> tuple[Path, Published | None]:
    """The file of published weights (downloaded once), or the local file of that path.

    Raises FileNotFoundError where there is no such file and no such name, or no network.
    """
    known = names(model)
    name = str(source)
    if name == "DEFAULT" and known:
        name = V2 if V2 in known else V1
    published = WEIGHTS.get((model, name))
    if published is None:
        if Path(source).is_file():
            owner, file = by_file(name) or (model, None)
            return Path(source), file if owner == model else None
        choice = f" or one of {', '.join(known)}" if known else "; none is published by name"
        found = " (a folder)" if Path(source).is_dir() else ""
        raise FileNotFoundError(
            f"{model}: weights must be the path of a file{choice}, got {str(source)!r}{found}"
        )
    folder = cache_folder("weights")
    try:
        return download(published.file, published.sha256, MIRRORS, folder), published
    except ConnectionError as error:
        raise FileNotFoundError(
            f"{model}: weights {name} must be in {folder} or be downloaded, got {error}. "
            f"Or fetch {MIRRORS[0]}/{published.file} elsewhere and give its path as weights"
        ) from error


def _check_options(source: Any, needed: Mapping[str, Any], options: dict[str, Any]) -> None:
    for name, value in needed.items():
        if options.get(name, value) != value:
            raise ValueError(
                f"create: weights {str(source)!r} were trained with {name}={value}, got "
                f"{name}={options[name]}; leave {name} out"
            )


def _classes(net: Network, state: State) -> int | None:
    """How many classes the file's main head has."""
    key = f"{net.head_paths[0]}.weight"
    own, head = dict(net.named_state())[key], state.get(key)
    if head is None or np.ndim(head) != own.ndim or len(head) == 0:
        return None
    return len(head)


def _head_state(net: Network) -> dict[str, np.ndarray]:
    heads = tuple(f"{path}." for path in net.head_paths)
    return {key: x.numpy() for key, x in net.named_state() if key.startswith(heads)}


def _check_head(net: Network, source: Any, state: State, options: dict[str, Any]) -> None:
    if options.get("num_classes", _classes(net, state)) != _classes(net, state):
        keys = [f"{key} {state[key].shape} for {x.shape}"
                for key, x in _head_state(net).items() if key in state]  # fmt: skip
        raise ValueError(
            f"create: num_classes must be {_classes(net, state)} as in weights {str(source)!r}, "
            f"got {net.num_classes} ({', '.join(keys)}); leave num_classes out to keep the head "
            "that was trained, or add new_head=True for a fresh one on the trained backbone"
        )


def _listed(what: str, keys: Iterable[str]) -> list[str]:
    """A line of an error or a report: how many keys, and the first of them."""
    keys = list(keys)
    more = f", and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return [f"{len(keys)} {what}: {', '.join(keys[:_SHOWN])}{more}"] if keys else []


def _advice(own: Mapping[str, Any], state: State) -> str:
    """What most often explains that names do not fit."""
    for key in state:
        prefix, _, rest = key.lstrip(".").partition(".")
        if rest in own and key not in own:
            return f'; the names begin with "{prefix}.": load them with prefix="{prefix}."'
    fitting = [key for key in own if key in state and np.shape(state[key]) == own[key] != ()]
    if not fitting:
        return "; these are weights of another model, or of another width"
    return "; load_weights(..., strict=False) loads what fits"
