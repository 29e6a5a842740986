"""The nets' logits beside torchvision's, from the same weights: a folder of reference values.

The folder `reference/zoo` lies beside the folder that MINICNN_DATA names; recipe.py there makes
weights and images, golden/*.npz holds torchvision's logits and the statistics of batch norms.
"""

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicnn import Tensor, models, nn, no_grad, use_kernels
from tests.test_zoo_structure import SPEC

ZOO = Path(os.environ.get("MINICNN_DATA", "nowhere")).parent / "reference" / "zoo"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ZOO / "recipe.py").is_file(),
        reason="needs reference/zoo (recipe.py, golden/*.npz) beside the folder of MINICNN_DATA",
    ),
]


@cache
def recipe() -> Any:
    spec = importlib.util.spec_from_file_location("recipe", ZOO / "recipe.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SPEC)
def test_logits(name):
    with np.load(ZOO / "golden" / f"{name}.npz") as file:
        golden = dict(file)
    with nn.init.skip():
        model = models.create(name).eval()
    state = {key: recipe().fill(key, x.shape) for key, x in model.named_state()}
    state |= {key[3:]: array for key, array in golden.items() if key.startswith("bn|")}
    model.load_state_dict(state)
    del state
    want = golden["logits|canon" if "logits|canon" in golden else "logits|small"]
    for dtype, tolerance in ((np.float32, 1e-3), (np.float64, 1e-8)):
        if dtype == np.float64:
            model.double()
        x = Tensor(recipe().image(name).astype(dtype))
        for kernels in ("numba", "numpy"):
            with use_kernels(kernels), no_grad():
                y = model(x).numpy()
            assert y.dtype == dtype and y.shape == want.shape
            worst = abs(y - want).max() / abs(want).max()
            assert worst <= tolerance, f"{name}, {kernels}, {y.dtype}: {worst:.1e}"
