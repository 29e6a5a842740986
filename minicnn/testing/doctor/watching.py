"""Running somebody's code: what it printed, warned of and changed, without letting it do harm."""

import contextlib
import io
import os
import random
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MUCH = 200  # characters of printed text that are kept


@dataclass
class Watch:
    """What was seen during one call."""

    printed: str = ""
    warnings: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    """Run a block with its printing caught, its warnings kept, and global settings put back."""
    watch, out = Watch(), io.StringIO()
    before = _settings()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        stack.enter_context(np.errstate(over="warn", invalid="warn", divide="warn", under="ignore"))
        inside = before | {"np.seterr": np.geterr()}
        try:
            yield watch
        finally:
            watch.changed = [k for k, v in _settings().items() if v != inside[k]]
            _restore(before)
    watch.printed = out.getvalue()[:MUCH]
    watch.warnings = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Run a block without its printing and warnings: for code that has been watched before."""
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(out),
        warnings.catch_warnings(), np.errstate(all="ignore"),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Put the settings of the program back after a block."""
    before = _settings()
    try:
        yield
    finally:
        _restore(before)


def told(error: BaseException, functions: tuple[Any, ...]) -> str:
    """The error with its last line in the learner's own file."""
    files = {f.__code__.co_filename for f in functions if hasattr(f, "__code__")}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    place = f", line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}{place}" if text else type(error).__name__ + place


def _settings() -> dict[str, Any]:
    """What a function has no business to change."""
    kind, key, *rest = np.random.get_state()
    return {
        "np.seterr": np.geterr(),
        "np.random": (kind, np.asarray(key).tobytes(), *rest),
        "random": random.getstate(),
        "the current folder": os.getcwd(),
        "os.environ": dict(os.environ),
        "the recursion limit": sys.getrecursionlimit(),
        "print options": np.get_printoptions(),
    }


def _restore(settings: dict[str, Any]) -> None:
    np.seterr(**settings["np.seterr"])
    kind, key, *rest = settings["np.random"]
    np.random.set_state((kind, np.frombuffer(key, np.uint32), *rest))
    random.setstate(settings["random"])
    os.chdir(settings["the current folder"])
    if dict(os.environ) != settings["os.environ"]:
        os.environ.clear()
        os.environ.update(settings["os.environ"])
    sys.setrecursionlimit(settings["the recursion limit"])
    np.set_printoptions(**settings["print options"])
