"""The base of all callbacks: what a training does beside batch, loss, backward and step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..trainer import Trainer


class Callback:
    """Does something at certain moments of a training. Define the methods that you need.

    What a callback remembers between steps goes through `state_dict` and `load_state_dict`, so that
    a resumed training is bit for bit the one that was never interrupted. ``order``: callbacks run
    in the order in which they were given, those with a greater ``order`` after all others.
    """

    order = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Training begins, or goes on after `resume`: `trainer.epoch` is what was reached."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """The model is in training mode. A run resumed inside an epoch has `trainer.step` > 0."""

    def on_batch_start(self, trainer: Trainer) -> None:
        """`trainer.batch` is the next batch and may be replaced."""

    def on_gradients(self, trainer: Trainer) -> None:
        """After the backward pass, before the optimizer's step."""

    def on_step_end(self, trainer: Trainer) -> None:
        """The parameters are changed; `loss_value` and `outputs` are those of this step."""

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """The model is about to be measured: here averaged weights take their place."""

    def on_evaluate_end(self, trainer: Trainer) -> None:
        """The model was measured; called after an error too."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """The epoch is done and measured: `trainer.history[-1]` is its row."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Training is over, stopped or broken off by an error: close what is open."""

    def state_dict(self) -> dict[str, Any]:
        """JSON values, tuples and arrays by name; nothing by default."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the callback stood that gave ``state_dict``."""
