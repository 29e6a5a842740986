"""Gradient checks: a rule's answer beside central differences.

With a random cotangent c, the rule's gradient a of phi(x) = sum_j c_j y_j(x) must satisfy, for
every step s,

    a . s  =  (phi(x + s) - phi(x - s)) / 2  +  O(|s|^3)

The cotangent is random because an all-ones one hides mistakes: the gradient of sum(batch_norm(x))
is zero whatever the rule says about its hard part. Everything runs in float64.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import random
from ..kernels import array_module, to_device
from ..modes import is_recording, no_grad, recording
from ..nn import Module
from ..tensor import Tensor, grad
from .report import Comparison, InputReport, Report, summarise

Run = Callable[[], tuple[Tensor, ...]]


class Settings(NamedTuple):
    eps: float
    rtol: float
    atol: float
    max_entries: int
    directions: int
    seed: int


def gradcheck(
    fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, rtol: float = 1e-5,
    atol: float = 1e-7, max_entries: int = 400, directions: int = 20, seed: int = 0,
    raise_exception: bool = True,
) -> Report:  # fmt: skip
    """Compare the gradients of ``fn(*inputs)`` with central differences.

    ``fn`` is a function of Tensors that returns a Tensor or a tuple of them, or a Module, which
    is checked on a copy in double precision: its parameters by name, and its inputs. Checked are
    the inputs that require gradients; the others are passed on as they are. Every entry of an input
    of up to ``max_entries`` is checked; of a larger one, ``directions`` random directions. An
    entry x is moved by eps * max(1, abs(x)). An entry is wrong where

        abs(a - g) > atol * min(1, A) + rtol * max(abs(a), abs(g)) + (what rounding of y explains),

    with A the largest abs(a) of the input, unless the function has a kink there (`relu` at 0) that
    explains the difference. Before that is said, smaller steps, down to eps * abs(x), are tried:
    `log` at 1e-6 bends, or ends, within the usual one. An input with kinks alone is not ``ok``.
    Random ops see the same random numbers in every evaluation.

    Raises AssertionError with the report where a gradient is wrong (unless ``raise_exception`` is
    False), TypeError for inputs that are not float64, ValueError where nothing asks for gradients.
    """
    leaves, run = _prepare(fn, inputs)
    settings = Settings(eps, rtol, atol, max_entries, directions, seed)
    return _check("gradcheck", fn, leaves, run, settings, raise_exception)


def gradgradcheck(
    fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, rtol: float = 1e-5,
    atol: float = 1e-7, max_entries: int = 400, directions: int = 20, seed: int = 0,
    raise_exception: bool = True,
) -> Report:  # fmt: skip
    """Check the gradients of the gradients of ``fn(*inputs)``.

    The function checked is (x, gy) -> gx = (dy/dx)^T gy, with respect to the inputs, the
    parameters and to gy itself; the rest is as in `gradcheck`.
    """
    leaves, run = _prepare(fn, inputs)
    rng = _generator(seed, "gy")
    with no_grad():
        gys = [_random_like(y, rng).requires_grad_() for y in run()]

    def gradients() -> tuple[Tensor, ...]:
        create_graph = is_recording()
        with recording(True):
            ys = run()
            return _gradients(ys, list(leaves.values()), gys, create_graph)

    named = {f"gy {k}" if len(gys) > 1 else "gy": gy for k, gy in enumerate(gys)}
    settings = Settings(eps, rtol, atol, max_entries, directions, seed)
    return _check("gradgradcheck", fn, leaves | named, gradients, settings, raise_exception)


# What is checked


def _prepare(fn: Callable[..., Any], inputs: Any) -> tuple[dict[str, Tensor], Run]:
    """The tensors to check, by name, and a function that evaluates ``fn`` on copies of them."""
    in_module = isinstance(fn, Module)
    inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
    args = [_own(x, i, in_module) if isinstance(x, Tensor) else x for i, x in enumerate(inputs)]
    leaves = {f"input {i}": x for i, x in enumerate(args) if _wants_gradient(x)}
    restore_buffers = None
    if isinstance(fn, Module):
        fn = module = copy.deepcopy(fn).double()
        leaves |= {name: p for name, p in module.named_parameters() if p.requires_grad}
        restore_buffers = _keep_buffers(module)
    if not leaves:
        raise ValueError(
            "gradcheck: at least one input must require gradients, got none; "
            "make it with Tensor(array, requires_grad=True)"
        )
    state = random.get_state()

    def run() -> tuple[Tensor, ...]:
        random.set_state(state)
        if restore_buffers:
            restore_buffers()
        try:
            return _outputs(fn(*args))
        finally:
            random.set_state(state)

    return leaves, run


def _keep_buffers(module: Module) -> Callable[[], None]:
    """A function that gives the module's buffers the values that they have now."""
    kept = {name: buffer.data.copy() for name, buffer in module.named_buffers()}

    def restore() -> None:
        for name, buffer in module.named_buffers():
            buffer.data[...] = kept[name]

    return restore


def _wants_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _own(x: Tensor, i: int, in_module: bool) -> Tensor:
    """A copy that may be changed, in double precision where it goes into a Module."""
    double = in_module and x.dtype.kind == "f"
    if x.requires_grad and x.dtype != np.float64 and not double:
        raise TypeError(
            f"gradcheck: input {i} must be float64, got {x.dtype}, whose rounding hides wrong "
            "gradients; convert with Tensor(x.data.astype(np.float64), requires_grad=True)"
        )
    array = x.data.copy(order="K")
    return Tensor(array, x.requires_grad, np.float64 if double else None)


def _outputs(answer: Any) -> tuple[Tensor, ...]:
    """The floating-point outputs of the function (indices have no gradient)."""
    answers = answer if isinstance(answer, tuple | list) else (answer,)
    for y in answers:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"gradcheck: the function must return a Tensor or a tuple of them, got "
                f"{type(y).__name__}"
            )
    ys = tuple(y for y in answers if y.dtype.kind == "f")
    for y in ys:
        if y.dtype != np.float64:
            raise TypeError(
                f"gradcheck: the output must be float64 like the inputs, got {y.dtype}; the "
                "function converts on the way"
            )
    return ys


def _generator(seed: int, purpose: str) -> np.random.Generator:
    """Not default_rng(seed), which may have made the inputs: numbers that repeat hide mistakes."""
    return np.random.default_rng([seed, *purpose.encode()])


def _random_like(y: Tensor, rng: np.random.Generator) -> Tensor:
    return Tensor(to_device(rng.standard_normal(y.shape), y.device))


def _gradients(
    ys: Sequence[Tensor], xs: list[Tensor], gys: Sequence[Tensor], create_graph: bool = False
) -> tuple[Tensor, ...]:
    """The gradients of all outputs together."""
    total: tuple[Tensor, ...] = ()
    for y, gy in zip(ys, gys, strict=True):
        if y.requires_grad:
            gxs = grad(y, xs, gy, create_graph)
            total = tuple(a + b for a, b in zip(total, gxs, strict=True)) if total else gxs
    if not total:
        raise ValueError(
            "gradcheck: no output depends on an input that requires gradients; check for detach(), "
            "no_grad() or .data on the way"
        )
    return total


# The comparison


def _check(
    what: str, fn: Any, leaves: dict[str, Tensor], run: Run, settings: Settings, strict: bool
) -> Report:
    rng = _generator(settings.seed, what)
    with recording(True):
        ys = run()
        cotangents = [_random_like(y, rng) for y in ys]
        gradients = _gradients(ys, list(leaves.values()), cotangents)
    probe = _Probe(run, [c.numpy() for c in cotangents])
    with np.errstate(all="ignore"):  # a step may leave the domain
        found = [
            _check_input(name, x, gx.numpy(), probe, settings, rng)
            for (name, x), gx in zip(leaves.items(), gradients, strict=True)
        ]
    name = getattr(fn, "__name__", type(fn).__name__)
    report = Report(f"{what} of {name}", tuple(found))
    if strict and not report.ok:
        raise AssertionError(str(report))
    return report


def _check_input(
    name: str, x: Tensor, gx: np.ndarray, probe: "_Probe", settings: Settings,
    rng: np.random.Generator,
) -> InputReport:  # fmt: skip
    every = x.numel() <= settings.max_entries
    ways = _entries(x) if every else _directions(x, settings, rng)
    # a fixed atol would accept anything for gradients of 1e-9
    settings = settings._replace(atol=settings.atol * min(1.0, float(abs(gx).max(initial=0))))
    compared = [_judge(index, x, gx, way, probe, settings) for index, way in ways]
    return summarise(name, x.shape, "entries" if every else "directions", compared)


Ways = Iterator[tuple[tuple[int, ...], np.ndarray]]


def _entries(x: Tensor) -> Ways:
    for index in np.ndindex(x.shape):
        way = np.zeros(x.shape)
        way[index] = 1
        yield index, way


def _directions(x: Tensor, settings: Settings, rng: np.random.Generator) -> Ways:
    for k in range(settings.directions):
        yield (k,), rng.standard_normal(x.shape)


def _judge(
    index: tuple[int, ...], x: Tensor, gx: np.ndarray, way: np.ndarray, probe: "_Probe",
    settings: Settings,
) -> Comparison:  # fmt: skip
    """Compare along one way; where the slopes differ, smaller steps may acquit.

    The usual step may be too long for the function: it leaves the domain, or the function bends
    within it. A smaller one counts only where rounding cannot hide the difference that the usual
    step showed. It also finds what the usual one took for a kink to be plainly wrong.
    """
    size = abs(x.numpy())
    usual = settings.eps * np.maximum(1, size) * way
    relative = settings.eps * np.where(size > 0, size, 1) * way
    first, _ = _compare(index, x, gx, usual, probe, settings)
    if first.excess <= 1:
        return first
    error, verdict = abs(first.analytic - first.numeric), first
    for step in (relative, usual / 10, usual / 100, usual / 1000):
        again, noise = _compare(index, x, gx, step, probe, settings)
        slope = max(abs(again.analytic), abs(again.numeric))
        if not noise <= settings.atol + 1e-3 * slope or noise > error / 4:
            continue
        if again.excess <= 1:
            return again
        if first.kink and not again.kink:
            verdict = again
    return verdict


def _compare(
    index: tuple[int, ...], x: Tensor, gx: np.ndarray, step: np.ndarray, probe: "_Probe",
    settings: Settings,
) -> tuple[Comparison, float]:  # fmt: skip
    """The slope along a step by the rule and by differences, per unit of the largest entry.

    With what rounding can do to the differences.
    """
    before, after, step = probe.around(x, step)
    h = float(abs(step).max())
    if h == 0:  # the step is lost in the rounding of x
        return Comparison(index, np.nan, np.nan, np.nan, False), np.inf
    analytic = float((gx * step).sum() / h)
    numeric = probe.dot(after, before) / (2 * h)
    size = max(abs(analytic), abs(numeric), float(np.sqrt(((gx * step / h) ** 2).sum())))
    noise = probe.rounding(before) / h
    tolerance = settings.atol + settings.rtol * size + noise
    error = abs(analytic - numeric)
    excess = _excess(error, tolerance)
    kink = not excess <= 1 and _is_kink(x, step, error, tolerance, probe)
    return Comparison(index, analytic, numeric, excess, kink), noise


def _excess(error: float, tolerance: float) -> float:
    """NaN where one of them is not finite."""
    if not np.isfinite(error + tolerance):
        return np.nan
    return error / tolerance if tolerance else np.inf if error else 0.0


def _is_kink(x: Tensor, step: np.ndarray, error: float, tolerance: float, probe: "_Probe") -> bool:
    """Whether a difference of ``error`` between the slopes is due to a kink or jump near x.

    Near a jump the slope does not settle when the step s is halved. Near a kink the second
    difference y(x + s) - 2 y(x) + y(x - s) is large; half of it is what the kink adds to the slope.
    If curvature had made it, it would be 4 times smaller for s/2 and 16 times smaller for s/4.
    """
    h = float(abs(step).max())
    slope, finer = (probe.slope(x, step / n) * n / h for n in (1, 2))
    if abs(slope - finer) > error / 4:
        return True
    bend, half, quarter = (probe.bend(x, step / n) / h for n in (1, 2, 4))
    curved = abs(half - bend / 4) < bend / 40 and abs(quarter - bend / 16) < bend / 40
    return error <= bend / 2 + tolerance and not curved


class _Probe:
    """Evaluates the function around its inputs, and weighs its outputs with the cotangents."""

    def __init__(self, run: Run, cotangents: list[np.ndarray]) -> None:
        self._run, self._cotangents = run, cotangents
        self._here = self._evaluate()

    def _evaluate(self) -> list[np.ndarray]:
        with no_grad():
            return [np.array(y.numpy()) for y in self._run()]

    def around(self, x: Tensor, step: np.ndarray) -> tuple[list, list, np.ndarray]:
        """y(x - s), y(x + s) and the step that floating point made of s."""
        here = x.data.copy(order="K")
        step = to_device(np.asarray(step), x.device)
        low, high = here - step, here + step
        try:
            x.data[...] = low
            before = self._evaluate()
            x.data[...] = high
            after = self._evaluate()
        finally:
            x.data[...] = here
        moved = array_module(x.data).asarray(
            (high - low) / 2
        )  # without axes, a difference is no array
        return before, after, to_device(moved, "cpu")

    def dot(self, after: list[np.ndarray], before: list[np.ndarray]) -> float:
        """c . (after - before)"""
        triples = zip(self._cotangents, after, before, strict=True)
        return float(sum((c * (b - a)).sum() for c, b, a in triples))

    def slope(self, x: Tensor, step: np.ndarray) -> float:
        """c . (y(x + s) - y(x - s)) / 2"""
        before, after, _ = self.around(x, step)
        return self.dot(after, before) / 2

    def bend(self, x: Tensor, step: np.ndarray) -> float:
        """sum_j abs(c_j (y_j(x + s) - 2 y_j(x) + y_j(x - s)))"""
        before, after, _ = self.around(x, step)
        outputs = zip(self._cotangents, before, self._here, after, strict=True)
        return float(sum(abs(c * (b - 2 * y + a)).sum() for c, a, y, b in outputs))

    def rounding(self, ys: list[np.ndarray]) -> float:
        """What rounding the outputs to float64 can do to ``dot``."""
        pairs = zip(self._cotangents, ys, strict=True)
        return 4 * np.finfo(np.float64).eps * float(sum(abs(c * y).sum() for c, y in pairs))
