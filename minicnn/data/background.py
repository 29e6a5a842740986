"""Work done ahead, in threads: results come in order, and never more than a few batches of them."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

NAME = "minicnn-loader"  # of the threads


def ahead(
    work: Callable[[Task], Result], batches: Iterable[list[Task]], workers: int, prefetch: int
) -> Generator[list[Result], None, None]:
    """Yield ``[work(task) for task in batch]`` of each batch, in their order.

    The threads are at most `prefetch` batches ahead of the one that was yielded. An exception in
    ``work`` comes out where its batch would. However the iteration ends, its threads have ended as
    well: what was not begun is cancelled, what was begun is waited for. Without workers everything
    is done when it is asked for.
    """
    if workers == 0:
        for batch in batches:
            yield [work(task) for task in batch]
        return
    coming = iter(batches)
    pool = ThreadPoolExecutor(workers, thread_name_prefix=NAME)
    try:
        waiting: deque[list[Future[Result]]] = deque()
        for batch in islice(coming, prefetch):
            waiting.append([pool.submit(work, task) for task in batch])
        while waiting:
            wait(waiting[0])
            for batch in islice(coming, 1):
                waiting.append([pool.submit(work, task) for task in batch])
            # No variable keeps the results while the caller works on them.
            yield [future.result() for future in waiting.popleft()]
    finally:
        # The garbage collector may run this in one of the threads, which cannot wait for itself.
        inside = threading.current_thread().name.startswith(NAME)
        pool.shutdown(wait=not inside, cancel_futures=True)
