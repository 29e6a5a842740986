"""Edges where a gradient could be silently wrong, or a legitimate call could fail."""

import threading

import numpy as np
import pytest

from minicnn import Tensor, no_grad, ops


def leaf(values, dtype=np.float64):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


# Values that a backward needs


def test_repeated_indices_in_an_inner_tuple_add_up():
    x = leaf([1.0, 2.0, 3.0])
    x[(0, 0, 1),].sum().backward()
    assert x.grad.tolist() == [2.0, 1.0, 0.0]


def test_an_index_that_changes_afterwards_does_not_matter():
    x, i = leaf([1.0, 2.0, 3.0]), Tensor([0, 1])
    y = x[i]
    i[...] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_a_condition_that_changes_afterwards_does_not_matter():
    x = leaf([1.0, 2.0, 3.0])
    c = x.detach() > 1.5
    y = ops.where(c, x, 0.0)
    c[...] = False
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0]


# Gradients as values of their own


def test_gradients_share_no_memory():
    a, b, g = leaf([1.0, 2.0]), leaf([1.0, 2.0]), np.ones(2)
    (a + b).backward(g)
    a.grad.data[0] = 100
    g *= 0
    assert b.grad.tolist() == [1.0, 1.0] and a.grad.tolist() == [100.0, 1.0]


def test_gradients_can_be_written():
    x = leaf([1.0, 2.0, 3.0])
    x.sum().backward()
    x.grad[0] = 5.0
    assert x.grad.tolist() == [5.0, 1.0, 1.0]


def test_retain_grad_counts_once_and_after_the_hooks():
    x = leaf([1.0])
    y = x * 2.0
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)
    y.sum().backward()
    assert y.grad.tolist() == [10.0] and x.grad.tolist() == [20.0]
    with pytest.raises(RuntimeError, match="retain_grad: the tensor must require gradients"):
        Tensor([1.0]).retain_grad()


def test_requires_grad_can_be_assigned():
    x = leaf([1.0])
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    x.requires_grad = True
    assert (x * 2.0).requires_grad


def test_a_gradient_must_be_a_tensor():
    with pytest.raises(TypeError, match="grad: must be a Tensor or None, got ndarray"):
        leaf([1.0]).grad = np.ones(1)


def test_no_grad_as_a_decorator_in_several_threads_at_once():
    barrier, failures = threading.Barrier(3), []

    @no_grad()
    def work():
        barrier.wait(10)
        return (leaf([1.0]) * 2.0).requires_grad

    def run():
        try:
            assert not work()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# Numbers at their limits


@pytest.mark.parametrize("gamma", [0.5, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("logit", [-1000.0, -40.0, 40.0, 1000.0])
def test_focal_losses_of_sure_answers_stay_finite(gamma, logit):
    x = leaf([[logit, 0.0, 0.5]])
    loss = ops.focal_loss(x, np.array([0]), gamma=gamma)
    loss.backward(create_graph=True)
    z = leaf([logit])
    other = ops.sigmoid_focal_loss(z, np.array([1.0]), gamma=gamma, reduction="sum")
    other.backward()
    for value in (loss, x.grad, other, z.grad):
        assert np.isfinite(value.numpy()).all()


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_its_formula(gamma):
    x = np.array([[1.0, 2.0, -0.5], [0.3, 0.1, 0.2]])
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    truth = p[[0, 1], [2, 0]]
    wanted = (-((1 - truth) ** gamma) * np.log(truth)).mean()
    assert ops.focal_loss(Tensor(x), np.array([2, 0]), gamma=gamma).item() == pytest.approx(wanted)


def test_a_sure_wrong_answer_still_learns():
    torch = pytest.importorskip("torch", reason="parity with torch needs: pip install torch")
    p, t = np.array([0.0, 1.0, 0.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    x = leaf(p)
    ops.binary_cross_entropy(x, t).backward()
    tx = torch.tensor(p, requires_grad=True)
    torch.nn.functional.binary_cross_entropy(tx, torch.tensor(t)).backward()
    np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), rtol=1e-7)


def test_sums_over_nothing():
    empty = Tensor(np.zeros((2, 0)))
    assert ops.logsumexp(empty, 1).tolist() == [-np.inf, -np.inf]
    assert ops.softmax(empty, 1).shape == ops.log_softmax(empty, 1).shape == (2, 0)


# Tensors without axes, and numbers from NumPy


def test_relu_of_a_number_has_a_gradient():
    w = leaf([0.25, 0.25])
    (1.0 - w.sum()).relu().backward()
    assert w.grad.tolist() == [-1.0, -1.0]


def test_tensors_without_axes():
    assert ops.flatten(Tensor(1.0)).shape == (1,)
    for call in (ops.softmax, ops.log_softmax):
        with pytest.raises(ValueError, match="needs a tensor with axes"):
            call(Tensor(1.0), 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x ** np.float64(2),
        lambda x: ops.layer_norm(x, 4, eps=np.float64(1e-5)),
        lambda x: ops.sum(x, dim=np.int64(1)),
        lambda x: ops.reshape(x, np.int64(8)),
        lambda x: ops.max_pool2d(x.reshape(1, 1, 2, 4), np.int64(2)),
        lambda x: ops.local_response_norm(x.reshape(1, 2, 2, 2), 2, beta=np.float64(0.75)),
        lambda x: ops.focal_loss(x, np.array([0, 1]), gamma=np.float64(2)),
    ],
)
def test_numbers_from_numpy_as_options_keep_float32(call):
    x = leaf(np.arange(8.0).reshape(2, 4), np.float32)
    y = call(x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


# Windows


@pytest.mark.parametrize("stride, extra, padding", [(1, 1, 0), (2, 2, 1), (3, 2, 0), (2, 1, 2)])
def test_output_padding_may_exceed_padding(stride, extra, padding):
    torch = pytest.importorskip("torch", reason="parity with torch needs: pip install torch")
    x, w = np.random.default_rng(0).standard_normal((2, 1, 1, 4, 4))
    a, b = leaf(x[None][:, 0:1].reshape(1, 1, 4, 4)), leaf(w.reshape(1, 1, 4, 4))
    options = {"stride": stride, "output_padding": extra, "padding": padding, "dilation": 3}
    y = ops.conv_transpose2d(a, b, **options)
    ta, tb = (torch.tensor(t.numpy(), requires_grad=True) for t in (a, b))
    ty = torch.nn.functional.conv_transpose2d(ta, tb, **options)
    gy = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(gy)
    ty.backward(torch.tensor(gy))
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(a.grad.numpy(), ta.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(b.grad.numpy(), tb.grad.numpy(), atol=1e-12)


def test_a_window_larger_than_the_image_under_ceil_mode():
    x = Tensor(np.arange(8.0).reshape(1, 1, 4, 2))
    assert ops.avg_pool2d(x, (2, 3), 2, ceil_mode=True).tolist() == [[[[1.5], [5.5]]]]
    assert ops.max_pool2d(x, (2, 3), 2, ceil_mode=True).tolist() == [[[[3.0], [7.0]]]]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, w: ops.conv2d(x, w, padding=1.0), "padding: must be a whole number"),
        (lambda x, w: ops.conv2d(x, w, groups=1.0), "conv2d: .*groups=1.0"),
        (lambda x, w: ops.conv2d(x, Tensor(np.zeros((1, 1, 0, 2)))), "conv2d: .*not empty"),
        (lambda x, w: ops.sum(x, dim="a"), "sum: dim must be whole numbers, got 'a'"),
        (lambda x, w: ops.sum(x, dim=1.0), "sum: dim must be whole numbers, got 1.0"),
        (lambda x, w: Tensor(np.array(["a"])), "Tensor: data must be numbers"),
        (lambda x, w: Tensor([x, x]), "a list of Tensors would lose their gradients"),
        (lambda x, w: x.__setitem__(0, np.ones(5)), "setitem: "),
        (lambda x, w: x.__setitem__(7, 1.0), "setitem: "),
    ],
)
def test_what_is_refused_by_name(call, message):
    x, w = Tensor(np.zeros((1, 1, 4, 4))), Tensor(np.zeros((1, 1, 2, 2)))
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        call(x, w)


def test_whole_numbers_clipped_at_a_fraction_become_floats():
    assert ops.clip(Tensor([0, 1, 2]), 0.5).tolist() == [0.5, 1.0, 2.0]
