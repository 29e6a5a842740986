"""Ctrl-C and SIGTERM during a training: finish the step, save, end."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .trainer import Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Caught:
    """Which signal came: ``number`` is None where none did."""

    number: int | None = None


@contextmanager
def stop_on_signals(trainer: Trainer) -> Iterator[Caught]:
    """Inside, the first SIGINT or SIGTERM interrupts the training; a second one aborts at once.

    A signal that the process was told to ignore stays ignored. In a thread other than the main one
    nothing is caught, because Python does not let it.
    """
    caught = Caught()

    def handle(number: int, frame: FrameType | None) -> None:
        if caught.number is not None:
            raise KeyboardInterrupt
        caught.number = number
        trainer.interrupt(f"interrupted by {signal.Signals(number).name}")
        # print is no good here: it may have been interrupted itself
        os.write(2, b"\nminicnn: stopping after this step; Ctrl-C again aborts at once\n")

    main = threading.current_thread() is threading.main_thread()
    old: dict[signal.Signals, Any] = {}
    try:
        for number in _SIGNALS if main else ():
            if signal.getsignal(number) is not signal.SIG_IGN:
                old[number] = signal.signal(number, handle)
        yield caught
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        trainer.interrupted = None
