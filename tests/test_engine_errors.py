"""What the engine refuses, and that its messages name the op, the rule and the way out."""

from pathlib import Path

import numpy as np
import pytest

from minicnn import Tensor, anomaly_mode, grad, no_grad, ops
from minicnn.inplace import mark_written
from minicnn.tensor import record

HERE = Path(__file__).name


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


# What cannot have a gradient


def test_backward_from_many_elements_needs_a_gradient():
    y = leaf([1.0, 2.0]) * 2.0
    with pytest.raises(ValueError, match=r"must have one element, got shape \(2,\); reduce it"):
        y.backward()


def test_backward_gradient_of_another_shape():
    y = leaf([1.0, 2.0]) * 2.0
    with pytest.raises(ValueError, match=r"gradient must have shape \(2,\), got \(3,\)"):
        y.backward(np.ones(3))


def test_backward_without_a_graph():
    with pytest.raises(RuntimeError, match="does not depend on anything that requires gradients"):
        Tensor([1.0]).backward()
    with no_grad():
        y = leaf([1.0]) * 2.0
    with pytest.raises(RuntimeError, match="made under no_grad"):
        y.backward()


def test_grad_of_an_input_that_asks_for_none():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"grad: input 1 must require gradients"):
        grad(x * x, (x, Tensor([1.0])))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool])
def test_integers_cannot_require_gradients(dtype):
    with pytest.raises(TypeError, match=f"only floating-point.*got {np.dtype(dtype)}.*astype"):
        Tensor(np.ones(2, dtype), requires_grad=True)


def test_whole_python_numbers_cannot_require_gradients():
    with pytest.raises(TypeError, match=r"only floating-point.*write 1.0 for 1"):
        Tensor([1, 2], requires_grad=True)


def test_an_inner_tensor_cannot_change_its_flag():
    with pytest.raises(RuntimeError, match="only for leaf tensors; detach"):
        (leaf(1.0) * 2.0).requires_grad_(False)


def test_grad_must_fit():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"grad: must have shape \(2,\) and dtype float64"):
        x.grad = Tensor(np.ones(3))
    with pytest.raises(RuntimeError, match="must require gradients"):
        Tensor([1.0]).grad = Tensor([1.0])


@pytest.mark.parametrize("data", ["text", None, object(), [1.0, "a"], 1j])
def test_data_that_is_no_number(data):
    with pytest.raises((TypeError, ValueError), match="Tensor: "):
        Tensor(data)


def test_ragged_rows_and_tensors_of_tensors():
    with pytest.raises(ValueError, match="rows must have equal lengths"):
        Tensor([[1.0, 2.0], [3.0]])
    with pytest.raises(TypeError, match="a Tensor already"):
        Tensor(Tensor([1.0]))


# Wrong rules


def custom(rule, inputs=2):
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    return record("custom", x.data * 1, (x, y)[:inputs], rule).sum()


@pytest.mark.parametrize(
    "rule, error, message",
    [
        (lambda gy: gy, RuntimeError, r"custom: .* one gradient per input \(2\), got 1"),
        (lambda gy: (gy, gy, gy), RuntimeError, r"custom: .* per input \(2\), got 3"),
        (lambda gy: (gy, gy.sum()), RuntimeError, r"custom: .* of input 1 .*\(2,\).*\(\)"),
        (lambda gy: (gy.astype(np.float32), gy), RuntimeError, r"input 0 .*float64, got.*float32"),
        (lambda gy: (gy, 0.5), TypeError, r"custom: .*input 1 must be a Tensor, got float"),
        (lambda gy: (gy, lambda: gy.sum()), RuntimeError, r"custom: the gradient of input 1"),
    ],
)  # fmt: skip
def test_wrong_rules_are_refused_by_name(rule, error, message):
    with pytest.raises(error, match=message):
        custom(rule).backward()


def test_none_and_lazy_gradients_are_fine():
    x, y = leaf([1.0]), leaf([2.0])
    asked = []
    z = record("custom", x.data * 1, (x, y), lambda gy: (lambda: asked.append(0) or gy, None))
    assert grad(z, y)[0].tolist() == [0] and asked == []
    assert grad(z, x)[0].tolist() == [1] and asked == [0]


# Data that was changed in place


def write_index(x):
    with no_grad():
        x[...] = 7.0


def write_through_view(x):
    with no_grad():
        x.detach()[1:] = 7.0


def write_like_an_optimizer(x):
    x.data -= 0.1
    mark_written(x, "SGD.step")


def write_like_loading(x):
    x.data[...] = 0
    mark_written(x, "load_state_dict")


WRITES = {
    "setitem": write_index,
    "setitem through a view": write_through_view,
    "SGD.step": write_like_an_optimizer,
    "load_state_dict": write_like_loading,
}


@pytest.mark.parametrize("name", WRITES)
def test_backward_refuses_values_that_were_overwritten_and_names_both(name):
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    z = (x * y).sum()
    WRITES[name](x)
    by = name.split()[0]
    with pytest.raises(RuntimeError, match=rf"backward of mul: .* \(2,\) that {by} has changed"):
        z.backward()


@pytest.mark.parametrize("name", WRITES)
def test_ops_that_do_not_need_the_old_values_go_on(name):
    x = leaf([1.0, 2.0])
    z = (x + 1.0).sum()
    WRITES[name](x)
    z.backward()
    assert x.grad.tolist() == [1, 1]


def test_what_is_recorded_after_the_write_is_fine():
    x = leaf([1.0, 2.0])
    write_index(x)
    (x * x).sum().backward()
    assert x.grad.tolist() == [14, 14]


def test_a_write_through_a_view_reaches_the_base_and_other_views():
    base = np.ones((4, 2))
    x, other = leaf(base), Tensor(base[1])
    x.set_(base)
    z = (x * x).sum()
    with no_grad():
        other[...] = 5.0
    with pytest.raises(RuntimeError, match="setitem has changed in place"):
        z.backward()


@pytest.mark.parametrize(
    "op",
    [
        ops.exp, ops.log, ops.sqrt, ops.sigmoid, ops.tanh, ops.relu, ops.softmax, ops.gelu,
        lambda x: x**2, lambda x: 1.0 / x, lambda x: ops.softmax(x, 0), lambda x: ops.max(x),
        lambda x: ops.maximum(x, 1.5), lambda x: ops.clip(x, 0, 1.5), lambda x: x @ x,
        lambda x: ops.var(x), lambda x: ops.where(x > 1.5, x * 2.0, x), ops.abs,
    ],
)  # fmt: skip
def test_every_rule_that_needs_its_input_refuses_or_is_right(op):
    x = leaf([1.0, 2.0])
    expected = grad(op(x).sum(), x)[0].tolist()
    y = op(x).sum()
    write_index(x)
    try:
        (gx,) = grad(y, x)
    except RuntimeError as error:
        assert "setitem has changed in place" in str(error)
    else:
        assert gx.tolist() == expected  # the rule kept what it needs


def test_an_assignment_that_would_need_a_gradient_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="setitem: an assignment in place has no gradient"):
        x[0] = 1.0
    with pytest.raises(RuntimeError, match="setitem"):
        Tensor([1.0, 2.0])[0] = x[1]


# The first NaN


def line_of(text):
    """The line of this file that ends with the comment ``text``."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.endswith(f"# {text}"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_mode_names_the_op_and_the_line_of_a_forward():
    x = leaf([1.0, -1.0])
    with anomaly_mode(), pytest.raises(FloatingPointError) as caught:
        y = x * 2.0
        y = y.log()  # the forward that fails
    message = str(caught.value)
    assert message.startswith("log: made the first NaN or Inf (nan at index (1,) of shape (2,))")
    assert f"{HERE}:{line_of('the forward that fails')}" in message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_mode_names_the_op_and_the_line_of_a_backward():
    x = leaf([4.0, 0.0])
    with anomaly_mode():
        y = ops.sqrt(x)  # the backward that fails
        with pytest.raises(FloatingPointError) as caught:
            y.sum().backward()
    message = str(caught.value)
    assert message.startswith("backward of sqrt")
    assert f"{HERE}:{line_of('the backward that fails')}" in message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_mode_blames_nobody_for_a_nan_that_came_in():
    with anomaly_mode():
        y = leaf([np.nan, 1.0]) * 2.0
    assert np.isnan(y.data[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_outside_anomaly_mode_a_nan_is_a_value():
    assert np.isnan(leaf([-1.0]).log().data[0])
