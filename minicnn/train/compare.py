"""What there is to compare between runs: how good, how long, how large, how fast."""

import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..nn import Module, evaluating
from ..tensor import Tensor
from .history import Epoch, History, read_csv
from .run import read_config


class Run(NamedTuple):
    """A run folder: what was trained, and what came out after each epoch."""

    folder: Path
    config: dict[str, Any]
    history: History

    @property
    def best(self) -> Epoch:
        """The epoch of the highest accuracy in validation, or in training where there was none."""
        return max(self.history, key=_accuracy)

    @property
    def seconds(self) -> float:
        """How long all epochs took."""
        return sum(row.seconds for row in self.history)


def read_run(folder: str | PathLike[str]) -> Run:
    """Read the config and the metrics of a run.

    Raises FileNotFoundError if there is no run, ValueError if it is damaged or has no epoch yet.
    """
    folder = Path(folder)
    config = read_config(folder, "model", "model_options", "data", "image_shape")
    rules = {"model": str, "model_options": dict, "data": str, "image_shape": list}
    for key, kind in rules.items():
        if not isinstance(config[key], kind):
            raise ValueError(
                f"{folder}: {key} in its config.json must be a {kind.__name__}, got "
                f"{config[key]!r}; train again"
            )
    shape = config["image_shape"]
    if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(
            f"{folder}: image_shape in its config.json must be three positive integers, got {shape}"
        )
    history = read_csv(folder / "metrics.csv")
    if not history:
        raise ValueError(f"{folder}: a run must have epochs, got none; its training had no time")
    return Run(folder, config, history)


def latency(model: Module, image_shape: Sequence[int], seconds: float = 0.5) -> float:
    """The median time of one image (1, C, H, W) through the network in eval mode, in seconds.

    After two runs that nobody counts, as many as fit into ``seconds``, and at least five.
    """
    image = Tensor(np.random.default_rng(0).random((1, *image_shape), np.float32))
    times: list[float] = []
    with evaluating(model):
        for _ in range(2):
            model(image)
        while len(times) < 5 or sum(times) < seconds:
            start = time.perf_counter()
            model(image)
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def _accuracy(row: Epoch) -> float:
    return row.train_accuracy if row.val_accuracy is None else row.val_accuracy
