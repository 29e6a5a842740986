"""Each op on Numba's kernels and on those of the reference, which are plain NumPy.

A kernel that is not faster here than what it overrides is deleted.
"""

from collections.abc import Iterator

from minicnn import use_kernels

from .contestants import NUMPY, on_numpy
from .harness import Row, compare
from .ops import SECONDS, cases, our_run, parts
from .report import OURS


def rows() -> Iterator[Row]:
    for case in cases():
        for part, wanted in parts(case):
            with use_kernels("numpy"):
                plain = on_numpy(our_run(case, wanted))
            yield compare(part, {OURS: our_run(case, wanted), NUMPY: plain}, seconds=SECONDS)
