"""What is known of a training so far, and the form of a finding about it."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .look import Look, chance_level, cross_entropy

WINDOW = 10  # looks


class Finding(NamedTuple):
    """Something that is wrong: what was seen, in numbers, what that means, what to try."""

    kind: str
    saw: str
    means: str
    advice: str

    @property
    def short(self) -> str:
        """Without what it means."""
        return f"{self.kind}: {self.saw}. Try: {self.advice}"

    def __str__(self) -> str:
        return f"{self.kind}: {self.saw}. {self.means} Try: {self.advice}"


@dataclass
class Chart:
    """The training that the rules judge.

    ``losses`` are the training's own, of every step; everything else comes from looks.
    """

    task: str = "multiclass"
    loss_takes_logits: bool = True
    optimizer: str = ""
    forgotten: list[str] = field(default_factory=list)  # parameters that no optimizer has
    batch_norms: int = 0  # that use the statistics of the batch
    steps_per_epoch: int = 0
    losses: list[float] = field(default_factory=list)
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=WINDOW))
    first_look: Look | None = None
    peak_update: float = 0.0  # the largest median of a look's updates, ever

    def add(self, look: Look) -> None:
        """Take in one more look; the oldest of the window goes."""
        self.first_look = self.first_look or look
        self.looks.append(look)

    def add_updates(self, updates: dict[str, float]) -> None:
        """How far the weights went in the step that was looked at last."""
        self.looks[-1].updates = updates
        self.peak_update = max(self.peak_update, _median(list(updates.values())))

    @property
    def step(self) -> int:
        return self.looks[-1].step if self.looks else 0

    @property
    def lr(self) -> float:
        return self.looks[-1].lr

    @property
    def is_warming_up(self) -> bool:
        """Whether the learning rate has been rising."""
        return self.looks[-1].lr > 1.01 * self.looks[0].lr

    def is_full(self, looks: int = WINDOW) -> bool:
        """Whether there are enough looks for a judgement."""
        return len(self.looks) >= looks

    def cross_entropy(self, looks: int = WINDOW) -> float:
        """Of the last looks, in nats per label."""
        recent = list(self.looks)[-looks:]
        with np.errstate(all="ignore"):
            return float(np.mean([cross_entropy(x.outputs, x.labels) for x in recent]))

    def chance(self) -> float:
        """The cross-entropy of answering with the shares of the classes alone."""
        return chance_level(np.concatenate([x.labels for x in self.looks]))

    def learns(self) -> bool:
        """Whether the outputs say clearly more about the labels than the shares of the classes."""
        return self.cross_entropy() < 0.7 * self.chance()

    def update_ratio(self) -> float:
        """The usual |update| / |weight|: median over layers and looks; 0 where unknown."""
        return _median([r for x in self.looks for r in x.updates.values()])

    def medians(self, what: str) -> dict[str, float]:
        """By parameter, the median over the looks of "gradients" or "updates"."""
        names = list(getattr(self.looks[-1], what))
        return {
            name: _median([getattr(x, what)[name] for x in self.looks if name in getattr(x, what)])
            for name in names
        }


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else 0.0
