"""Every row of the op table: values, dtypes, memory orders, kernel sets."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from minicnn import Tensor, no_grad, ops
from minicnn.kernels import kernel_set
from minicnn.testing.examples import examples

from .op_cases import CASES
from .op_cases.run import (
    NO_GRADIENT,
    assert_equal,
    cotangent,
    gradients,
    has_gradient,
    layouts,
    leaves_of,
    outputs,
    values_and_gradients,
)  # fmt: skip

every_row = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_public_op_has_a_case():
    assert {case.op for case in CASES} == set(ops.__all__)


def test_every_public_op_has_an_example_and_a_row_of_it():
    assert set(examples()) == set(ops.__all__)
    assert {case.op for case in CASES if case.label == "example"} == set(ops.__all__)


def test_rows_have_names_of_their_own():
    names = [str(case) for case in CASES]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)


@every_row
def test_values_equal_the_reference(case):
    args, named = case.example.arguments([a.copy() for a in case.example.inputs])
    wanted = case.reference(*args, **named)
    wanted = [np.asarray(w) for w in (wanted if isinstance(wanted, tuple) else (wanted,))]
    got = [y.data for y in outputs(case.example, case.example.tensors())]
    assert [y.dtype.kind for y in got] == [w.dtype.kind for w in wanted]
    assert_equal(got, [w.astype(y.dtype) for y, w in zip(got, wanted, strict=True)])


@every_row
def test_recording_changes_nothing_and_nothing_is_overwritten(case):
    xs = case.example.tensors()
    before = [x.data.tobytes() for x in xs]
    ys = [y.data for y in outputs(case.example, xs)]
    with no_grad():
        plain = outputs(case.example, xs)
    assert_equal([y.data for y in plain], ys, 0, 0)
    assert not any(y.requires_grad for y in plain if not any(y is x for x in xs))
    if has_gradient(case):
        cotangents = []

        def watched(a):
            cotangents.append((a, a.copy()))
            return a

        recorded = gradients(case.example, xs, create_graph=True)
        assert_equal(gradients(case.example, xs, layout=watched), recorded)
        assert all((a == b).all() for a, b in cotangents)
    moved = {1, 2} if case.example.options.get("training") else set()  # running statistics
    after = [x.data.tobytes() for x in xs]
    assert all(a == b for i, (a, b) in enumerate(zip(before, after, strict=True)) if i not in moved)


# Not astype: another dtype is its very purpose.
@pytest.mark.parametrize("case", [case for case in CASES if case.op != "astype"], ids=str)
def test_float32_in_float32_out(case):
    low = values_and_gradients(case, np.float32)
    assert all(a.dtype == np.float32 for a in low if a.dtype.kind == "f")
    inputs = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in case.example.inputs]
    double = tuple(a.astype(np.float64) if a.dtype.kind == "f" else a for a in inputs)
    exact = values_and_gradients(replace(case, example=replace(case.example, inputs=double)))
    assert_equal([a.astype(b.dtype) for a, b in zip(low, exact, strict=True)], exact, 2e-4, 2e-5)


@every_row
def test_memory_order_does_not_matter(case):
    xs = case.example.tensors()
    wanted = [y.data for y in outputs(case.example, xs)]
    if has_gradient(case):
        wanted += gradients(case.example, xs)
    for _, layout in layouts(max(a.ndim for a in case.example.inputs)):
        xs = leaves_of(case, [layout(a.copy()) for a in case.example.inputs])
        got = [y.data for y in outputs(case.example, xs)]
        xs = leaves_of(case, [layout(a.copy()) for a in case.example.inputs])
        if has_gradient(case):
            got += gradients(case.example, xs, layout=layout)
        assert_equal(got, wanted)


@pytest.mark.parametrize("case", [c for c in CASES if has_gradient(c)], ids=str)
def test_a_cotangent_without_memory_of_its_own(case):
    """sum() sends back one number, broadcast with strides of 0; a copy of it must do the same."""

    def constant(a):
        return np.broadcast_to(np.array(0.7, a.dtype), a.shape)

    xs = case.example.tensors()
    spread = gradients(case.example, xs, layout=constant)
    assert_equal(spread, gradients(case.example, xs, layout=lambda a: constant(a).copy()))


@pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="needs numba: pip install numba")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@every_row
def test_numba_kernels_equal_the_reference_kernels(case, dtype):
    tolerance = {np.float64: (1e-11, 1e-12), np.float32: (2e-4, 2e-5)}[dtype]
    fast = values_and_gradients(case, dtype, "numba")
    assert_equal(fast, values_and_gradients(case, dtype, "numpy"), *tolerance)


def test_the_kernel_sets_differ_where_numba_has_kernels():
    pytest.importorskip("numba", reason="needs numba: pip install numba")
    plain, fast = vars(kernel_set("numpy")), vars(kernel_set("numba"))
    assert set(plain) == set(fast)
    assert any(plain[name] is not fast[name] for name in plain)


def test_cotangents_are_random_and_not_ones():
    c = cotangent(np.zeros((3, 4)))
    assert len(set(c.ravel())) == 12


@pytest.mark.parametrize("name", sorted(set(examples()) - NO_GRADIENT - {"astype"}))
def test_float32_beside_float64(name):
    """The result has the wider dtype, and each gradient its input's own; by value as in float64."""
    example = examples()[name]
    wanted = gradients(example, example.tensors())
    for first in (True, False):
        xs = [
            Tensor(x.data.astype(np.float32), True) if x.requires_grad and (i == 0) == first else x
            for i, x in enumerate(example.tensors())
        ]
        for create_graph in (False, True):
            found = gradients(example, xs, create_graph)
            assert [g.dtype for g in found] == [x.dtype for x in xs if x.requires_grad]
            assert_equal([g.astype(np.float64) for g in found], wanted, 1e-4, 1e-5)


def test_batch_norm_moves_the_running_estimates_with_the_unbiased_variance():
    x = np.random.default_rng(0).standard_normal((3, 2, 2))
    mean, var = Tensor(np.array([1.0, -1.0])), Tensor(np.array([2.0, 0.5]))
    ops.batch_norm(Tensor(x), mean, var, training=True, momentum=0.25)
    flat = x.transpose(1, 0, 2).reshape(2, 6)
    np.testing.assert_allclose(mean.data, 0.75 * np.array([1, -1]) + 0.25 * flat.mean(1))
    wanted = 0.75 * np.array([2, 0.5]) + 0.25 * flat.var(1, ddof=1)
    np.testing.assert_allclose(var.data, wanted)


METHODS = (
    "exp", "log", "sqrt", "abs", "pow", "clip", "sum", "mean", "var", "max", "min", "argmax",
    "softmax", "log_softmax", "logsumexp", "reshape", "flatten", "squeeze", "unsqueeze", "expand",
    "permute", "transpose", "split", "gather", "matmul", "relu", "sigmoid", "tanh",
)  # fmt: skip


@pytest.mark.parametrize("op", METHODS)
def test_methods_are_the_ops(op):
    example = examples()[op]
    xs = example.tensors()
    args, named = example.arguments(xs)
    got = getattr(args[0], op)(*args[1:], **named)
    wanted = example(*xs)
    pairs = zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]
    assert all((a.data == b.data).all() for a, b in pairs)


def test_operators_are_the_ops_on_both_sides():
    x, y = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[2.0, 0.5], [1.0, 4.0]])
    a, b = x.data, y.data
    for got, wanted in (
        (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (x**y, a**b),
        (x @ y, a @ b),
        (-x, -a), (x + 1, a + 1), (1 + x, a + 1), (x - 1, a - 1), (1 - x, 1 - a), (2 * x, 2 * a),
        (2 / x, 2 / a), (x / 2, a / 2), (x**2, a**2), (2**x, 2**a), (a @ y, a @ b), (a + y, a + b),
        (x > y, a > b), (x >= y, a >= b), (x < y, a < b), (x <= y, a <= b), (x == y, a == b),
        (x != y, a != b), (x > 2, a > 2), (x[0], a[0]), (x.T, a.T),
    ):  # fmt: skip
        assert isinstance(got, Tensor) and got.dtype == wanted.dtype
        np.testing.assert_allclose(got.data, wanted, rtol=1e-6)
