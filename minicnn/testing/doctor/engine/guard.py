"""Runs a learner's code so that whatever it does comes back as a plain finding."""

import contextlib
import io
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..report import Sign


class Trouble(Exception):
    """The learner's code did something that ends a probe: ``sign`` says what."""

    def __init__(self, bug: str, evidence: str, error: BaseException | None = None) -> None:
        super().__init__(evidence)
        self.sign = Sign(bug, "", evidence, 0)
        self.error = error


class _TooManyCalls(BaseException):
    """Not an Exception: a learner's `except Exception` must not catch it."""


class Guard:
    """Counts function calls, and collects what is printed and warned of.

    Counting calls needs no help from the engine and, other than a clock, always gives the same
    answer. ``calls`` is their number so far, ``budget`` the most in one run (None: not counted,
    which is faster).
    """

    def __init__(self) -> None:
        # just-in-time compilers make millions of calls
        self.budget: int | None = 20_000_000
        self.printed = ""
        self.warned: list[str] = []
        self.calls = 0

    def run(self, doing: str, action: Callable[[], Any]) -> Any:
        """What ``action`` returns; raises Trouble for anything else that it does."""
        try:
            with self._watch():
                return action()
        except KeyboardInterrupt:
            raise
        except _TooManyCalls as error:
            text = f"{doing}: given up after {self.budget:,} function calls"
            raise Trouble("engine-exponential", text, error) from None
        except SystemExit as error:
            raise Trouble("engine-exits", f"{doing}: exits with {error.code!r}", error) from None
        except RecursionError as error:
            text = f"{doing}: RecursionError, more than {sys.getrecursionlimit()} calls deep"
            raise Trouble("engine-recursion", text, error) from None
        except BaseException as error:
            text = f"{doing}: {type(error).__name__}: {_first_line(error)}"
            raise Trouble("engine-raises", text, error) from None

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        out, start = io.StringIO(), self.calls

        def count(frame: Any, event: str, arg: Any) -> None:
            if event in ("call", "c_call"):
                self.calls += 1
                if self.budget and self.calls - start > self.budget:
                    raise _TooManyCalls

        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always")
            before = sys.getprofile()
            sys.setprofile(before if self.budget is None else count)
            try:
                yield
            finally:
                sys.setprofile(before)
                self.printed += out.getvalue()
                self.warned += [str(warning.message) for warning in caught]


def _first_line(error: BaseException) -> str:
    try:
        return (str(error).splitlines() or ["(no message)"])[0][:160]
    except Exception:  # a message may be a learner's code as well
        return "(no message)"


@contextlib.contextmanager
def global_state() -> Iterator[list[str]]:
    """Puts global settings back afterwards; the list then names those that had changed."""
    changed: list[str] = []
    settings: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
        "random": (random.getstate, random.setstate),
        "numpy.random": (np.random.get_state, np.random.set_state),
        "numpy.seterr": (np.geterr, lambda old: np.seterr(**old)),
        "numpy.set_printoptions": (np.get_printoptions, lambda old: np.set_printoptions(**old)),
        "the working directory": (os.getcwd, os.chdir),
        "sys.setrecursionlimit": (sys.getrecursionlimit, sys.setrecursionlimit),
    }
    before: dict[str, Any] = {name: get() for name, (get, _) in settings.items()}
    try:
        yield changed
    finally:
        for name, (get, put) in settings.items():
            if str(get()) != str(before[name]):
                changed.append(name)
                put(before[name])
