"""The slopes of a function: by every entry of a small input, along random ways of a large one.

A large input has too many entries to move each of them. Then what the tiers look at is not its
gradient gx but the numbers sum(gx * way) for some random ways; a lost factor or a gradient that
ignores gy shows in these as well.
"""

from collections.abc import Sequence

import numpy as np

from ...tensor import Tensor
from ..differences import Probe, Settings, Ways, directions, entries
from ..evaluation import Run

KEPT = 4_000_000  # numbers of dy/dx that are kept for the next upstream gradient


class Slopes:
    """One input's slopes. ``of(gx)`` are a rule's, ``right(gys)`` are central differences."""

    def __init__(self, x: Tensor, run: Run, settings: Settings, every: bool) -> None:
        self.every, self._x, self._run, self._settings = every, x, run, settings
        self._changes: list[list[np.ndarray]] | None = None

    def ways(self) -> Ways:
        return entries(self._x) if self.every else directions(self._x, self._settings)

    def of(self, gx: np.ndarray) -> np.ndarray:
        """gx itself, or its products with the ways."""
        if self.every:
            return gx
        return np.array([(gx * self._scaled(way)).sum() for _, way in self.ways()])

    def right(self, gys: Sequence[np.ndarray]) -> np.ndarray:
        """What ``of`` should give for these upstream gradients."""
        slopes = [sum(float((gy * dy).sum()) for gy, dy in zip(gys, dys, strict=True))
                  for dys in self._outputs(gys)]  # fmt: skip
        return np.reshape(slopes, self._x.shape if self.every else -1)

    def _outputs(self, gys: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """dy along each way."""
        if self._changes is not None:
            return self._changes
        probe, eps = Probe(self._run, list(gys)), self._settings.eps
        changes = []
        for _, way in self.ways():
            unit = 1.0 if not self.every else np.maximum(1, abs(self._x.numpy()))
            before, after, moved = probe.around(self._x, eps * self._scaled(way) * unit)
            h = float(abs(moved).max(initial=0)) or np.inf
            changes.append([(b - a) / (2 * h) for a, b in zip(before, after, strict=True)])
        if sum(dy.size for dys in changes for dy in dys) <= KEPT:
            self._changes = changes
        return changes

    def _scaled(self, way: np.ndarray) -> np.ndarray:
        """As the comparison scales it: larger for large entries, 1 at most."""
        if self.every:
            return way
        step = np.maximum(1, abs(self._x.numpy())) * way
        return step / abs(step).max()
