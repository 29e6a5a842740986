"""What the doctor knows of an op: its rule, the probes that tell bugs apart, and the typical bugs.

A rule is written step by step on a `Call`, so that a known bug is the same op with one step
replaced:

    linear = Op("linear", {"x": "N D", "weight": "O D", "bias": "O"}, "N O",
                forward=lambda c: c.x @ c.weight.T + c.bias,
                gradients={"x": lambda gy, c: gy @ c.weight, ...}, ...)
    Mutant("dw_over_N", "divided-by-batch",
           gradients={"weight": lambda gy, c: gy.T @ c.x / len(c.x)})
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

Array = np.ndarray


class Call(SimpleNamespace):
    """One evaluation: the inputs and options by name, ``y``, and what the forward pass kept."""


class Gradients(Mapping[str, Any]):
    """The gradients of one evaluation by the inputs' names, each computed when it is asked for."""

    def __init__(self, rules: Mapping[str, "Gradient"], gy: Array, c: Call) -> None:
        self._rules, self._gy, self._call = rules, gy, c

    def __getitem__(self, name: str) -> Any:
        return self._rules[name](self._gy, self._call)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


Forward = Callable[[Call], Array]
Gradient = Callable[[Array, Call], Any]


@dataclass(frozen=True)
class Probe:
    """One set of inputs (by name, in the op's order) and options on which a function is tried.

    ``kind`` "usual"; "kink" where the derivative does not exist and a convention decides (ties,
    ReLU at 0), so that central differences mean nothing; "extreme" where numbers are so large or
    small that a careless formula overflows; "pairs" where options are pairs (height, width), which
    a function need not understand: it may raise. Sizes of axes are distinct primes where that can
    be, so that a wrong factor has one name.
    """

    name: str
    inputs: Mapping[str, Array]
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "usual"


@dataclass(frozen=True, eq=False)
class Mutant:
    """A typical bug: the op with another ``forward`` or other ``gradients``.

    ``bug`` is its name in the vocabulary; ``also`` lists other names that are equally right.
    """

    name: str
    bug: str
    forward: Forward | None = None
    gradients: Mapping[str, Gradient] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Op:
    """A known op.

    ``inputs`` maps the differentiable inputs to their named axes ("N C H W", "" for any shape);
    ``gradients`` has a rule for each, in the same order, or none at all: then only the forward pass
    is looked at, as for the update rules of optimizers.
    ``probes(seed)`` makes the probes. ``constants(c)`` gives numbers that a learner may forget or
    use twice, beside the lengths of the named axes. ``names`` translates what the tiers see into
    the vocabulary: {"gweight ratio:1/N": "divided-by-batch", "ratio:-1": "sign-flipped"}; a key
    with a place goes before one without. ``detectors`` are tests of this op alone; they are given
    the case and yield signs. ``aliases`` are other names that learners use for the options.
    ``conventions`` are choices that are all right ({"ties": ("first", "last")}), the usual one
    first; they reach the rule as options. ``defaults`` are the values of options that a learner's
    function need not know, or functions that give them from the other options.
    """

    name: str
    inputs: Mapping[str, str]
    output: str
    forward: Forward
    gradients: Mapping[str, Gradient]
    probes: Callable[[int], Iterable[Probe]]
    mutants: tuple[Mutant, ...] = ()
    constants: Callable[[Call], Mapping[str, float]] = lambda c: {}
    factors: Callable[[Call], Mapping[str, Array]] = lambda c: {}
    names: Mapping[str, str] = field(default_factory=dict)
    detectors: tuple[Callable[..., Any], ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    conventions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def run(
        self, inputs: Mapping[str, Array], options: Mapping[str, Any], mutant: Mutant | None = None
    ) -> tuple[Array, Callable[[Array], Gradients], Call]:
        """The output, the rule gy -> {input: gradient}, and the call; with one bug if asked for."""
        usual = {name: choices[0] for name, choices in self.conventions.items()}
        usual |= {k: v(options) if callable(v) else v for k, v in self.defaults.items()}
        c = Call(**{**usual, **inputs, **options})
        c.y = (mutant and mutant.forward or self.forward)(c)
        rules = {**self.gradients, **(mutant.gradients if mutant else {})}
        return c.y, lambda gy: Gradients(rules, gy, c), c
