"""Running one rule of the graph: is what it needs still there, does it return gradients?"""

from collections.abc import Callable, Iterator
from typing import Any

from .autograd import Node
from .inplace import written_since
from .kernels import is_array


def _saved(rule: Callable) -> Iterator[Any]:
    """The tensors (all that has a place in the graph) that a rule has captured."""
    for cell in getattr(rule, "__closure__", None) or ():
        held = cell.cell_contents
        for x in held if isinstance(held, tuple | list) else (held,):
            if hasattr(x, "node"):
                yield x


def run(node: Node, gy: Any) -> Any:
    """Run a rule, making sure that the values which it needs are still there."""
    assert node.backward is not None
    answer = _call(node, node.backward, gy)
    entries = answer if isinstance(answer, tuple) else (answer,)
    for i, entry in enumerate(entries):
        if is_array(entry):
            raise TypeError(
                f"{node.name}: the gradient of input {i} must be a Tensor, got an array"
            )
    if not all(callable(entry) for entry in entries):
        _refuse_overwritten(node, node.backward)
    return tuple([_guarded(node, entry) if callable(entry) else entry for entry in entries])


def _guarded(node: Node, gradient: Callable[[], Any]) -> Callable[[], Any]:
    """A gradient that waits to be wanted needs no more than it has captured itself."""

    def run_later() -> Any:
        _refuse_overwritten(node, gradient)
        return _call(node, gradient)

    return run_later


def _refuse_overwritten(node: Node, rule: Callable) -> None:
    for x in _saved(rule):
        by = written_since(x, node.time)
        if by is not None:
            raise RuntimeError(
                f"backward of {node.name}: needs the old values of a tensor of shape {x.shape} that"
                f" {by} has changed in place since; run backward before {by}, or change a clone()"
            )


def _call(node: Node, rule: Callable[..., Any], *gy: Any) -> Any:
    """Run a rule; in anomaly mode say in whose backward the first NaN was made."""
    try:
        return rule(*gy)
    except FloatingPointError as error:
        if node.where is None:
            raise
        message = f"backward of {node.name}, recorded at {node.where}: {error}"
        raise FloatingPointError(message) from None
