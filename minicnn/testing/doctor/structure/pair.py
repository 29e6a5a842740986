"""A learner's gradient beside the right one: what all patterns of tier 2 look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from ..case import Case

Array = np.ndarray
Found = tuple[str, str]  # the key of a pattern that holds, and one line of evidence


@dataclass(frozen=True)
class Pair:
    """The gradient of one input, the learner's and the right one, of one shape.

    ``axes`` names every axis; ``rtol`` and ``atol`` are those of the case.
    """

    given: Array
    right: Array
    axes: tuple[str, ...]
    rtol: float = 1e-7
    atol: float = 1e-9

    @classmethod
    def of(cls, case: Case, name: str) -> "Pair":
        given = np.asarray(case.given[name], np.float64)
        right = np.asarray(case.right[name], np.float64)
        axes = tuple(case.axis(name, i) for i in range(right.ndim))
        return cls(given, right, axes, case.rtol, case.atol)

    @cached_property
    def size(self) -> float:
        """The largest entry of the right gradient; of the learner's where the right one is 0."""
        return float(np.abs(self.right).max(initial=0.0) or np.abs(self.given).max(initial=0.0))

    def agree(self, a: Array, b: Array) -> Array:
        """The entries where a equals b but for rounding."""
        return np.abs(a - b) <= self.atol * np.abs(b).max(initial=1e-300) + self.rtol * np.abs(b)

    def same(self, a: Array, b: Array) -> bool:
        """Whether a equals b but for rounding."""
        return a.shape == b.shape and bool(self.agree(a, b).all())

    def zero(self, a: Array) -> Array:
        """The entries of a that are 0 but for rounding."""
        return np.abs(a) <= self.atol * self.size

    @cached_property
    def wrong(self) -> Array:
        """The entries that differ."""
        return ~self.agree(self.given, self.right)

    @cached_property
    def long_axes(self) -> tuple[int, ...]:
        """The axes along which there is more than one entry."""
        return tuple(i for i, n in enumerate(self.right.shape) if n > 1)

    @cached_property
    def space(self) -> tuple[int, ...]:
        """The axes of an image, a sequence or a kernel: those after the first two."""
        return tuple(range(2, self.right.ndim))

    def named(self, axes: Sequence[int]) -> str:
        return ",".join(self.axes[i] for i in axes)

    def beyond(self, axes: Sequence[int]) -> tuple[int, ...]:
        """All the other axes."""
        return tuple(i for i in range(self.right.ndim) if i not in axes)

    def groups(self, most: int) -> Iterator[tuple[int, ...]]:
        """Every choice of one to ``most`` axes; at least one of them is longer than 1."""
        for count in range(1, most + 1):
            for axes in combinations(range(self.right.ndim), count):
                if set(axes) & set(self.long_axes):
                    yield axes

    def adds_nothing(self, axes: Sequence[int], found: Sequence[Sequence[int]]) -> bool:
        """Whether fewer axes, already found, say the same; axes of length 1 do not count."""
        long = set(self.long_axes)
        return any(set(f) < set(axes) and (set(axes) - set(f)) & long for f in found)


def numbers(values: Array, most: int = 4) -> str:
    """The first few numbers, as text."""
    shown = [f"{v:.4g}" for v in np.ravel(values)[:most]]
    return ", ".join(shown + ["..."] * (np.size(values) > most))


def count(n: int, of: int, thing: str = "entries") -> str:
    return f"{n} of {of} {thing}"
