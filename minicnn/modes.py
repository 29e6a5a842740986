"""Modes: recording or not, observers of every op, and the search for the first NaN.

Modes belong to the current thread (or asyncio task), so a loader thread under `no_grad` does not
stop the training thread from recording.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .kernels import array_module, to_device

Observer = Callable[[str, Any, tuple[Any, ...], dict[str, Any]], None]


class Mode(NamedTuple):
    recording: bool = True
    observers: tuple[Observer, ...] = ()


mode: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 (immutable)


class recording(ContextDecorator):
    """Record ops (True) or not (False) inside a `with` block or a decorated function."""

    def __init__(self, flag: bool) -> None:
        self._flag, self._tokens = flag, []  # type: ignore[var-annotated]

    def _recreate_cm(self) -> "recording":
        return recording(self._flag)  # each call of a decorated function has tokens of its own

    def __enter__(self) -> None:
        self._tokens.append(mode.set(mode.get()._replace(recording=self._flag)))

    def __exit__(self, *_: Any) -> None:
        mode.reset(self._tokens.pop())


def no_grad() -> recording:
    """Inside, nothing is recorded: for inference and for updating parameters."""
    return recording(False)


def is_recording() -> bool:
    """Whether ops on tensors that require gradients are being recorded."""
    return mode.get().recording


@contextmanager
def observe(callback: Observer) -> Iterator[None]:
    """Call ``callback(name, y, inputs, options)`` after every op inside the block."""
    now = mode.get()
    token = mode.set(now._replace(observers=(*now.observers, callback)))
    try:
        yield
    finally:
        mode.reset(token)


def anomaly_mode() -> Any:
    """Inside, the op that makes the first NaN or Inf raises FloatingPointError.

    The message names the op and the source line, also for ops in a backward. Slow: every result
    is searched.
    """
    return observe(_raise_on_first_bad_value)


def _raise_on_first_bad_value(
    name: str, y: Any, inputs: tuple[Any, ...], options: dict[str, Any]
) -> None:
    line = _user_line()
    if y.node is not None:
        y.node.where = line
    if y.dtype.kind != "f" or _finite(y.data) or not all(_finite(x.data) for x in inputs):
        return
    values = to_device(y.data, "cpu")
    at = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    raise FloatingPointError(
        f"{name}: made the first NaN or Inf ({values[at]} at index {at} of shape {y.shape}) "
        f"from finite inputs, at {line}"
    )


def _finite(x: Any) -> bool:
    return bool(array_module(x).isfinite(x).all())


def _user_line() -> str:
    """`file:line` of the innermost caller outside this package."""
    package = str(Path(__file__).parent)
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
