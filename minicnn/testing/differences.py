"""Central differences, and the judgement on a gradient beside them: right, wrong, or at a kink."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..kernels import array_module, to_device
from ..modes import no_grad
from ..tensor import Tensor
from .evaluation import Run, generator
from .report import Comparison, InputReport, summarise


class Settings(NamedTuple):
    eps: float
    rtol: float
    atol: float
    max_entries: int
    directions: int
    seed: int


AMPLIFIED = 1e4  # rounding inside fn may be so much larger than that of its outputs

Ways = Iterable[tuple[tuple[int, ...], np.ndarray]]


def check_input(
    name: str, x: Tensor, gx: np.ndarray, probe: "Probe", settings: Settings
) -> InputReport:
    """Compare every entry of a small input, or random directions of a large one."""
    every = x.numel() <= settings.max_entries
    ways = entries(x) if every else directions(x, settings)
    compared = compare(x, gx, probe, settings, ways)
    return summarise(name, x.shape, "entries" if every else "directions", compared)


def compare(
    x: Tensor, gx: np.ndarray, probe: "Probe", settings: Settings, ways: Ways
) -> list[Comparison]:
    """The slopes along each way, by the rule and by differences."""
    # a fixed atol would accept anything for gradients of 1e-9
    settings = settings._replace(atol=settings.atol * min(1.0, float(abs(gx).max(initial=0))))
    return [_judge(index, x, gx, way, probe, settings) for index, way in ways]


def entries(x: Tensor) -> Ways:
    """A way per entry, by its index."""
    for index in np.ndindex(x.shape):
        way = np.zeros(x.shape)
        way[index] = 1
        yield index, way


def directions(x: Tensor, settings: Settings) -> Ways:
    """Random ways, by their numbers; the same ones each time."""
    rng = generator(settings.seed, "directions")
    for k in range(settings.directions):
        yield (k,), rng.standard_normal(x.shape)


def _judge(
    index: tuple[int, ...], x: Tensor, gx: np.ndarray, way: np.ndarray, probe: "Probe",
    settings: Settings,
) -> Comparison:  # fmt: skip
    """Compare along one way; where the slopes differ, smaller steps may acquit.

    The usual step may be too long for the function: it leaves the domain, or the function bends
    within it. A smaller one counts only where rounding cannot hide the difference that the usual
    step showed. It also finds what the usual one took for a kink to be plainly wrong. Where the
    function is straight along the usual step, smaller ones would show the same.
    """
    size = abs(x.numpy())
    usual = settings.eps * np.maximum(1, size) * way
    relative = settings.eps * np.where(size > 0, size, 1) * way
    first, _, straight = _compare(index, x, gx, usual, probe, settings)
    if first.excess <= 1 or straight:
        return first
    error, verdict = abs(first.analytic - first.numeric), first
    for step in (relative, usual / 10, usual / 100, usual / 1000):
        again, noise, _ = _compare(index, x, gx, step, probe, settings)
        slope = max(abs(again.analytic), abs(again.numeric))
        if not noise <= settings.atol + 1e-3 * slope or noise > error / 4:
            continue
        if again.excess <= 1:
            return again
        if first.kink and not again.kink:
            verdict = again
    return verdict


def _compare(
    index: tuple[int, ...], x: Tensor, gx: np.ndarray, step: np.ndarray, probe: "Probe",
    settings: Settings,
) -> tuple[Comparison, float, bool]:  # fmt: skip
    """The slope along a step by the rule and by differences, per unit of the largest entry.

    With what rounding can do to the differences, and whether the function is straight there, which
    is looked at only where the slopes differ.
    """
    pair = probe.around(x, step)
    step, h = pair.step, pair.length
    if h == 0:  # the step is lost in the rounding of x
        return Comparison(index, np.nan, np.nan, np.nan, False), np.inf, False
    analytic, numeric = float((gx * step).sum() / h), probe.slope(pair) / h
    size = max(abs(analytic), abs(numeric), float(np.sqrt(((gx * step / h) ** 2).sum())))
    noise = probe.rounding(pair.before) / h
    error, allowed = abs(analytic - numeric), settings.atol + settings.rtol * size
    if allowed + noise < error <= allowed + AMPLIFIED * noise:
        noise = max(noise, min(AMPLIFIED * noise, probe.jitter(x, step) / h))
    tolerance = allowed + noise
    excess = _excess(error, tolerance)
    if excess <= 1:
        return Comparison(index, analytic, numeric, excess, False), noise, False
    kink, straight = _shape(x, pair, error, tolerance, probe)
    return Comparison(index, analytic, numeric, excess, kink), noise, straight


def _excess(error: float, tolerance: float) -> float:
    """NaN where one of them is not finite."""
    if not np.isfinite(error + tolerance):
        return np.nan
    return error / tolerance if tolerance else np.inf if error else 0.0


def _shape(
    x: Tensor, pair: "Pair", error: float, tolerance: float, probe: "Probe"
) -> tuple[bool, bool]:
    """Whether a difference of ``error`` between the slopes is due to a kink or jump near x.

    And whether the function is straight along the step, so that the difference is due to neither.

    Near a jump the slope does not settle when the step s is halved. Near a kink the second
    difference y(x + s) - 2 y(x) + y(x - s) is large; half of it is what the kink adds to the slope.
    If curvature had made it, it would be 4 times smaller for s/2 and 16 times smaller for s/4.
    """
    h, half = pair.length, probe.around(x, pair.step / 2)
    slope, unsettled = probe.slope(pair), abs(probe.slope(pair) - 2 * probe.slope(half)) / h
    if unsettled > error / 4:
        return True, False
    bend, finer = probe.bend(pair) / h, probe.bend(half) / h
    straight = unsettled <= error / 100 and 100 * bend < abs(slope) / h
    if straight or not error <= bend / 2 + tolerance:
        return False, straight
    finest = probe.bend(probe.around(x, pair.step / 4)) / h
    return not (abs(finer - bend / 4) < bend / 40 and abs(finest - bend / 16) < bend / 40), False


class Pair(NamedTuple):
    """The outputs y(x - s) and y(x + s), and the step s that floating point made of it."""

    before: list[np.ndarray]
    after: list[np.ndarray]
    step: np.ndarray

    @property
    def length(self) -> float:
        return float(abs(self.step).max())


class Probe:
    """Evaluates the function around its inputs, and weighs its outputs with the cotangents."""

    def __init__(self, run: Run, cotangents: list[np.ndarray]) -> None:
        self._run, self._cotangents = run, cotangents
        self._here = self._evaluate()

    def _evaluate(self) -> list[np.ndarray]:
        with no_grad():
            return [np.array(y.numpy()) for y in self._run()]

    def around(self, x: Tensor, step: np.ndarray) -> Pair:
        """The function on both sides of x."""
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
        return Pair(before, after, to_device(moved, "cpu"))

    def dot(self, after: list[np.ndarray], before: list[np.ndarray]) -> float:
        """c . (after - before)"""
        triples = zip(self._cotangents, after, before, strict=True)
        return float(sum((c * (b - a)).sum() for c, b, a in triples))

    def slope(self, pair: Pair) -> float:
        """c . (y(x + s) - y(x - s)) / 2"""
        return self.dot(pair.after, pair.before) / 2

    def bend(self, pair: Pair) -> float:
        """sum_j abs(c_j (y_j(x + s) - 2 y_j(x) + y_j(x - s)))"""
        outputs = zip(self._cotangents, pair.before, self._here, pair.after, strict=True)
        return float(sum(abs(c * (b - 2 * y + a)).sum() for c, a, y, b in outputs))

    def jitter(self, x: Tensor, step: np.ndarray) -> float:
        """What rounding inside the function did to its outputs, at steps too small for a bend.

        A layer before a normalization has a gradient of 0, and all that its differences show is
        the rounding of sums whose effect the normalization takes away again.
        """
        return max(self.bend(self.around(x, step / n)) for n in range(300, 2000, 107))

    def rounding(self, ys: list[np.ndarray]) -> float:
        """What rounding the outputs to float64 can do to ``dot``."""
        pairs = zip(self._cotangents, ys, strict=True)
        return 4 * np.finfo(np.float64).eps * float(sum(abs(c * y).sum() for c, y in pairs))
