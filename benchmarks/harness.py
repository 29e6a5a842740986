"""The harness: contestants take turns in one process, and rounds that others disturbed are dropped.

What makes a comparison fair here:

* **Turns.** In each round every contestant runs once, so that a change of clock or load meets all.
* **Pauses.** Threads of OpenMP and OpenBLAS spin for milliseconds after their work, in case more
  comes, and would take a core from whoever is next. A pause lets them fall asleep; then a run that
  is not timed wakes the contestant's own threads and fills the caches.
* **A gate.** One busy program next door makes threads that wait for each other many times slower.
  So the CPU time that other programs got is measured in each round, and the quietest are kept.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Run = Callable[[], object]

PAUSE = 0.05  # seconds of sleep before a turn
TURN = 0.03  # seconds that a timed turn takes at least; short runs are repeated
ROUNDS = 11
LEAST_ROUNDS = 7
SECONDS = 12.0  # for one workload, after which LEAST_ROUNDS are enough
PATIENCE = 9.0  # times SECONDS, after which one round is enough
QUIET = 0.05  # the share of the cores that others may have in a round that counts


@dataclass
class Row:
    """One line of a table: what was measured, and of each contestant one number per round.

    ``others`` is the largest share of the cores that other programs had in a round that counts,
    ``dropped`` the number of rounds that do not. ``work`` are floating-point operations per run, 0
    where that says nothing, and ``peak`` those that the cores can do in a second.
    """

    workload: str
    samples: dict[str, list[float]]
    unit: str = "ms"
    dropped: int = 0
    others: float = 0.0
    work: float = 0.0
    peak: float = 0.0
    note: str = ""


def compare(
    workload: str, runs: Mapping[str, Run], *, seconds: float = SECONDS, work: float = 0.0,
    peak: float = 0.0, note: str = "",
) -> Row:  # fmt: skip
    """Milliseconds of each contestant, in rounds that take turns."""
    repeats = {name: _repeats(run) for name, run in runs.items()}
    rounds: list[tuple[float, dict[str, float]]] = []
    start = time.perf_counter()
    while not _enough(rounds, (time.perf_counter() - start) / seconds):
        wait_for_quiet()
        load = Load()
        times = {name: 1e3 * turn(run, repeats[name]) for name, run in runs.items()}
        rounds.append((load.others(), times))
    kept = quietest(rounds)
    samples = {name: [times[name] for _, times in kept] for name in runs}
    others = max(share for share, _ in kept)
    return Row(workload, samples, "ms", len(rounds) - len(kept), others, work, peak, note)


def turn(run: Run, repeats: int = 1) -> float:
    """Seconds of one run, after a pause and a run that is not timed."""
    time.sleep(PAUSE)
    run()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def wait_for_quiet(longest: float = 3.0) -> None:
    """Sleep until others have left the cores alone for a tenth of a second, or ``longest`` is over.

    A busy core shows as a share of 1 / cores, far above QUIET.
    """
    for _ in range(round(longest / 0.1)):
        load = Load()
        time.sleep(0.1)
        if load.others() <= QUIET:
            return


def quietest(rounds: list[tuple[float, dict]]) -> list[tuple[float, dict]]:
    """The rounds with quiet neighbours; where those are too few, the least disturbed ones."""
    quiet = sum(share <= QUIET for share, _ in rounds)
    return sorted(rounds, key=lambda one: one[0])[: max(quiet, LEAST_ROUNDS)]


def _enough(rounds: list[tuple[float, dict]], spent: float) -> bool:
    """Whether to stop, where ``spent`` is the time gone in units of the time that was given."""
    quiet = sum(share <= QUIET for share, _ in rounds)
    wanted = ROUNDS if spent < 1 else LEAST_ROUNDS
    patience = 2 * wanted if spent < PATIENCE else 1  # a machine that is seldom quiet
    return quiet >= wanted or len(rounds) >= patience


def _repeats(run: Run) -> int:
    """How often to run in a turn. The first runs compile, allocate, and are not counted."""
    run()
    start = time.perf_counter()
    run()
    return max(1, min(1000, int(TURN / max(time.perf_counter() - start, 1e-6))))


class Load:
    """The share of our cores that other programs have had since this was made.

    (time that the cores were busy - time that this process had - one tick of each core) / time
    passed; the system counts in ticks of mostly 10 ms. 0 where it does not tell (no /proc/stat).
    """

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.busy, self.own = _busy(), _own()

    def others(self) -> float:
        passed = max(time.perf_counter() - self.start, 1e-6)
        strange = (_busy() - self.busy) - (_own() - self.own) - len(cores()) * _tick()
        return max(0.0, strange) / (passed * len(cores()))


def cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _busy() -> float:
    """Seconds that our cores have not been idle since the system started."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    lines = (line.split() for line in stat.read_text(encoding="ascii").splitlines())
    ours = {f"cpu{n}" for n in cores()}
    ticks = [list(map(int, line[1:9])) for line in lines if line[0] in ours]
    return sum(sum(t) - t[3] - t[4] for t in ticks) * _tick()  # without idle and waiting


def _own() -> float:
    """Seconds that all threads of this process have had."""
    return time.process_time()


def _tick() -> float:
    return 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0
