"""Whether a kernel's work goes to threads."""

from collections.abc import Callable

from minicnn.kernels.threads import get_num_threads

ALONE = 16384  # so many numbers take about as long as waking a second thread


def share_out(alone: Callable, in_parts: Callable, args: tuple, units: int, size: int) -> None:
    """Do ``units`` of work on ``size`` numbers: all at once, or one part of them per thread."""
    parts = get_num_threads()
    if parts == 1 or size < ALONE:
        alone(*args, 0, units)
    else:
        in_parts(*args, units, parts)
