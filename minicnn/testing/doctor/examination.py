"""One set of inputs of a function of Tensors: the contract, then the rules beside differences."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...autograd import Node
from ...modes import recording
from ...tensor import Tensor
from ..differences import Comparison, Probe, Settings, compare
from ..evaluation import evaluator, generator, outputs
from . import op, recorded, structure
from .case import Case
from .op import Call
from .outcome import Outcome, Stop
from .slopes import Slopes

MAPPED = 2500  # entries of a large input whose every slope is computed once a direction is wrong
RTOL, ATOL = 1e-5, 1e-6  # of differences

Arrays = list[np.ndarray]


def examine(
    probe: str, leaves: Mapping[str, Tensor], call: Callable[[], Any], settings: Settings
) -> Outcome:
    """Check the contract and all gradients at the inputs that the leaves hold now."""
    values = {name: x.numpy().copy() for name, x in leaves.items()}
    outcome = Outcome(op.Probe(probe, values))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            _Examination(outcome, leaves, call, settings).run()
        except (Stop, recorded.Broken):
            pass
    return outcome


class _Examination:
    """Faults go to the outcome; Stop where there is nothing to go on with."""

    def __init__(
        self, outcome: Outcome, leaves: Mapping[str, Tensor], call: Callable[[], Any],
        settings: Settings,
    ) -> None:  # fmt: skip
        self._outcome, self._leaves, self._call = outcome, leaves, call
        self._settings, self._values = settings, outcome.probe.inputs
        self._shapes: list[tuple[int, ...]] = []

    def run(self) -> None:
        ys = self._forward()
        self._shapes = [y.shape for y in ys]
        self._outcome.y = _joined([y.numpy() for y in ys])
        rng = generator(self._settings.seed, self._outcome.probe.name)
        gys = [rng.standard_normal(shape) for shape in self._shapes]
        try:
            given = self._finite(self._backward(ys, gys))
        except recorded.Broken as broken:
            self._misshapen(gys, broken.misshapen)
            raise
        self._again(ys, gys, given)
        self._strided(ys, gys, given)
        self._compare(gys, given)

    # The contract

    def _forward(self) -> list[Tensor]:
        """The outputs: finite Tensors of double precision."""
        stop = self._outcome.stop
        try:
            with recording(True):
                answer = self._call()
        except SystemExit:
            stop("exits", "forward", "the function called sys.exit instead of returning")
        except Exception as error:
            stop("raises", "forward", recorded.told(error))
        for name, evidence in recorded.changes(self._leaves, self._values):
            self._outcome.add("changes-input", "forward", f"{name}{evidence}")
        for y in answer if isinstance(answer, tuple | list) else (answer,):
            if y is None:
                stop("returns-none", "forward", "the function returned None; it must return y")
            if not isinstance(y, Tensor):
                kind = type(y).__name__
                stop("not-an-array", "forward", f"the output is a {kind}; it must be a Tensor")
            if y.dtype.kind == "f" and y.dtype != np.float64:
                stop("wrong-dtype", "forward", f"y has dtype {y.dtype}, the inputs float64")
        ys = list(outputs(answer))
        for y in ys:
            if not np.isfinite(y.numpy()).all():
                stop("nan", "forward", _not_finite("y", y.numpy()))
        return ys

    def _backward(self, ys: list[Tensor], gys: Arrays) -> dict[str, np.ndarray]:
        found = recorded.backward(ys, self._leaves, gys, self._outcome.add)
        for name, evidence in recorded.changes(self._leaves, self._values):
            self._outcome.add("changes-input", "", f"backward: {name}{evidence}")
        return found

    def _finite(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, gx in given.items():
            if not np.isfinite(gx).all():
                self._outcome.add("nan", f"g{name}", _not_finite(f"g{name}", gx))
        return {name: gx for name, gx in given.items() if np.isfinite(gx).all()}

    def _again(self, ys: list[Tensor], gys: Arrays, given: Mapping[str, np.ndarray]) -> None:
        """The same inputs must give the same numbers."""
        others = self._forward()
        if any(a.shape != b.shape for a, b in zip(ys, others, strict=True)):
            self._outcome.stop("random", "forward", "two calls gave outputs of different shapes")
        for a, b in zip(ys, others, strict=True):
            if not np.array_equal(a.numpy(), b.numpy()):
                size = abs(a.numpy() - b.numpy()).max()
                self._outcome.stop(
                    "random",
                    "forward",
                    f"two calls with the same inputs differ by up to {size:.3g}",
                )
        second = self._backward(others, gys)
        for name, gx in given.items():
            if not np.allclose(gx, second[name], rtol=1e-9, atol=1e-12 * _size(gx)):
                size = abs(gx - second[name]).max()
                self._outcome.add(
                    "random", f"g{name}", f"two calls with the same gy differ by up to {size:.3g}"
                )

    def _strided(self, ys: list[Tensor], gys: Arrays, given: Mapping[str, np.ndarray]) -> None:
        """Neither the strides of the inputs nor those of gy may change a number."""
        for name, x in self._leaves.items():
            x.data = _spread(self._values[name])
        trial = _Examination(Outcome(self._outcome.probe), self._leaves, self._call, self._settings)
        try:
            others = trial._forward()
            self._same("strided-input", ys, others, given, trial._backward(others, gys))
        except (Stop, recorded.Broken):
            sign = trial._outcome.signs[-1]
            self._outcome.add("strided-input", sign.where, f"with other strides: {sign.evidence}")
        finally:
            place(self._leaves, self._values)
        constant = [np.full(shape, 1.5) for shape in self._shapes]
        flat = [np.broadcast_to(1.5, shape) for shape in self._shapes]
        fresh = self._forward()
        right = {k: v for k, v in self._backward(fresh, constant).items() if k in given}
        try:
            self._same("broadcast-upstream", fresh, fresh, right, self._backward(fresh, flat))
        except recorded.Broken:
            pass

    def _same(
        self, bug: str, ys: list[Tensor], others: list[Tensor], given: Mapping[str, np.ndarray],
        second: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        text = "with other strides, the same numbers give {} that differs by up to {:.3g}"
        for a, b in zip(ys, others, strict=True):
            if not _alike(a.numpy(), b.numpy()):
                size = _size(a.numpy() - b.numpy())
                self._outcome.add(bug, "forward", text.format("an output", size))
        for name, gx in given.items():
            if not _alike(gx, second[name]):
                size = _size(gx - second[name])
                self._outcome.add(bug, f"g{name}", text.format("a gradient", size))

    # The numbers

    def _compare(self, gys: Arrays, given: Mapping[str, np.ndarray]) -> None:
        """Every input's gradient beside differences; a case of all that could be compared."""
        run, slopes, shown, right = evaluator(self._call), {}, {}, {}
        probe = Probe(run, gys)
        for name, gx in given.items():
            x = self._leaves[name]
            found = Slopes(x, run, self._settings, x.numel() <= self._settings.max_entries)
            compared = compare(x, gx, probe, self._settings, found.ways())
            if not self._noted(name, compared):
                continue
            wrong = any(_is_wrong(c) for c in compared)
            if wrong and not found.every and x.numel() <= MAPPED:
                found = Slopes(x, run, self._settings, every=True)
                right[name] = found.right(gys)
            else:
                right[name] = _corrected(found.of(gx), compared)
            slopes[name], shown[name] = found, found.of(gx)
            if wrong:
                self._outcome.failed.add(f"g{name}")
        if shown:
            self._outcome.case = self._case(gys, slopes, shown, right)

    def _misshapen(self, gys: Arrays, gradients: Mapping[Node, np.ndarray]) -> None:
        """How gradients of a wrong shape that go to inputs differ from the right ones."""
        for name, x in self._leaves.items():
            if x.node is not None and x.node in gradients and x.numel() <= MAPPED:
                slopes = Slopes(x, evaluator(self._call), self._settings, every=True)
                right = slopes.right(gys)
                case = self._case(gys, {name: slopes}, {}, {name: right})
                found = list(structure.shape_signs(case, name, gradients[x.node], right))
                self._outcome.signs += found
                self._outcome.failed |= {sign.where for sign in found}

    def _noted(self, name: str, compared: list[Comparison]) -> bool:
        """Whether anything could be compared; kinks and the ends of the domain are noted."""
        kinks = [c.index for c in compared if c.kink]
        ends = [c.index for c in compared if not c.kink and not np.isfinite(c.numeric)]
        for what, found in (("at a kink", kinks), ("where differences are not finite", ends)):
            if found:
                self._outcome.notes.append(
                    f"g{name}: {len(found)} of {len(compared)} {what}, such as {found[0]}; not "
                    "compared"
                )
        return len(kinks) + len(ends) < len(compared) or not compared

    def _case(
        self, gys: Arrays, slopes: Mapping[str, Slopes], given: dict[str, np.ndarray],
        right: dict[str, np.ndarray],
    ) -> Case:  # fmt: skip
        inputs = {
            name: self._values[name] if found.every else found.of(self._values[name])
            for name, found in slopes.items()
        }
        probe = op.Probe(self._outcome.probe.name, inputs)

        def backward(gy: np.ndarray) -> dict[str, np.ndarray]:
            place(self._leaves, self._values)
            gradients = recorded.backward(
                self._forward(), self._leaves, self._parts(gy), lambda *_: None
            )
            return {name: found.of(gradients[name]) for name, found in slopes.items()}

        def rule(gy: np.ndarray) -> dict[str, np.ndarray]:
            place(self._leaves, self._values)
            return {name: found.right(self._parts(gy)) for name, found in slopes.items()}

        y = self._outcome.y
        call = Call(**{**inputs, "y": y})
        rtol, atol = max(RTOL, self._settings.rtol), max(ATOL, self._settings.atol)
        return Case(None, probe, call, y, _joined(gys), given, right, backward, rule, rtol, atol)

    def _parts(self, gy: np.ndarray) -> Arrays:
        """An upstream gradient of the joined outputs, output by output."""
        if len(self._shapes) == 1:
            return [np.asarray(gy, float)]
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        return [
            part.reshape(shape)
            for part, shape in zip(np.split(gy, ends[:-1]), self._shapes, strict=True)
        ]


def place(leaves: Mapping[str, Tensor], values: Mapping[str, np.ndarray]) -> None:
    """Give the leaves these values, in memory of their own."""
    for name, x in leaves.items():
        x.data = values[name].copy()


def _joined(arrays: Arrays) -> np.ndarray:
    """One array; several outputs one after the other."""
    return arrays[0] if len(arrays) == 1 else np.concatenate([a.ravel() for a in arrays])


def _is_wrong(c: Comparison) -> bool:
    return not c.kink and np.isfinite(c.numeric) and not c.excess <= 1


def _corrected(given: np.ndarray, compared: list[Comparison]) -> np.ndarray:
    """The right slopes: the given ones where differences confirm them."""
    right = given.copy()
    for c in compared:
        if _is_wrong(c):
            right[c.index] += c.numeric - c.analytic
    return right


def _not_finite(what: str, a: np.ndarray) -> str:
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
    count = int((~np.isfinite(a)).sum())
    return f"{what}{list(index) or ''} is {a[index]}; {count} of {a.size} are not finite"


def _spread(a: np.ndarray) -> np.ndarray:
    """The same values with gaps between them, the last axis first in memory."""
    return np.stack([a.T, np.full(a.T.shape, np.nan)], -1)[..., 0].T


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-7, atol=1e-9 * _size(a))


def _size(a: np.ndarray) -> float:
    return float(abs(a).max(initial=0.0))
