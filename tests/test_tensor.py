"""Tensor as an everyday object: what it becomes, what it refuses, how mixed numbers behave."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minicnn import Tensor, no_grad, ops
from tests import strict_cupy


def test_python_numbers_become_float32_and_arrays_keep_their_dtype():
    assert Tensor([1.0, 2.0]).dtype == np.float32
    assert Tensor(1.5).dtype == np.float32
    assert Tensor([1, 2]).dtype == np.int64
    assert Tensor(np.array([1.0])).dtype == np.float64
    assert Tensor(np.float64(1)).dtype == np.float64
    assert Tensor([1.0], dtype=np.float64).dtype == np.float64
    assert isinstance(Tensor(np.float32(3)).sum().data, np.ndarray)


@pytest.mark.parametrize(
    "left, right, dtype",
    [
        (Tensor([1.0]), 2, np.float32),
        (Tensor([1.0]), 2.5, np.float32),
        (Tensor([1.0], dtype=np.float64), 2.5, np.float64),
        (Tensor([1]), 2, np.int64),
        (Tensor([1]), 2.5, np.float32),
        (Tensor([1]), Tensor([1.0]), np.float32),
        (Tensor([True]), 2, np.int64),
        (Tensor([True]), 2.5, np.float32),
        (Tensor([1.0]), np.array([1.0]), np.float64),
        (Tensor([1.0]), np.float32(2), np.float32),
        (Tensor([1.0]), np.float64(2), np.float32),
    ],
)
def test_dtype_of_a_sum(left, right, dtype):
    assert (left + right).dtype == dtype
    assert (right + left).dtype == dtype


def test_whole_numbers_divide_to_floats():
    y = Tensor([1, 2]) / Tensor([2, 2])
    assert y.dtype == np.float32 and y.tolist() == [0.5, 1.0]
    assert (Tensor([2, 4]) ** -1).tolist() == [0.5, 0.25]
    assert (Tensor([2, 4]) ** 2).dtype == np.int64


def test_numbers_from_tensors():
    x = Tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert not Tensor(0.0)
    with pytest.raises(ValueError, match=r"item: the tensor must have one element, got shape \(2,"):
        float(Tensor([1.0, 2.0]))


def test_length_and_rows():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(x) == 2
    a, b = x
    (a * b).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    with pytest.raises(TypeError, match="no axes"):
        len(Tensor(1.0))


def test_transposed():
    assert Tensor([[1.0, 2.0], [3.0, 4.0]]).T.tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_repr_shows_what_matters():
    x = Tensor([1.0], requires_grad=True)
    assert repr(x) == "Tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "Tensor([2.], op=mul)"
    assert repr(Tensor([1])) == "Tensor([1], dtype=int64)"


@pytest.mark.parametrize("data", ["three", [None], {"a": 1}, [1j]])
def test_data_that_is_not_numeric(data):
    with pytest.raises(TypeError, match="Tensor: data must be numbers"):
        Tensor(data)


def test_rows_of_unequal_length():
    with pytest.raises(ValueError, match="rows must have equal lengths"):
        Tensor([[1.0], [1.0, 2.0]])


def test_a_tensor_of_a_tensor():
    with pytest.raises(TypeError, match="a Tensor already; use detach"):
        Tensor(Tensor([1.0]))


def test_clone_has_a_gradient_and_memory_of_its_own():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x.clone()
    with no_grad():
        y[0] = 9.0
    assert x.tolist() == [1.0, 2.0]
    (x.clone() * 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_set_is_for_leaves():
    x = Tensor([1.0], requires_grad=True)
    x.set_(np.array([1.0, 2.0]))
    assert x.requires_grad and x.shape == (2,) and x.dtype == np.float64
    with pytest.raises(RuntimeError, match="only for leaf tensors"):
        (x * 2.0).set_(np.zeros(2))


def test_backward_takes_a_gradient_of_another_dtype():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(np.array([1.0, 10.0]))
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [2.0, 40.0]


def test_a_foreign_floating_point_error_in_a_rule_is_passed_on():
    x = Tensor([0.0], requires_grad=True)
    y = ops.sqrt(x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        y.backward()


def test_tensors_on_two_devices_do_not_meet(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy.module)
    here, there = Tensor([1.0]), Tensor([1.0]).to("cuda")
    for op in (ops.add, ops.matmul):
        with pytest.raises(ValueError, match=r"must be on one device, got \['cpu', 'cuda'\]"):
            op(here, there)


def test_images_of_whole_numbers_are_refused_by_products():
    image = Tensor(np.zeros((1, 1, 4, 4), np.uint8))
    with pytest.raises(TypeError, match=r"conv2d: both tensors must be floating-point.*uint8"):
        ops.conv2d(image, Tensor(np.zeros((1, 1, 3, 3))))
    assert (Tensor([[1, 2]]) @ Tensor([[3], [4]])).tolist() == [[11]]


def test_a_dilated_window_must_not_step_over_the_image():
    with pytest.raises(ValueError, match="max_pool2d: every window must meet the image"):
        ops.max_pool2d(Tensor(np.zeros((1, 1, 4, 4))), 2, stride=1, padding=1, dilation=5)


@pytest.mark.parametrize(
    "before, value", [("", "4"), ("os.environ['OPENBLAS_THREAD_TIMEOUT'] = '9'", "9")]
)
def test_blas_threads_sleep_unless_the_user_says_otherwise(before, value):
    program = f"import os; {before or 'pass'}; import minicnn; " + (
        "print(os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == value
