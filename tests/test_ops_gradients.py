"""Every row of the op table: first and second derivatives against central differences."""

import math

import pytest

from minicnn.testing import gradcheck, gradgradcheck

from .op_cases import CASES
from .op_cases.run import differentiable

rows = pytest.mark.parametrize("case", [c for c in CASES if differentiable(c)], ids=str)


def judge(case, report):
    """Right everywhere, no kinks where the row says that there are none, no entry left out."""
    assert report.ok, str(report)
    for x in report.inputs:
        assert case.kinks or not x.kinks, str(report)
        assert x.checked + len(x.kinks) == (math.prod(x.shape) if x.unit == "entries" else 20)


@rows
def test_gradients(case):
    judge(case, gradcheck(case.example, case.example.tensors(), raise_exception=False))


@rows
def test_gradients_of_gradients(case):
    judge(case, gradgradcheck(case.example, case.example.tensors(), raise_exception=False))
