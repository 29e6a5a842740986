"""The contract of recorded rules: what each answers is looked at before it is passed on.

A rule must not fail, give one finite gradient per input, of the input's shape and dtype, and leave
the upstream gradient as it was.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import rules
from ...autograd import Node, backpropagate
from ...modes import recording
from ...tensor import Tensor

PACKAGE = str(Path(rules.__file__).parent)
Add = Callable[[str, str, str], None]  # bug, where, evidence


class Broken(Exception):
    """A rule broke the contract; there is no gradient to go on with.

    ``misshapen`` holds gradients of a wrong shape, by the node that they are for.
    """

    def __init__(self, misshapen: Mapping[Node, np.ndarray] | None = None) -> None:
        super().__init__()
        self.misshapen = misshapen or {}


def told(error: BaseException) -> str:
    """The error, with the last line that is not the library's own."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(PACKAGE)]
    place = "".join(f", line {f.lineno} of {Path(f.filename).name}: {f.line}" for f in theirs[-1:])
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"


def backward(
    ys: Sequence[Tensor], leaves: Mapping[str, Tensor], gys: Sequence[np.ndarray], add: Add
) -> dict[str, np.ndarray]:
    """The gradient of sum(gy * y) by each leaf by the recorded rules; 0 where they have none.

    Raises Broken where a rule breaks the contract, and says how to ``add``.
    """
    total = {name: np.zeros(x.shape) for name, x in leaves.items()}
    nodes = {x.node: name for name, x in leaves.items() if x.node is not None}
    for y, gy in zip(ys, gys, strict=True):
        if y.node is None:
            continue
        with recording(False):
            found = backpropagate(y.node, Tensor(gy), nodes, lambda n, g: _run(n, g, add))
        for node, gx in found.items():
            total[nodes[node]] = total[nodes[node]] + gx.numpy()
    return total


def _run(node: Node, gy: Tensor, add: Add) -> tuple[Any, ...]:
    """Run one rule and look at its answer."""
    where, before = "", gy.numpy().copy()
    try:
        answer = rules.run(node, gy)
        gradients = tuple(gx() if callable(gx) else gx for gx in answer)
    except (Exception, SystemExit) as error:
        bug = "exits" if isinstance(error, SystemExit) else "raises"
        if isinstance(error, TypeError) and "must be a Tensor, got" in str(error):
            bug = "not-an-array"
        add(bug, where, told(error))
        raise Broken from None
    if not np.array_equal(before, gy.numpy(), equal_nan=True):
        add("changes-upstream", where, _changed("the upstream gradient", before, gy.numpy()))
        gy.data[...] = before
    broken = list(_broken(node, gradients))
    for bug, evidence in broken:
        add(bug, where, evidence)
    if broken:
        pairs = zip(node.parents, gradients, strict=False)
        raise Broken(
            {p: gx.numpy() for p, gx in pairs
             if p is not None and isinstance(gx, Tensor) and gx.shape != p.shape}
        )  # fmt: skip
    return gradients


def _broken(node: Node, gradients: tuple[Any, ...]) -> Any:
    """(bug, evidence) of each gradient that autograd could not use."""
    if len(gradients) != len(node.parents):
        if all(gx is None for gx in gradients):
            yield "returns-none", f"{node.name} has {len(node.parents)} inputs; its rule gave None"
            return
        yield (
            "wrong-count",
            f"{node.name} has {len(node.parents)} inputs; its rule gave {len(gradients)} gradients",
        )
        return
    for i, (parent, gx) in enumerate(zip(node.parents, gradients, strict=True)):
        if parent is None or gx is None:
            continue
        what = f"the gradient of input {i} of {node.name}"
        if not isinstance(gx, Tensor):
            yield "not-an-array", f"{what} is a {type(gx).__name__}; it must be a Tensor"
        elif gx.shape != parent.shape:
            yield "wrong-shape", f"{what} has shape {gx.shape}; it should be {parent.shape}"
        elif gx.dtype != parent.dtype:
            yield "wrong-dtype", f"{what} has dtype {gx.dtype}; it should be {parent.dtype}"


def _changed(what: str, before: np.ndarray, after: np.ndarray) -> str:
    at = tuple(int(i) for i in np.argwhere(before != after)[0]) if before.ndim else ()
    return f"{what} was changed in place: entry {at} from {before[at]:.6g} to {after[at]:.6g}"


def changes(leaves: Mapping[str, Tensor], before: Mapping[str, np.ndarray]) -> Any:
    """(name, evidence) of each leaf whose values are not what they were; they are put back."""
    for name, x in leaves.items():
        if not np.array_equal(x.numpy(), before[name], equal_nan=True):
            yield name, _changed(f"the input {name}", before[name], x.numpy())
            x.data[...] = before[name]
