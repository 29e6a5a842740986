"""The figures of the gradient doctor: `python -m tests.doctor.table` prints them as Markdown.

Two tables. *Named*: the typical bugs of each op, how many the doctor rejects and names, with and
without its fingerprints. *Caught*: the same bugs beside three usual ways to check a gradient, each
on the op's first probe and against the function's own forward pass:

    one entry    one random entry per input, upstream gradient of ones, 1 % tolerance
    ones         all entries, upstream gradient of ones
    random       all entries, random upstream gradient
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minicnn.testing.doctor import OPS, Op
from minicnn.testing.doctor.op import Mutant, Probe

from .code_mutants import judgements, learner, rightly_named

Check = Callable[[Op, Mutant], bool]


def slopes(run: Callable[..., Any], probe: Probe, name: str, gy: Any, step: float) -> np.ndarray:
    """Central differences of sum(gy * y) by every entry of one input."""
    found = np.zeros(probe.inputs[name].shape)
    for index in np.ndindex(found.shape):
        ends = []
        for sign in (1, -1):
            inputs = {k: v.copy() for k, v in probe.inputs.items()}
            inputs[name][index] += sign * step
            ends.append(np.sum(gy * np.asarray(run(*inputs.values(), **probe.options)[0])))
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found


def passes(op: Op, mutant: Mutant, ones: bool, single: bool, tolerance: float) -> bool:
    """Whether a bug goes unnoticed by a usual check."""
    probe, run = next(iter(op.probes(0))), learner(op, mutant)
    rng = np.random.default_rng(1)
    try:
        y, rule = run(*(v.copy() for v in probe.inputs.values()), **probe.options)
        gy = np.ones(np.shape(y)) if ones else rng.standard_normal(np.shape(y))
        given = dict(zip(op.gradients, rule(gy.copy()), strict=True))
        for name, a in given.items():
            g = slopes(run, probe, name, gy, 1e-6)
            if np.shape(a) != g.shape:
                return False
            at = tuple(rng.integers(0, n) for n in g.shape) if single else ...
            if not np.allclose(np.asarray(a)[at], g[at], tolerance, tolerance):
                return False
    except Exception:
        return False
    return True


CHECKS: dict[str, Check] = {
    "one entry": lambda op, m: not passes(op, m, True, True, 1e-2),
    "ones": lambda op, m: not passes(op, m, True, False, 1e-4),
    "random": lambda op, m: not passes(op, m, False, False, 1e-4),
}


def rows() -> Iterator[tuple[Any, ...]]:
    """Per op: bugs, caught by the usual checks, rejected, named, named without fingerprints."""
    for name, op in OPS.items():
        start = time.process_time()
        found = [(m, *judgements(op, m)) for m in op.mutants]
        seconds = (time.process_time() - start) / len(found)
        rejected = sum(not whole.ok for _, whole, _ in found)
        first = sum(rightly_named(m, whole) for m, whole, _ in found)
        without = sum(rightly_named(m, part) for m, _, part in found)
        usual = [sum(c(op, m) for m in op.mutants) for c in CHECKS.values()] if op.gradients else []
        yield name, len(found), *(usual or ["", "", ""]), rejected, first, without, seconds


def main() -> int:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    print("| op | bugs | one entry | ones | random | doctor | named | without fingerprints |")
    print("|---|---|---|---|---|---|---|---|")
    table = []
    for row in rows():
        table.append(row)
        print("| " + " | ".join(str(cell) for cell in row[:-1]) + " |", flush=True)
    with_gradients = [row for row in table if row[2] != ""]
    sums = [sum(row[i] for row in table) for i in (1, 5, 6, 7)]
    usual = [sum(row[i] for row in with_gradients) for i in (2, 3, 4)]
    print("| **all** | " + " | ".join(map(str, [sums[0], *usual, *sums[1:]])) + " |")
    without = sum(row[1] for row in with_gradients)
    print(f"\n{without} of the bugs are in ops with gradients; the usual checks ran on these.")
    print(f"A diagnosis took {max(row[-1] for row in table):.2f} s in the mean of the slowest op.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
