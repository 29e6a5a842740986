"""Whether a kernel's work goes to threads."""

from collections.abc import Callable

from minicnn.kernels.threads import get_num_threads

ALONE = 16384  # so many numbers take about as long as waking a second thread


def share_out(kernel: Callable, args: tuple, units: int, size: int) -> None:
    """Divide ``units`` of work on ``size`` numbers among the threads, if there is enough of it."""
    kernel(get_num_threads() if size >= ALONE else 1, *args, units)
