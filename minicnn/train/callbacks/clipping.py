"""Gradient clipping as a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...optim import clip_grad_norm_
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class ClipGradNorm(Callback):
    """Scales all gradients together so that their norm is at most ``max_norm``."""

    def __init__(self, max_norm: float) -> None:
        if not max_norm > 0:
            raise ValueError(f"ClipGradNorm: max_norm must be above 0, got {max_norm}")
        self.max_norm = max_norm

    def on_gradients(self, trainer: Trainer) -> None:
        """Clip."""
        # Not those of the model: nobody clears the gradients of one that is not optimized.
        groups = trainer.optimizer.param_groups
        clip_grad_norm_([p for group in groups for p in group["params"]], self.max_norm)
