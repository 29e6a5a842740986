"""Every row of the op table: first and second derivatives against central differences."""

import pytest
from .op_cases import CASES
from .op_cases.run import has_gradient

from minicnn.testing import gradcheck, gradgradcheck

rows = pytest.mark.parametrize("case", [c for c in CASES if has_gradient(c)], ids=str)


def judge(case, report):
    """Right everywhere, and no kinks where the row says that there are none."""
    assert report.ok, str(report)
    kinks = sum(len(x.kinks) for x in report.inputs)
    assert case.kinks or not kinks, str(report)
    assert [x.checked + len(x.kinks) for x in report.inputs if x.unit == "entries"] == [
        int(np_prod(x.shape)) for x in report.inputs if x.unit == "entries"
    ]


def np_prod(shape):
    n = 1
    for size in shape:
        n *= size
    return n


@rows
def test_gradients(case):
    if not any(x.requires_grad for x in case.example.tensors()):
        pytest.skip("no input asks for a gradient")
    judge(case, gradcheck(case.example, case.example.tensors(), raise_exception=False))


@rows
def test_gradients_of_gradients(case):
    if not any(x.requires_grad for x in case.example.tensors()):
        pytest.skip("no input asks for a gradient")
    judge(case, gradgradcheck(case.example, case.example.tensors(), raise_exception=False))
