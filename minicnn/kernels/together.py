"""Calls of kernels that may wait for each other, so that one launch does the work of many.

A network has many small parameters, and to call a kernel for ten numbers takes as long as to change
ten thousand. A kernel set that can do better hands its work to `later`; the others know nothing of
this file and work at once.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Work = Callable[..., None]
Waiting = dict[tuple[Work, Hashable], list[Any]]

_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


@contextmanager
def together(wanted: bool = True) -> Iterator[None]:
    """Let kernels called inside the block write their results at its end, if that is ``wanted``.

    Nobody may read or write these arrays before.
    """
    calls: Waiting = {}
    token = _waiting.set(calls if wanted else None)
    try:
        yield
    finally:
        _waiting.reset(token)
        for (work, options), items in calls.items():
            work(options, items)


def later(work: Work, options: Hashable, item: Any) -> None:
    """Call ``work(options, items)``, with all items of equal work and options; alone: at once."""
    if (calls := _waiting.get()) is None:
        work(options, [item])
    else:
        calls.setdefault((work, options), []).append(item)
