"""Clipping of gradients that are not finite, and limits that are NumPy numbers."""

import numpy as np
import pytest

from minicnn import Tensor, nn, optim


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, float("inf")])
@pytest.mark.parametrize("odd", [[float("nan")], [float("inf")], [-float("inf"), float("nan")]])
@pytest.mark.parametrize("first", [True, False])
def test_a_norm_that_is_not_finite_does_what_it_does_in_torch(norm_type, max_norm, odd, first):
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    gradients = [[3.0, -4.0], [1.0, *odd]]
    gradients = gradients if first else gradients[::-1]
    ours = [nn.Parameter(np.zeros(len(g))) for g in gradients]
    theirs = [torch.nn.Parameter(torch.zeros(len(g), dtype=torch.float64)) for g in gradients]
    for p, q, g in zip(ours, theirs, gradients, strict=True):
        p.grad, q.grad = Tensor(np.array(g)), torch.tensor(g, dtype=torch.float64)
    total = optim.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_equal(total, float(expected))
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_limits_that_are_numpy_numbers_keep_float32():
    p = nn.Parameter(np.zeros(3, np.float32))
    p.grad = Tensor(np.full(3, 2.0, np.float32))
    total = optim.clip_grad_norm_(p, np.float64(0.5), np.float64(2.0))
    assert type(total) is float and p.grad.dtype == np.float32
    optim.clip_grad_value_(p, np.float64(0.1))
    assert p.grad.dtype == np.float32
    np.testing.assert_allclose(p.grad.numpy(), 0.1)
