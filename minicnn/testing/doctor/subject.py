"""A learner's forward and backward, whatever their style, called with care.

Three styles are understood:

    y = forward(x, weight, stride=2)          gx, gweight = backward(gy, x, weight, stride=2)
    y, cache = forward(x, weight, stride=2)   gx, gweight = backward(gy, cache)
    y, rule = forward(x, weight, stride=2)    gx, gweight = rule(gy)

A backward may also ask for the output (`backward(gy, y)`), and the options may come as one
dictionary (`forward(x, weight, conv_param)`).
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .op import Op

UPSTREAM = {
    "gy", "dy", "dout", "d", "g", "dz", "grad", "grad_output", "grad_out", "gradient", "upstream",
    "upstream_grad", "dL_dy", "dldy", "delta", "cotangent",
}  # fmt: skip
OUTPUT = {"y", "out", "output", "result"}
BUNDLES = ("param", "params", "options", "opts", "attrs", "config", "hyper")
ALIASES = {
    "padding": ("pad", "p"),
    "stride": ("s",),
    "dilation": ("dil",),
    "kernel_size": ("k", "size", "pool_size", "kernel", "window"),
    "axis": ("dim",),
    "keepdims": ("keepdim",),
    "negative_slope": ("slope", "alpha"),
    "exponent": ("p", "power", "n"),
    "target": ("labels", "label", "t", "y_true", "targets"),
    "eps": ("epsilon",),
}


class Misfit(Exception):
    """The function does not take what the probe has; not a fault, but not checked either."""


class Subject:
    """``run(inputs, options)`` gives y and a function gy -> gradients, as the learner wrote them.

    Raises Misfit where ``forward`` does not know an option that the probe needs.
    """

    def __init__(
        self, op: Op, forward: Callable[..., Any], backward: Callable[..., Any] | None
    ) -> None:
        self._op, self._forward, self._backward = op, forward, backward
        self._takes = _parameters(forward)
        self._takes_back = [] if backward is None else _parameters(backward)

    def run(
        self, inputs: Mapping[str, np.ndarray], options: Mapping[str, Any]
    ) -> tuple[Any, Callable[[np.ndarray], Any] | None]:
        binding = _Binding(self._op, inputs, options)
        binding.fill(self._takes, len(inputs))
        binding.require(self._forward)
        answer = self._forward(*binding.positional, **binding.named)
        backward = self._backward
        if not (isinstance(answer, tuple) and len(answer) == 2):
            return answer, None if backward is None else self._from_inputs(answer, inputs, options)
        y, second = answer
        if backward is None:
            return y, second if callable(second) else None
        names = [p.name for p in self._takes_back]
        if len(names) > 1 and names[0] not in UPSTREAM and names[1] in UPSTREAM:
            return y, lambda gy: backward(second, gy)
        return y, lambda gy: backward(gy, second)

    def _from_inputs(
        self, y: Any, inputs: Mapping[str, np.ndarray], options: Mapping[str, Any]
    ) -> Callable[[np.ndarray], Any]:
        """The rule of a backward that is given the inputs once more (and y, if it asks)."""
        backward = self._backward
        assert backward is not None

        def rule(gy: np.ndarray) -> Any:
            binding = _Binding(self._op, inputs, options, y)
            binding.fill(self._takes_back[1:], 0)
            return backward(gy, *binding.positional, **binding.named)

        return rule


def by_name(answer: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What a rule returned, by the inputs' names: an array, a tuple, a list or a dictionary.

    Raises ValueError where there are more or fewer gradients than inputs.
    """
    if isinstance(answer, Mapping):
        answer = [answer.get(name, answer.get(f"g{name}")) for name in names]
    entries = list(answer) if isinstance(answer, tuple | list) else [answer]
    if len(entries) != len(names):
        raise ValueError(
            f"backward returned {len(entries)} gradients; the inputs are {', '.join(names)}"
        )
    return dict(zip(names, entries, strict=True))


class _Binding:
    """Which of the inputs and options a function takes, and under which names."""

    def __init__(
        self, op: Op, inputs: Mapping[str, Any], options: Mapping[str, Any], y: Any = None
    ) -> None:
        self._op, self._y = op, y
        self._inputs, self._options, self._given = dict(inputs), dict(options), options
        self.positional: list[Any] = []
        self.named: dict[str, Any] = {}

    def fill(self, parameters: list[inspect.Parameter], first: int) -> None:
        """Bind the parameters; the ``first`` ones are inputs, whatever their names.

        After a parameter that keeps its default the others are bound by name.
        """
        skipped = False
        for number, p in enumerate(parameters):
            if p.kind is p.VAR_POSITIONAL:
                self.positional += self._inputs.values()
                self._inputs.clear()
            elif p.kind is p.VAR_KEYWORD:
                self.named |= self._options
                self._options.clear()
            else:
                found, value = self._take(p.name, number < first)
                if found and (skipped or self.named or p.kind is p.KEYWORD_ONLY):
                    self.named[p.name] = value
                elif found:
                    self.positional.append(value)
                else:
                    skipped = True  # its own default stands, or Python will say what is missing

    def require(self, function: Callable[..., Any]) -> None:
        """Every input must have been taken, and every option whose value matters."""
        name = getattr(function, "__name__", "forward")
        if self._inputs:
            raise TypeError(
                f"{name} must take the inputs {', '.join(self._op.inputs)}; it has no place for "
                f"{', '.join(self._inputs)}"
            )
        for option, value in self._options.items():
            usual = self._usual(option)
            if usual is None or not np.all(np.asarray(value) == np.asarray(usual)):
                raise Misfit(f"{name} has no option {option} ({option}={value})")

    def _usual(self, option: str) -> Any:
        """What an option is where it is not given; it may follow from the other options."""
        usual = self._op.defaults.get(option)
        return usual(self._given) if callable(usual) else usual

    def _take(self, name: str, is_input: bool) -> tuple[bool, Any]:
        """What a parameter of this name is given: found or not, and the value."""
        if not is_input:
            if name in OUTPUT and name not in self._op.inputs and self._y is not None:
                return True, self._y
            for option in list(self._options):
                if name == option or name in self._spellings(option):
                    return True, self._options.pop(option)
            if name.lower().endswith(BUNDLES) and self._options:
                return True, self._bundle()
        if self._inputs:
            key = name if name in self._inputs and not is_input else next(iter(self._inputs))
            return True, self._inputs.pop(key)
        return False, None

    def _spellings(self, option: str) -> tuple[str, ...]:
        own = tuple(alias for alias, name in self._op.aliases.items() if name == option)
        return own + ALIASES.get(option, ())

    def _bundle(self) -> dict[str, Any]:
        """All options in one dictionary, under every spelling."""
        options, self._options = self._options, {}
        return {n: v for k, v in options.items() for n in (k, *self._spellings(k))}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a ufunc or a builtin: its inputs, by position
        return [inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL)]
