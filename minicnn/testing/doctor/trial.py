"""One probe with a learner's functions: each call is watched, and each answer looked at."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .op import Array
from .outcome import Outcome, Settings, Stop
from .subject import Misfit, Subject, by_name
from .watching import Watch, told, watched

OUR_OWN = (Misfit, KeyboardInterrupt)


class Trial:
    """Calls forward and backward on copies of the inputs; faults go to the outcome.

    Raises Stop where there is nothing to go on with.
    """

    def __init__(
        self, subject: Subject, inputs: Mapping[str, Array], options: Mapping[str, Any],
        settings: Settings, outcome: Outcome,
    ) -> None:  # fmt: skip
        self._subject, self._inputs, self._options = subject, inputs, options
        self._settings, self._outcome = settings, outcome
        self._own: dict[str, Array] = {}  # the copies that the learner's code has in hand
        self._rule: Callable[[Array], Any] | None = None
        self.misshapen: dict[str, Array] = {}  # gradients whose shape is not the input's

    def forward(self) -> Any:
        """The output: a finite array or number of the right dtype."""
        self._own = {k: v.copy() for k, v in self._inputs.items()}
        y, self._rule = self._call(
            "forward", lambda: self._subject.run(self._own, _copied(self._options))
        )
        if y is None:
            self._outcome.stop("returns-none", "forward", "forward returned None; it must return y")
        self._changed("forward")
        array = self._array(y, "forward", "the output")
        y = np.array(y, copy=True) if isinstance(y, np.ndarray) else y
        if not np.isfinite(array).all():
            self._not_finite(array, "forward", "the output")
        return y

    def backward(self, gy: Array, names: tuple[str, ...]) -> dict[str, Array]:
        """The gradients by the inputs' names; those of a wrong shape or kind are left out."""
        if self._rule is None:
            self._outcome.stop(
                "backward-missing", "",
                "there is no backward: give one, or let forward return (y, rule)",
            )  # fmt: skip
        rule, mine = self._rule, gy.copy()
        assert rule is not None
        answer = self._call("backward", lambda: rule(mine))
        if not np.array_equal(mine, gy):
            entry = _first_difference(mine, gy)
            self._outcome.add(
                "changes-upstream", "",
                f"gy{list(entry)} was {gy[entry]:.6g} before backward and is {mine[entry]:.6g} now",
            )  # fmt: skip
        self._changed("backward")
        return self._gradients(answer, names)

    def _gradients(self, answer: Any, names: tuple[str, ...]) -> dict[str, Array]:
        if answer is None:
            self._outcome.stop("returns-none", "", "backward returned None; it must return "
                               + ", ".join(f"g{name}" for name in names))  # fmt: skip
        try:
            entries = by_name(answer, names)
        except ValueError as error:
            self._outcome.stop("wrong-count", "", str(error))
        found = {k: self._gradient(k, v) for k, v in entries.items()}
        return {k: v for k, v in found.items() if v is not None}

    def _gradient(self, name: str, value: Any) -> Array | None:
        where, x = f"g{name}", self._inputs[name]
        if value is None:
            self._outcome.add("returns-none", where, f"backward returned None for {where}")
            return None
        array = self._array(value, where, where)
        if array.shape != x.shape:
            self._outcome.add(
                "wrong-shape", where,
                f"{where} has shape {array.shape}; {name} has shape {x.shape}",
            )  # fmt: skip
            self.misshapen[name] = array
            return None
        if not np.isfinite(array).all():
            self._not_finite(array, where, where)
            return None
        return np.array(array, float)

    # Looking at a call

    def _call(self, what: str, function: Callable[[], Any]) -> Any:
        """Call it; an error, a warning, a changed setting is a fault of this probe."""
        outcome = self._outcome
        where = "forward" if what == "forward" else ""
        watch = Watch()
        try:
            with watched() as watch:
                return function()
        except OUR_OWN:
            raise
        except SystemExit:
            outcome.stop("exits", where, f"{what} called sys.exit instead of returning")
        except MemoryError as error:
            text = f"{what}: {told(error, self._settings.functions)}"
            outcome.stop("out-of-memory", where, text)
        except BaseException as error:
            outcome.stop("raises", where, f"{what}: {told(error, self._settings.functions)}")
        finally:
            self._seen(what, where, watch)

    def _seen(self, what: str, where: str, watch: Watch) -> None:
        bad = [w for w in watch.warnings if w.split(" ")[0] in ("overflow", "invalid", "divide")]
        if bad:
            self._outcome.add("fp-warning", where, f"{what}: NumPy warns of {bad[0]!r}")
        if watch.changed:
            changed = ", ".join(watch.changed)
            self._outcome.add("changes-global-state", where, f"{what} changed {changed}")
        if watch.printed:
            first = watch.printed.strip().splitlines()[:1]
            self._outcome.notes.append(f"{what} prints: {' '.join(first)[:60]}")

    def _array(self, value: Any, where: str, what: str) -> Array:
        """The value as an array of numbers of the right dtype; a fault where it is none."""
        if not isinstance(value, np.ndarray | np.generic | float | int | complex):
            kind = type(value).__name__
            self._outcome.stop("not-an-array", where, f"{what} is a {kind}, not an array")
        array = np.asarray(value)
        wanted = {self._settings.dtype, np.dtype(np.float64)}
        if array.dtype not in wanted:
            self._outcome.add(
                "wrong-dtype", where, f"{what} has dtype {array.dtype}, not {self._settings.dtype}"
            )
        if array.dtype.kind not in "fiub":
            raise Stop
        return array

    def _not_finite(self, array: Array, where: str, what: str) -> None:
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        count = int((~np.isfinite(array)).sum())
        at = f"[{', '.join(map(str, index))}]" if index else ""
        self._outcome.add(
            "nan", where, f"{what}{at} is {array[index]}; {count} of {array.size} are not finite"
        )
        if where == "forward":
            raise Stop

    def _changed(self, what: str) -> None:
        """Whether the learner's copies of the inputs are still what they were."""
        for name, given in self._inputs.items():
            mine = self._own[name]
            if not np.array_equal(mine, given):
                entry = _first_difference(mine, given)
                self._outcome.add(
                    "changes-input", "forward" if what == "forward" else "",
                    f"{name}{list(entry)} was {given[entry]:.6g} before {what} and is "
                    f"{mine[entry]:.6g} now",
                )  # fmt: skip
                self._own[name][...] = given


def _first_difference(a: Array, b: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(a != b)[0])


def _copied(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in options.items()}
