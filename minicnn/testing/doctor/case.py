"""One probe's run, with all that the tiers look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .op import Call, Op, Probe
from .report import Sign

Array = np.ndarray
Rule = Callable[[Array], Mapping[str, Array]]


@dataclass
class Case:
    """What a learner's function gave on one probe, beside what is right.

    ``given`` and ``right`` hold a gradient per input, by the input's name; ``given`` is finite and
    has the right shapes by the time that the tiers see it. ``right`` is the op's own rule where
    the learner's forward pass is right, and central differences of that forward pass where it is
    not. ``backward(gy)`` calls the learner's rule once more, on a fresh forward pass; ``rule(gy)``
    is the right one. ``rtol`` and ``atol`` are what two equal numbers may differ by. ``call`` is
    the right evaluation (inputs, options, ``y``, and what the op keeps), ``gy`` the upstream
    gradient: random, never ones. ``op`` is None for functions that the doctor does not know.
    """

    op: Op | None
    probe: Probe
    call: Call
    y: Array
    gy: Array
    given: Mapping[str, Array]
    right: Mapping[str, Array]
    backward: Rule
    rule: Rule
    rtol: float = 1e-7
    atol: float = 1e-9
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def close(self, a: Array, b: Array) -> bool:
        """Whether they are equal but for rounding; ``atol`` counts in units of the largest."""
        if a.shape != b.shape:
            return False
        size = max(1e-300, float(np.abs(b).max(initial=0.0)))
        return bool(np.all(np.abs(a - b) <= self.atol * size + self.rtol * np.abs(b)))

    def with_gradients(
        self, given: Mapping[str, Array], right: Mapping[str, Array], backward: Rule, rule: Rule
    ) -> "Case":
        """The same case with these gradients and rules."""
        return replace(self, given=given, right=right, backward=backward, rule=rule)

    def wrong(self) -> list[str]:
        """The inputs whose gradients differ from the right ones."""
        return [name for name in self.given if not self.close(self.given[name], self.right[name])]

    def axis(self, name: str, i: int) -> str:
        """The name of axis i of an input ("N", "C", ...), or "axis 2" where it has none."""
        names = self.axes.get(name, ())
        return names[i] if i < len(names) else f"axis {i}"

    def sign(self, bug: str, where: str, evidence: str, tier: int) -> Sign:
        return Sign(bug, where, evidence, tier, self.probe.name)
