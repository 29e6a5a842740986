"""A moving average of the weights, which is often better than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ...inplace import mark_written
from ...kernels import to_device
from ...nn import Module
from ...tensor import Tensor
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class EMA(Callback):
    """Averages the weights after each step, and lets the average be measured.

        a <- a - (1 - d) (a - w),    d = min(decay, (1 + t) / (10 + t))    at step t = 1, 2, ...

    The small d of the first steps forgets the initial weights. Running statistics of batch norms
    are averages already and are copied. Weights that do not change, frozen ones say, stay bit for
    bit. The average takes the place of the weights while the trainer evaluates, and inside
    `with ema.applied(model):` for saving and predicting.

    Raises ValueError for a decay outside [0, 1).
    Papers: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the
    warm-up is that of TensorFlow's ExponentialMovingAverage.
    """

    order = -1  # the average is up to date when others save or measure

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"EMA: decay must be in [0, 1), got {decay}; 0.999 is usual")
        self.decay = decay
        self.steps = 0
        self.average: dict[str, np.ndarray] = {}
        self._applied: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin with the weights as they are, unless there is an average already."""
        if not self.average:
            self.average = {name: p.data.copy() for name, p in trainer.model.named_parameters()}
        self._check(trainer.model)

    def on_step_end(self, trainer: Trainer) -> None:
        """Take in the new weights."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, p in trainer.model.named_parameters():
            average = self.average[name] = to_device(self.average[name], p.device)
            average -= (1 - keep) * (average - p.data)  # x - 0 is x, for x = -0 too

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """Measure the average."""
        if self.average:
            self._applied = self.applied(trainer.model)
            self._applied.__enter__()

    def on_evaluate_end(self, trainer: Trainer) -> None:
        """Go on with the weights."""
        applied, self._applied = self._applied, None
        if applied is not None:
            applied.__exit__(None, None, None)

    @contextmanager
    def applied(self, model: Module) -> Iterator[Module]:
        """Inside, the model has the average as its weights; afterwards its own again, bit for bit.

        Raises ValueError for a model of other parameters.
        """
        self._check(model)
        own = {name: p.data.copy() for name, p in model.named_parameters()}
        _write(model, self.average)
        try:
            yield model
        finally:
            _write(model, own)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps and the average."""
        average = {name: np.array(to_device(a, "cpu")) for name, a in self.average.items()}
        return {"steps": self.steps, "average": average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with another one's average."""
        self.steps = int(state_dict["steps"])
        self.average = {name: np.array(a) for name, a in state_dict["average"].items()}

    def _check(self, model: Module) -> None:
        own = {name: p.shape for name, p in model.named_parameters()}
        average = {name: a.shape for name, a in self.average.items()}
        if own != average:
            odd = [
                name for name in own.keys() | average.keys() if own.get(name) != average.get(name)
            ]
            raise ValueError(
                f"EMA: the parameters must be those that were averaged, got {len(odd)} others "
                f"({', '.join(sorted(odd)[:3])}); make a new EMA for another model"
            )


def _write(model: Module, values: dict[str, Any]) -> None:
    named: dict[str, Tensor] = dict(model.named_parameters())
    for name, p in named.items():
        p.data[...] = to_device(values[name], p.device)
        mark_written(p, "EMA")
