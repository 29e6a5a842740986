"""Every row of the op table that torch has too: values and all gradients in float64."""

import numpy as np
import pytest

from .op_cases import CASES
from .op_cases.run import NO_GRADIENT, cotangent, gradients, outputs

torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")

ROWS = [c for c in CASES if c.torch is not None]
LOOSER = {"hardsigmoid": 1e-7, "hardswish": 1e-7}  # torch keeps its 1/6 in float32


def peer_of(case):
    if case.torch != "same":
        return lambda *args, **named: case.torch(torch, *args, **named)
    functional = getattr(torch.nn.functional, case.op, None)
    return functional or getattr(torch, case.op)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("case", ROWS, ids=str)
def test_parity_with_torch(case):
    xs = [torch.from_numpy(a.copy()) for a in case.example.inputs]
    leaves = [
        x.requires_grad_()
        for i, x in enumerate(xs)
        if x.is_floating_point() and i not in case.example.fixed
    ]
    args, named = case.example.arguments(xs)
    theirs = peer_of(case)(*args, **named)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    ours = case.example.tensors()
    got = [y.data for y in outputs(case.example, ours)]
    rtol = LOOSER.get(case.op, 1e-9)
    for a, b in zip(got, theirs, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol, rtol / 10)
    if case.op in NO_GRADIENT or not leaves:
        return
    wanted = torch.autograd.grad(
        theirs, leaves, [torch.from_numpy(cotangent(y)) for y in got], allow_unused=True
    )
    for a, b in zip(gradients(case.example, ours), wanted, strict=True):
        np.testing.assert_allclose(a, 0 if b is None else b.numpy(), rtol, rtol / 10)


def test_most_ops_have_a_peer():
    alone = {c.op for c in CASES} - {c.op for c in ROWS}
    assert alone == {
        "astype", "drop_path", "dropout", "dropout2d", "focal_loss", "sigmoid_focal_loss",
    }  # fmt: skip
