"""How many threads the CPU kernels divide their work among.

    default = physical cores that this process may use
            = min(distinct cores among the allowed processors, the container's share of CPU time)

A core that shows itself as two processors (SMT) counts once: its two halves share one set of vector
units, which a good kernel keeps busy alone. Processors outside the affinity mask do not count, and
of a container's share only whole cores do: a thread beyond it uses up everybody's time, and then
all threads stand still together.

NUMBA_NUM_THREADS and OMP_NUM_THREADS, where the user has set one of them, are the default instead.
"""

import operator
import os
from functools import cache
from pathlib import Path

_chosen: int | None = None


def set_num_threads(n: int) -> None:
    """Divide the work of every CPU kernel among ``n`` threads, in this process and from now on.

    The same ``n`` gives the same bits on every run, also with more threads than cores: the parts
    then take turns. Raises TypeError for what is no whole number, ValueError for less than 1.
    """
    global _chosen
    try:
        number = operator.index(n)
    except TypeError:
        number = None
    if number is None or isinstance(n, bool):
        raise TypeError(f"set_num_threads: n must be a whole number, got {n!r}; such as 2")
    if number < 1:
        raise ValueError(
            f"set_num_threads: n must be at least 1, got {n}; 1 computes on the calling thread"
        )
    _chosen = number


def get_num_threads() -> int:
    """The number of threads that each CPU kernel divides its work among."""
    return _chosen or default_num_threads()


@cache
def default_num_threads() -> int:
    """What the user's environment says, else the number of cores that this process may use."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").split(",")[0].strip()  # OpenMP: one per nesting level
        if first.isdecimal() and int(first):
            return int(first)
    return usable_cores()


def usable_cores(root: Path = Path("/")) -> int:
    """Physical cores that this process may use; ``root`` is where /sys and /proc are found."""
    share = _cpu_share(root)
    cores = physical_cores(allowed_processors(), root)
    return cores if share is None else max(1, min(cores, int(share)))


def allowed_processors() -> set[int]:
    """The numbers of the processors that the affinity mask leaves; all, where there is none."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def physical_cores(processors: set[int], root: Path = Path("/")) -> int:
    """The number of cores that ``processors`` belong to; each its own, where nothing is known."""
    folder = root / "sys/devices/system/cpu"
    cores = {_read(folder / f"cpu{p}/topology/thread_siblings_list") or str(p) for p in processors}
    return len(cores)


def _cpu_share(root: Path) -> float | None:
    """The least quota of CPU time in all control groups around this process, in cores."""
    shares = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        version_2, version_1 = controllers == "", "cpu" in controllers.split(",")
        if version_2 or version_1:
            mount = root / ("sys/fs/cgroup" if version_2 else "sys/fs/cgroup/cpu")
            # A container may see its own group as the root, or not see the path at all.
            for group in (mount / path.strip("/"), *(mount / path.strip("/")).parents):
                if group.is_relative_to(mount):
                    shares.append(_quota(group))
    return min((share for share in shares if share), default=None)


def _quota(group: Path) -> float | None:
    """CPU time per time that one control group allows; None: no limit"""
    words = _read(group / "cpu.max").split()  # version 2: both in one file
    words = words or [_read(group / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    limited = len(words) == 2 and all(word.isdecimal() for word in words)  # not "max", not -1
    return int(words[0]) / int(words[1]) if limited else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
