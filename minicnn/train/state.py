"""The whole state of a training: what it takes to go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import random
from .callbacks.base import Callback
from .history import Epoch

if TYPE_CHECKING:
    from .trainer import Trainer

_POSITION = ("epoch", "step", "global_step", "steps", "seed", "finished")


def collect(trainer: Trainer) -> dict[str, Any]:
    """Everything that later steps depend on, as JSON values, tuples and arrays."""
    return {
        "position": {name: getattr(trainer, name) for name in _POSITION},
        "parts": _parts(trainer),
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule and trainer.schedule.state_dict(),
        "callbacks": {
            name: own for name, c in _named(trainer.callbacks) if (own := c.state_dict())
        },
        "random": random.get_state(),
        "sums": vars(trainer.sums).copy(),
        "history": [list(row) for row in trainer.history],
    }


def restore(trainer: Trainer, state: dict[str, Any]) -> None:
    """Put a state that `collect` returned into a trainer made alike.

    Raises ValueError if model, optimizer, schedule, task, seed or callbacks are not those of the
    state, or if it is damaged.
    """
    try:
        _check_alike(trainer, state)
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.schedule is not None:
            trainer.schedule.load_state_dict(state["schedule"])
        for name, callback in _named(trainer.callbacks):
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
        random.set_state(state["random"])
        for name in _POSITION:
            setattr(trainer, name, state["position"][name])
        vars(trainer.sums).update(state["sums"])
        trainer.history[:] = [Epoch(*row) for row in state["history"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"resume: the state must be whole, got one that lacks something "
            f"({type(error).__name__}: {error}); resume from another checkpoint"
        ) from error


def _parts(trainer: Trainer) -> dict[str, Any]:
    """What the training is made of, by name."""
    return {
        "model": type(trainer.model).__name__,
        "optimizer": type(trainer.optimizer).__name__,
        "schedule": trainer.schedule and type(trainer.schedule).__name__,
        "task": trainer.task.name,
    }


def _check_alike(trainer: Trainer, state: dict[str, Any]) -> None:
    own = _parts(trainer) | {"seed": trainer.seed}
    saved = state["parts"] | {"seed": state["position"]["seed"]}
    for what, value in own.items():
        if saved[what] != value:
            raise ValueError(
                f"resume: the {what} must be {saved[what]!r} as in the checkpoint, got {value!r}; "
                "make the trainer as it was made then"
            )
    absent = state["callbacks"].keys() - {name for name, _ in _named(trainer.callbacks)}
    if absent:
        raise ValueError(
            f"resume: the callbacks must be those of the checkpoint, got none of {sorted(absent)}; "
            "make the trainer as it was made then"
        )


def _named(callbacks: Iterable[Callback]) -> list[tuple[str, Callback]]:
    """Each callback with a name of its own: its class, and a number from the second on."""
    named: dict[str, Callback] = {}
    for callback in callbacks:
        name = base = type(callback).__name__
        number = 1
        while name in named:
            number += 1
            name = f"{base}-{number}"
        named[name] = callback
    return list(named.items())
