"""A whole network, layer by layer, with the inputs that each layer really gets.

Every layer is checked alone, in the order of execution, then every block and at last the network,
along random directions of all inputs and parameters together. So what is named is the first layer
at fault, not all those behind it.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...modes import recording
from ...nn import Module, Sequential
from ...tensor import Tensor
from ..differences import Probe
from ..evaluation import evaluator, generator, prepare
from . import recorded
from .blame import faulty_ops
from .functions import diagnose_function
from .report import Diagnosis, Finding

QUICK = {"max_entries": 48, "directions": 4, "probes": 2}
DIRECTIONS = 3  # of a block
STEPS = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11)
SAME = 1e-5  # relative difference of slopes; the smallest steps leave so much to rounding


class LayerCall(NamedTuple):
    """One call of a module in the network: ``inputs`` is what it got, in memory of its own."""

    path: str
    module: Module
    call: int
    inputs: tuple[Any, ...]

    @property
    def is_layer(self) -> bool:
        return not any(self.module.children())

    def __str__(self) -> str:
        again = f" (call {self.call + 1})" if self.call else ""
        return f"{self.path or '(net)'} {type(self.module).__name__}{again}"


class LayerCheck(NamedTuple):
    """What was found of one call; ``skipped`` says why nothing was checked."""

    layer: LayerCall
    diagnosis: Diagnosis | None
    skipped: str = ""

    @property
    def ok(self) -> bool:
        return self.diagnosis is None or self.diagnosis.ok


def layer_calls(model: Module, x: np.ndarray) -> list[LayerCall]:
    """Run a copy of the model in double precision, and keep what each module gets.

    First the layers in the order of execution, then the blocks, the inner ones before the outer,
    and the network. Chains of layers (`Sequential`) are no blocks: they compute nothing themselves.
    """
    net = copy.deepcopy(model).double()
    paths = {module: path for path, module in net.named_modules()}
    calls: Counter[Module] = Counter()
    running: list[tuple[Any, ...]] = []
    found: list[LayerCall] = []

    def enter(module: Module, inputs: tuple[Any, ...]) -> None:
        running.append(tuple(_copied(value) for value in inputs))

    def leave(module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        found.append(LayerCall(paths[module], module, calls[module], running.pop()))
        calls[module] += 1

    removers = [m.register_forward_pre_hook(enter) for m in paths]
    removers += [m.register_forward_hook(leave) for m in paths]
    with recording(False):
        net(Tensor(np.asarray(x, np.float64)))
    for remove in removers:
        remove()
    layers = [c for c in found if c.is_layer]
    blocks = [
        c for c in found if not c.is_layer and (type(c.module) is not Sequential or not c.path)
    ]
    return layers + blocks


def _copied(value: Any) -> Any:
    """A leaf of its own, where it is a Tensor."""
    if not isinstance(value, Tensor):
        return value
    return Tensor(value.numpy().copy(), requires_grad=value.dtype.kind == "f")


def check_layers(calls: list[LayerCall], seed: int = 0) -> Iterator[LayerCheck]:
    """Check one call after the other."""
    for call in calls:
        try:
            found = _layer(call, seed) if call.is_layer else _block(call, seed)
        except (ValueError, TypeError) as error:  # nothing of it can have a gradient
            yield LayerCheck(call, None, str(error))
            continue
        verdict = found.verdict
        if verdict and verdict.bug == "raises" and verdict.where == ("forward",):
            yield LayerCheck(call, None, f"it cannot be called alone: {verdict.evidence}")
        else:
            yield LayerCheck(call, found)


def _layer(call: LayerCall, seed: int) -> Diagnosis:
    """A look along few directions; all entries where something is wrong."""
    found = diagnose_function(call.module, call.inputs, seed=seed, **QUICK)
    return found if found.ok else diagnose_function(call.module, call.inputs, seed=seed)


def _block(call: LayerCall, seed: int) -> Diagnosis:
    """All inputs and parameters at once, along random directions."""
    leaves, run = prepare(call.module, call.inputs)
    point = _joined(leaves)
    faults: list[str] = []
    rng = generator(seed, str(call))
    with np.errstate(all="ignore"):
        ys = evaluator(run)()
        gys = [rng.standard_normal(y.shape) for y in ys]
        try:
            given = recorded.backward(ys, leaves, gys, lambda bug, where, text: faults.append(text))
        except recorded.Broken:
            return _verdict(call, "raises", faults[-1])
        gx = np.concatenate([given[name].ravel() for name in leaves])
        probe = Probe(evaluator(run), gys)
        slopes = [_slopes(point, gx, rng.standard_normal(point.shape), probe)
                  for _ in range(DIRECTIONS)]  # fmt: skip
    wrong = [(a, g) for a, g, state in slopes if state == "WRONG"]
    if not wrong:
        checked = any(state == "ok" for *_, state in slopes)
        return Diagnosis(str(call), {"gradients": "ok" if checked else "not checked"})
    ops = [str(fault) for fault in faulty_ops(run, leaves, rng)]
    return _verdict(
        call, "unknown", f"{len(wrong)} of {DIRECTIONS} random directions differ: yours "
        f"{wrong[0][0]:.6g}, right {wrong[0][1]:.6g}", ops[:3],
    )  # fmt: skip


def _slopes(
    point: Tensor, gx: np.ndarray, way: np.ndarray, probe: Probe
) -> tuple[float, float, str]:
    """The slopes along a way by the rules and by differences, and whether they are the same.

    In a deep network a step of the usual size crosses many kinks, so that smaller ones are tried
    until one agrees. What two steps of different sizes agree on, and the rules do not, is wrong.
    """
    way = np.maximum(1, abs(point.numpy())) * way
    given, before = float((gx * way).sum()), np.nan
    size = abs(given) + float(np.sqrt(((gx * way) ** 2).sum()))
    for step in STEPS:
        right = probe.slope(probe.around(point, step * way)) / step
        if abs(given - right) <= SAME * size:
            return given, right, "ok"
        if abs(right - before) <= SAME * abs(given - right):
            return given, right, "WRONG"
        before = right
    return given, before, "kinks"


def _verdict(call: LayerCall, bug: str, evidence: str, notes: list[str] | None = None) -> Diagnosis:
    finding = Finding(bug, (), evidence, 0, (), 0)
    return Diagnosis(str(call), {"gradients": "WRONG"}, (finding,), notes=tuple(notes or ()))


def _joined(leaves: dict[str, Tensor]) -> Tensor:
    """One vector whose parts are the memory of all leaves, so that they move together."""
    vector = np.concatenate([x.numpy().ravel() for x in leaves.values()])
    start = 0
    for x in leaves.values():
        x.data = vector[start : start + x.numel()].reshape(x.shape)
        start += x.numel()
    return Tensor(vector)
