"""What inference takes: resident memory of a process of its own."""

import subprocess
import sys

import pytest

from minicnn import models, weights
from tests import house

PROGRAM = """
import sys
from pathlib import Path

def peak():
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1])  # kB

start = peak()
import numpy as np
from minicnn import Tensor, models, no_grad
net = models.create("resnet50", weights=sys.argv[1]).eval()
with no_grad():
    y = net(Tensor(np.ones((1, 3, 224, 224), np.float32)))
assert y.shape == (1, 1000)
print(peak() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux has")
def test_resnet50_in_400_megabytes(tmp_path):
    """Reading its 102 MB of weights included."""
    path = tmp_path / "resnet50.safetensors"
    weights.save(path, models.create("resnet50").state_dict())
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, path], check=True, cwd=house.ROOT, capture_output=True
    )
    assert 100_000 < int(run.stdout) < 400_000
