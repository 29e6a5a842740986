"""What every kernel here shares: the compiler's settings, the dtypes served, plain arrays."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np
from numba import config, njit
from numba.core.ccallback import CFunc

from .cache import KernelCache
from .launch import launcher


def compiled(function: Callable) -> Callable:
    """The function as machine code, made at its first call and kept on disk for the next process.

    Indices are not checked and the interpreter lock is released; NaN and rounding stay exact.
    """
    return _compiled(function, "plain")


def compiled_checked(function: Callable) -> Callable:
    """As `compiled`, with IndexError for an index that lies outside its array."""
    return _compiled(function, "checked", boundscheck=True)


def compiled_parallel(function: Callable) -> Callable:
    """As `compiled`, with every `prange` divided among the threads.

    Write `for part in prange(parts)` with one part per thread and give each part its own range of
    the work: the same number of threads then gives the same bits. Of what Numba can make parallel
    only `prange` is left on, because looking for the rest doubles the time to compile.
    """
    parallel = _compiled(function, "parallel", parallel=_PRANGE_ONLY)
    return parallel if _WITHOUT_COMPILER else launcher(parallel, lambda: compiled(function))


def compiled_callback(function: Callable, signature: Any) -> Any:
    """The function as machine code that has an ``address``, by which any other code can call it."""
    kernel = CFunc(function, (signature.args, signature.return_type), {}, {})
    _keep_on_disk(kernel, function, "callback")
    kernel.compile()
    return kernel


_WITHOUT_COMPILER = vars(config)["DISABLE_JIT"]  # NUMBA_DISABLE_JIT=1: kernels stay Python
_PRANGE_ONLY = {"prange": True} | dict.fromkeys(
    ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False
)


def _compiled(function: Callable, settings: str, **options: Any) -> Callable:
    kernel = njit(nogil=True, **options)(function)
    if not _WITHOUT_COMPILER:
        _keep_on_disk(kernel, function, settings)
    return kernel


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
    return np.require(x, requirements=["C", "A", "W", "ENSUREARRAY"])
