"""Unfreezing a network step by step, from the head down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..transfer import matching, unfreeze
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class GradualUnfreezing(Callback):
    """Unfreezes what patterns name when an epoch begins: ``{3: "layer4", 5: ["layer3", "bn1"]}``.

    Epochs count from 1. The optimizer must have these parameters from the start
    (`transfer.parameter_groups` gives it all), and `freeze` comes before training. A run that is
    resumed goes on as it would have: what is learnt depends on the epoch alone.

    Raises ValueError, when training begins, for a pattern that fits nothing and for parameters that
    the optimizer does not have.
    Paper: Howard, Ruder, "Universal language model fine-tuning for text classification", 2018,
    section 3.3.
    """

    def __init__(self, schedule: Mapping[int, str | Sequence[str]]) -> None:
        self.schedule = {
            epoch: (patterns,) if isinstance(patterns, str) else tuple(patterns)
            for epoch, patterns in schedule.items()
        }

    def on_fit_start(self, trainer: Trainer) -> None:
        """See that all patterns fit and the optimizer is ready."""
        named = dict(trainer.model.named_parameters())
        known = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
        for patterns in self.schedule.values():
            chosen = [name for name in matching(trainer.model, patterns) if name in named]
            lost = [name for name in chosen if id(named[name]) not in known]
            if lost:
                raise ValueError(
                    f"GradualUnfreezing: the optimizer must have what will be unfrozen, got "
                    f"{len(lost)} parameters that it has not ({lost[0]}); build it from "
                    "parameter_groups(model, lr) or model.parameters()"
                )

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Unfreeze what is due by now."""
        for epoch, patterns in self.schedule.items():
            if epoch <= trainer.epoch:
                unfreeze(trainer.model, *patterns)
