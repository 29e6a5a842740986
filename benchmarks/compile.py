"""The first training step of ResNet-20 (b128) in a new process: imports, compilation, loading.

*cold*: Numba's cache is empty and everything is compiled. *second process*: it is loaded from disk.
"""

import tempfile
from collections.abc import Iterator

from minicnn.kernels.threads import get_num_threads

from .contestants import has
from .fresh import in_fresh_process
from .harness import Row
from .report import LAST, OURS

NAME, BATCH, STEPS = "resnet20", 128, 3
COLD = "minicnn, cold"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        found = {
            contestant: in_fresh_process(
                "child", "ours", NAME, BATCH, STEPS, NUMBA_CACHE_DIR=folder
            )
            for contestant in (COLD, OURS)
        }
    if has("torch"):
        how = (NAME, BATCH, STEPS, (3, 32, 32), get_num_threads(), True)
        found[LAST] = in_fresh_process("child", "torchs", *how)
    note = f"{OURS}: the second process, which loads what {COLD} compiled."
    for part in "imports", "step 1", f"step {STEPS}":
        yield Row(part, {name: [one[part]] for name, one in found.items()}, "s", note=note)
