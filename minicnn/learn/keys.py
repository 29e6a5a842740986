"""Single keys from a terminal, without Enter; from a pipe, its letters."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Read = Callable[[float], str]  # waits so many seconds at most; "" for no key, "q" at the end


@contextmanager
def keys() -> Iterator[Read]:
    """A function that reads one key; the terminal is afterwards as it was."""
    if sys.platform == "win32":
        yield _read_windows
        return
    if not sys.stdin.isatty():
        yield _read if _has_descriptor() else lambda seconds: sys.stdin.read(1) or "q"
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)  # Ctrl-C still ends the program
        yield _read
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _has_descriptor() -> bool:
    try:
        return sys.stdin.fileno() >= 0
    except (OSError, ValueError):
        return False


def _read(seconds: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    if not ready:
        return ""
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") or "q"


def _read_windows(seconds: float) -> str:
    import msvcrt

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if msvcrt.kbhit():  # type: ignore[attr-defined]
            return str(msvcrt.getwch())  # type: ignore[attr-defined]
        time.sleep(0.05)
    return ""
