"""What every kernel here shares: the compiler's settings, the dtypes served, plain arrays."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numba import njit


def compiled(function: Callable) -> Callable:
    """The function as machine code, made at its first call and kept on disk for the next process.

    Indices are not checked and the interpreter lock is released; NaN and rounding stay exact.
    Numba notices changes in the function's own file only: loops call no compiled function of
    another file, and whoever changes these settings deletes the `__pycache__` folders.
    """
    return _compiled(function)


def compiled_checked(function: Callable) -> Callable:
    """As `compiled`, with IndexError for an index that lies outside its array."""
    return _compiled(function, boundscheck=True)


def _compiled(function: Callable, **options: Any) -> Callable:
    try:
        return njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written: compile in every process
        return njit(nogil=True, **options)(function)


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
    return np.require(x, requirements=["C", "A", "W", "ENSUREARRAY"])
