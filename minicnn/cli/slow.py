"""Set-ups that are right but slow, as measured, and the way out of each."""

import os
from collections.abc import Iterator

from ..kernels.threads import get_num_threads, usable_cores

# Bytes in a vector register that OpenBLAS's kernels for these CPUs use; for any other at most 16.
_BLAS_BYTES = {
    "skylakex": 64, "cooperlake": 64, "sapphirerapids": 64, "haswell": 32, "zen": 32
}  # fmt: skip


def without_numba() -> str:
    """The warning where Numba is missing."""
    return "numba is not installed, and NumPy alone is many times slower; run `pip install numba`"


def warnings(layer: str, vector_bytes: int) -> Iterator[str]:
    """What is slow about this set-up: the threading layer, the environment, the machine."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        yield "NUMBA_DISABLE_JIT is set, so kernels run as Python, 1000 times slower; unset it"
    if layer == "workqueue":
        yield (
            "the threading layer workqueue starts a kernel in 70 us or more, OpenMP in 3; install "
            "libgomp (`apt install libgomp1`) or TBB (`pip install tbb`)"
        )
    if layer == "omp" and os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive":
        yield (
            "OMP_WAIT_POLICY=PASSIVE lets threads sleep between kernels, and to wake them takes "
            "up to 100 us instead of 3; unset it"
        )
    core = os.environ.get("OPENBLAS_CORETYPE", "")
    if core and _BLAS_BYTES.get(core.lower(), 16) < vector_bytes:
        yield f"OPENBLAS_CORETYPE={core} gives NumPy's products the speed of an older CPU; unset it"
    yield from _crowded(get_num_threads(), usable_cores())


def _crowded(threads: int, cores: int) -> Iterator[str]:
    if threads > cores:
        yield f"{threads} threads share {cores} cores and wait for each other; use {cores}"
    load, processors = _load(), os.cpu_count() or 1
    if load > processors / 2:
        yield (
            f"other programs keep the processors busy (load {load:.1f} of {processors}), and "
            "threads that share a core wait for each other; stop them, or use fewer threads"
        )


def _load() -> float:
    """Programs that ran at the same time in the last minute; 0 where the system does not count."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
