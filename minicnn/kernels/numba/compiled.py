"""What every kernel here shares: the compiler's settings, the dtypes served, plain arrays."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from hashlib import sha256
from typing import Any

import numpy as np
from numba import config, njit
from numba.core.ccallback import CFunc
from numba.core.serialize import dumps

from .cache import KernelCache
from .launch import launcher, one_after_another
from .parallel import parts_on_threads


def compiled(function: Callable) -> Callable:
    """The function as machine code, made at its first call and kept on disk for the next process.

    Indices are not checked and the interpreter lock is released; NaN and rounding stay exact.
    """
    kernel = njit(**_FOR_PYTHON)(_named(function))
    if not _WITHOUT_COMPILER:
        _keep_on_disk(kernel, function, "plain")
    return kernel


def subroutine(function: Callable) -> Callable:
    """A function that only kernels call: part of their machine code, with none for Python."""
    return njit(**_FOR_KERNELS)(function)


def compiled_parallel(function: Callable) -> Callable:
    """One part of a kernel's work, ``function(part, parts, ...)``, as a kernel that does all parts.

    The kernel is called as ``kernel(parts, ...)`` and gives the parts to the threads. Write the
    function so that each part has a range of its own of the work, and pass one part per thread, or
    a few, so that a slow thread may do fewer: the same number of threads then gives the same bits.

    Numba's own way, `prange` in a function with ``parallel=True``, is as fast, but takes more than
    twice as long to compile.
    """
    if _WITHOUT_COMPILER:
        return one_after_another(function)
    kernel = parts_on_threads(subroutine(_named(function)), _FOR_PYTHON)
    _keep_on_disk(kernel, function, "parallel")
    return launcher(kernel)


def compiled_callback(function: Callable, signature: Any) -> Any:
    """The function as machine code that has an ``address``, by which any other code can call it."""
    kernel = CFunc(_named(function), (signature.args, signature.return_type), {}, {})
    _keep_on_disk(kernel, function, "callback")
    kernel.compile()
    return kernel


# Numba wraps a function for callers in C and for Python; each wrapper takes time to compile.
# x / 0 is infinite or NaN, as in NumPy: to look for it and raise would keep loops out of vectors.
_FOR_PYTHON: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
_FOR_KERNELS: dict[str, Any] = {**_FOR_PYTHON, "no_cpython_wrapper": True}
_WITHOUT_COMPILER = vars(config)["DISABLE_JIT"]  # NUMBA_DISABLE_JIT=1: kernels stay Python


def _named(function: Callable) -> Callable:
    """The function, with a name of its own if others are made in the same place.

    Machine code is found by name. In a process Numba numbers its functions, but code from the disk
    has the numbers of the processes that made it, and so `run` of tanh could pass for that of silu.
    """
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    if cells:
        function.__qualname__ += f".{sha256(dumps(cells)).hexdigest()[:12]}"
    return function


def _keep_on_disk(kernel: Any, function: Callable, settings: str) -> None:
    with suppress(RuntimeError, OSError):  # nowhere to write: compile in every process
        kernel._cache = KernelCache(function, settings)


def overlays(reference: Callable) -> Callable[[Callable], Callable]:
    """Lay a kernel over ``reference`` for float32 and for float64; any other mix stays there.

    Each dtype costs a compilation, and half precision, integers or mixtures are rare.
    """

    def lay(kernel: Callable) -> Callable:
        @wraps(kernel)
        def choose(*args: Any) -> Any:
            dtypes = {a.dtype for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"}
            return (kernel if dtypes in _SERVED else reference)(*args)

        return choose

    return lay


_SERVED = ({np.dtype(np.float32)}, {np.dtype(np.float64)})


def plain(x: np.ndarray) -> np.ndarray:
    """``x``, copied where it is not C-contiguous, aligned and writable.

    Numba compiles anew for every kind of array; so there is only one.
    """
    if type(x) is np.ndarray and x.flags.carray:  # all of these: the usual case, asked quickly
        return x
    return np.require(x, requirements=["C", "A", "W", "ENSUREARRAY"])
