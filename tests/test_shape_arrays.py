"""Arrays that only have a shape: every op gives the shapes and dtypes that it gives for numbers."""

import tracemalloc

import numpy as np
import pytest

from minicnn import Tensor, models, nn, no_grad, ops, summary
from minicnn.kernels import kernel_set, shape_only
from minicnn.kernels.shape_array import ShapeArray

from .op_cases import CASES
from .op_cases.run import outputs

# Their shapes depend on values, or values are what they are for.
NEED_VALUES = {"getitem", "gather"}


@pytest.mark.parametrize("case", [c for c in CASES if c.op not in NEED_VALUES], ids=str)
def test_same_shapes_as_with_numbers(case):
    inputs = case.example.tensors()
    with no_grad():
        wanted = outputs(case.example, inputs)
        blank = [
            Tensor(shape_only(x.shape, x.dtype)) if x.dtype.kind == "f" and i == 0 else x
            for i, x in enumerate(inputs)
        ]
        got = outputs(case.example, blank)
    assert [(y.shape, y.dtype) for y in got] == [(y.shape, y.dtype) for y in wanted]


def test_no_memory_no_values():
    x = shape_only((64, 1000, 1000, 100), np.float32)
    tracemalloc.start()
    y = np.concatenate([np.exp(x) * 2 + x.astype(np.float64), x], axis=1).sum((2, 3))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(y, ShapeArray) and (y.shape, y.dtype) == ((64, 2000), np.float64)
    assert peak < 100_000


def test_it_is_no_kernel_set_to_choose():
    table = vars(kernel_set("shapes"))
    assert table.keys() == vars(kernel_set("numpy")).keys()


@pytest.mark.parametrize("name", ["vgg19", "vit_b_16"])
def test_a_large_model_costs_little_memory(name):
    """VGG-19 has 575 MB of weights."""
    tracemalloc.start()
    with nn.init.skip():
        model = models.create(name)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    summary.summarize(model, (8, 3, 224, 224))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 10_000_000


def test_wrong_shapes_are_still_refused():
    with pytest.raises(ValueError, match="groups"):
        ops.conv2d(Tensor(shape_only((1, 3, 8, 8), np.float32)), np.zeros((2, 4, 3, 3), np.float32))
    with pytest.raises(ValueError):
        ops.matmul(Tensor(shape_only((2, 3), np.float32)), np.zeros((4, 2), np.float32))
