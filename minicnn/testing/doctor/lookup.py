"""Which functions of a learner's file are the forward and the backward of an op."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

Pair = tuple[Callable[..., Any], Callable[..., Any] | None]


def find_pair(functions: Mapping[str, Callable[..., Any]], op: str) -> Pair | None:
    """The functions that are meant, or None.

    In this order: ``<op>_forward`` and ``<op>_backward``; ``forward`` and ``backward``; the only
    pair of names that differ in these words, or the only one whose name is like the op's
    (`conv_forward_naive` for conv2d); ``<op>`` or ``forward`` alone, which may return a rule.
    """
    pairs = {name: name.replace("forward", "backward") for name in functions if "forward" in name}
    pairs = {name: other for name, other in pairs.items() if other in functions}
    alike = {name: other for name, other in pairs.items() if _is_like(name, op)}
    for chosen in (f"{op}_forward", "forward"):
        if chosen in pairs:
            return functions[chosen], functions[pairs[chosen]]
    for few in (alike, pairs):
        if len(few) == 1:
            ((name, other),) = few.items()
            return functions[name], functions[other]
    for chosen in (op, f"{op}_forward", "forward"):
        if chosen in functions:
            return functions[chosen], functions.get("backward")
    return None


def functions_of(module: Any) -> dict[str, Callable[..., Any]]:
    """The functions that a file defines or imports, by name; no classes."""
    return {
        name: value for name, value in vars(module).items()
        if callable(value) and not isinstance(value, type) and not name.startswith("__")
    }  # fmt: skip


def own_functions(module: Any) -> list[str]:
    """The names of the functions that the file itself defines."""
    return [
        name for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    ]  # fmt: skip


def _is_like(name: str, op: str) -> bool:
    """Whether what is left of a name without "forward" begins as the op's name does."""
    stem = name.lower().partition("forward")[0].strip("_")
    return len(stem) > 1 and (op.startswith(stem) or stem.startswith(op))
