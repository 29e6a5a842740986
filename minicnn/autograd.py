"""Reverse-mode differentiation of a graph of nodes.

This file knows nothing of tensors. It needs of a gradient only that it has a ``shape`` and a
``dtype`` and that two of them can be added. A rule (``Node.backward``) gets the gradient of the
node's output and returns the gradients of its inputs:

    gx_i = sum over all nodes y that use x_i of  (dy/dx_i)^T gy          (the chain rule)

The graph holds nodes, not tensors, so only what a rule captures stays in memory.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

_ticks = count(1)


def tick() -> int:
    """The next moment of a clock that orders recorded ops and in-place writes."""
    return next(_ticks)


class Node:
    """One recorded op (``backward`` set) or one leaf (``backward`` is None).

    ``parents`` has one entry per input of the op, None where the input needs no gradient.
    ``shape`` and ``dtype`` are those of the op's output; a gradient must have the same.
    ``time`` orders the recording against in-place writes; ``where`` is the user's source line,
    kept in anomaly mode only.
    """

    grad: Any = None
    hooks: list[Callable[[Any], Any]] | None = None
    keeps_grad = False
    where: str | None = None

    def __init__(
        self,
        name: str,
        parents: tuple["Node | None", ...],
        backward: Callable[[Any], Any] | None,
        shape: tuple[int, ...],
        dtype: Any,
    ) -> None:
        self.name = name
        self.parents = parents
        self.backward = backward
        self.shape = shape
        self.dtype = dtype
        self.time = next(_ticks)


def topological(root: Node) -> list[Node]:
    """Every node below ``root``, each after all nodes that use it.

    Iterative, because a chain of 100,000 ops is deeper than Python's stack; by use counts, because
    following each path separately costs 2^n visits in a chain of n diamonds.
    """
    uses: dict[Node, int] = {root: 0}
    stack = [root]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None:
                if parent not in uses:
                    uses[parent] = 0
                    stack.append(parent)
                uses[parent] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            if parent is not None:
                uses[parent] -= 1
                if uses[parent] == 0:
                    ready.append(parent)
    return order


def backpropagate(
    root: Node, gy: Any, wanted: Iterable[Node] | None, run: Callable[[Node, Any], Any]
) -> dict[Node, Any]:
    """Gradients of ``root`` with respect to the ``wanted`` nodes (None: every leaf).

    ``run(node, gy)`` calls the node's rule. A wanted node that ``root`` does not depend on is
    absent from the answer.
    """
    order = topological(root)
    goals = {n for n in order if n.backward is None} if wanted is None else set(wanted)
    useful = set(goals)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    pending, found = {root: gy}, {}
    for node in order:
        gy = pending.pop(node, None)
        if gy is None or node not in useful:
            continue
        for hook in node.hooks or ():
            gy = _replaced(hook(gy), gy, node)
        if node.keeps_grad:
            node.grad = gy if node.grad is None else node.grad + gy
        if node in goals:
            found[node] = gy
        if node.backward is not None and not useful.isdisjoint(node.parents):
            for parent, gx in _input_gradients(node, run(node, gy), useful):
                pending[parent] = pending[parent] + gx if parent in pending else gx
    return found


def _input_gradients(node: Node, answer: Any, useful: set[Node]) -> Iterator[tuple[Node, Any]]:
    """Check what a rule returned and pass on the gradients that are needed."""
    gradients = answer if isinstance(answer, tuple) else (answer,)
    if len(gradients) != len(node.parents):
        raise RuntimeError(
            f"{node.name}: its backward must return one gradient per input ({len(node.parents)}), "
            f"got {len(gradients)}; return None for an input without a gradient"
        )
    for i, (parent, gx) in enumerate(zip(node.parents, gradients, strict=True)):
        if parent is None or parent not in useful:
            continue
        if callable(gx):
            gx = gx()
        if gx is None:
            continue
        _check_gradient(f"{node.name}: the gradient of input {i}", gx, parent)
        yield parent, gx


def _check_gradient(what: str, gx: Any, like: Node) -> None:
    shape, dtype = getattr(gx, "shape", None), getattr(gx, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(f"{what} must be a Tensor, got {type(gx).__name__}; wrap it in Tensor(...)")
    if shape != like.shape or dtype != like.dtype:
        raise RuntimeError(
            f"{what} must have its shape {like.shape} and dtype {like.dtype}, got {shape} and "
            f"{dtype}; sum over the axes that were broadcast, and keep the dtype"
        )


def _replaced(new: Any, old: Any, node: Node) -> Any:
    """What a gradient hook returned, or the old gradient where it returned None."""
    if new is None:
        return old
    _check_gradient(f"{node.name}: a hook's new gradient", new, node)
    return new
