"""How a parallel kernel is started: by how many workers, from which thread, in which process.

Its parts are divided among the workers of one of Numba's *threading layers*, which have limits:

    OpenMP      a forked child that uses it after its parent did is terminated
    TBB         the same speed, where it is installed
    workqueue   always there, slow to start; two Python threads at the same time abort the process

So threads take turns where the layer asks for it, and only there: OpenMP gives every thread workers
of its own, which wait for their next launch by spinning, and the system shares the cores better
than turns do. A forked child runs kernels on the thread that calls them, with the same parts and
hence the same bits; children share the cores anyway. A spawned child is a process like any other.
"""

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from numba import config, set_num_threads, threading_layer

from ..threads import get_num_threads

_lock = threading.RLock()
_turns: AbstractContextManager = nullcontext()
_forked = False


class _Workers(threading.local):
    """The threads that launches from this thread are for, 0: none yet; the workers there are."""

    number = 0
    most = 0


_workers = _Workers()


def launcher(kernel: Callable) -> Callable:
    """``kernel(parts, workers, ...)`` as ``kernel(parts, ...)``, from any thread and process."""

    @wraps(kernel)
    def launch(parts: int, *args: Any) -> Any:
        threads = get_num_threads()
        if _workers.number != threads:
            _ask_for_workers(threads)
        if parts == 1 or _forked:
            return kernel(parts, 1, *args)
        with _turns:
            return kernel(parts, min(parts, _workers.most), *args)

    return launch


def one_after_another(function: Callable) -> Callable:
    """``function(part, parts, ...)`` as it runs without a compiler."""

    @wraps(function)
    def kernel(parts: int, *args: Any) -> None:
        for part in range(parts):
            function(part, parts, *args)

    return kernel


def _ask_for_workers(number: int) -> None:
    """Start the layer, if it is not running; it has as many workers as there are processors."""
    global _turns
    _workers.most = min(number, vars(config)["NUMBA_NUM_THREADS"])
    set_num_threads(_workers.most)
    _workers.number = number
    _turns = _lock if threading_layer() == "workqueue" else nullcontext()


def layer() -> str:
    """The threading layer in use; starts it if no kernel has."""
    _ask_for_workers(get_num_threads())
    return threading_layer()


def _prefer_openmp() -> None:
    """Numba would take TBB first; what the user or another library has chosen stays."""
    chosen = ("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY")
    if not any(os.environ.get(name) for name in chosen):
        vars(config)["THREADING_LAYER_PRIORITY"] = ["omp", "tbb", "workqueue"]


def _after_fork() -> None:
    global _forked
    _forked = True


_prefer_openmp()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
