"""Which recorded op has the wrong rule, where a function is made of several.

The function is run at x + s and x - s for a random small step s of all its inputs, and every op's
inputs u and output v are kept. Their differences du and dv tell of the one op alone, and a right
rule u, gv -> gu satisfies for every gv

    sum(gv * dv)  =  sum(gu * du)  +  O(|s|^3)

so no op has to be run by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import rules
from ...modes import observe, recording
from ...tensor import Tensor

STEPS = 8  # random steps, each with a gv of its own
STEP = 1e-6
RTOL = 1e-4  # what two slopes may differ by

Arrays = list[np.ndarray]


class Faulty(NamedTuple):
    """The op's name, its place among ``of`` recorded ones, and what shows the fault."""

    op: str
    number: int
    of: int
    evidence: str

    def __str__(self) -> str:
        return f"op {self.number} of the {self.of} recorded, `{self.op}`: {self.evidence}"


class _Entry(NamedTuple):
    name: str
    y: Tensor
    inputs: tuple[Tensor, ...]
    values: Arrays  # of y and the inputs, as they were then


def faulty_ops(
    call: Callable[[], Any], leaves: Mapping[str, Tensor], rng: np.random.Generator
) -> Iterator[Faulty]:
    """The recorded ops whose rules disagree with differences, in the order of execution.

    An op whose inputs changed without a record (detach(), .data, no_grad) is named too. Nothing is
    yielded where another input leads along another path.
    """
    here = _trace(call)
    tangents = [_tangents(call, leaves, here, rng) for _ in range(STEPS)]
    for number, entry in enumerate(here):
        moves = [t[number] for t in tangents if t and t[number]]
        evidence = moves and (_cut(entry, moves) or _disagreement(entry, moves, rng))
        if evidence:
            yield Faulty(entry.name, number + 1, len(here), evidence)


def _trace(call: Callable[[], Any]) -> list[_Entry]:
    entries: list[_Entry] = []

    def keep(name: str, y: Tensor, inputs: tuple[Tensor, ...], options: Any) -> None:
        entries.append(_Entry(name, y, inputs, [x.numpy().copy() for x in (y, *inputs)]))

    with recording(True), observe(keep):
        call()
    return entries


def _tangents(
    call: Callable[[], Any], leaves: Mapping[str, Tensor], here: Sequence[_Entry],
    rng: np.random.Generator,
) -> list[Arrays] | None:  # fmt: skip
    """The change of every op's output and inputs per unit step along one random direction.

    It is empty where a shorter step makes another change: there is a kink between the two.
    """
    kept = {name: x.numpy().copy() for name, x in leaves.items()}
    way = {k: np.maximum(1, abs(v)) * rng.standard_normal(v.shape) for k, v in kept.items()}
    changes = []
    try:
        for step in (STEP, STEP / 100):
            traces = []
            for move in (step, -step):
                for name, x in leaves.items():
                    x.data[...] = kept[name] + move * way[name]
                traces.append(_trace(call))
            if any([e.name for e in trace] != [e.name for e in here] for trace in traces):
                return None
            changes.append([_change(*pair, 2 * step) for pair in zip(*traces, strict=True)])
    finally:
        for name, x in leaves.items():
            x.data[...] = kept[name]
    return [a if _agree(a, b) else [] for a, b in zip(*changes, strict=True)]


def _change(after: _Entry, before: _Entry, step: float) -> Arrays:
    return [
        (a - b) / step if a.dtype.kind == "f" and a.shape == b.shape else np.zeros(a.shape)
        for a, b in zip(after.values, before.values, strict=True)
    ]


def _agree(whole: Arrays, finer: Arrays) -> bool:
    """Whether two steps show the same slopes, but for the rounding of the shorter one."""
    return all(
        np.linalg.norm(a - b) <= RTOL * np.linalg.norm(a) + 1e-6
        for a, b in zip(whole, finer, strict=True)
    )


def _cut(entry: _Entry, moves: Sequence[Arrays]) -> str:
    """Where the chain is cut: an input that moves with x, and is not recorded."""
    for i, x in enumerate(entry.inputs):
        if (
            x.node is None
            and x.dtype.kind == "f"
            and any(abs(m[1 + i]).max(initial=0) > 1e-9 for m in moves)
        ):
            return (
                f"its input {i} depends on the function's inputs, and the graph does not know "
                "(detach(), .data or no_grad on the way)"
            )
    return ""


def _disagreement(entry: _Entry, moves: Sequence[Arrays], rng: np.random.Generator) -> str:
    """What a wrong rule gives beside the right number; "" where most steps agree."""
    if entry.y.node is None:
        return ""
    wrong = []
    for dv, *du in moves:
        gv = rng.standard_normal(entry.y.shape)
        gus = _gradients(entry, gv)
        if gus is None:
            return ""
        terms = [gu * d for gu, d in zip(gus, du, strict=True) if gu is not None]
        given = float(sum(term.sum() for term in terms))
        right = float((gv * dv).sum())
        size = np.sqrt(sum(float((t**2).sum()) for t in (*terms, gv * dv)))
        if not abs(given - right) <= RTOL * size + 1e-7:
            wrong.append((given, right))
    if 2 * len(wrong) <= len(moves):  # a kink may lie in the way of some
        return ""
    given, right = wrong[0]
    return (
        f"along a random step its rule gives {given:.6g}, differences of its own output "
        f"{right:.6g} ({len(wrong)} of {len(moves)} steps disagree)"
    )


def _gradients(entry: _Entry, gv: np.ndarray) -> list[np.ndarray | None] | None:
    """What the rule answers, an array per input; None where it fails."""
    assert entry.y.node is not None
    try:
        with recording(False):
            answer = rules.run(entry.y.node, Tensor(gv))
            found = [gx() if callable(gx) else gx for gx in answer]
        gradients = [gx.numpy() if isinstance(gx, Tensor) else None for gx in found]
    except Exception:
        return None
    needed = [x.node is not None for x in entry.inputs]
    return [gx if wanted else None for gx, wanted in zip(gradients, needed, strict=True)]
