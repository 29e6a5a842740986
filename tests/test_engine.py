"""The engine: graphs, gradients, modes. Every expected number is worked out by hand."""

import copy
import gc
import pickle
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, autograd, grad, is_recording, no_grad, ops
from minicnn.tensor import record


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


# Size and shape of graphs


def test_a_chain_of_100_000_ops_runs_backward_and_is_freed():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1 and y.item() == 100_001
    root = weakref.ref(y.node)
    del y
    gc.collect()
    assert root() is None


def test_40_diamonds_cost_one_rule_call_per_node():
    calls = 0

    def double(x):
        def rule(gy):
            nonlocal calls
            calls += 1
            return gy, gy

        return record("double", x.data + x.data, (x, x), rule)

    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = double(y)
    y.backward()
    assert x.grad.item() == 2.0**40 and calls == 40


def test_only_the_nodes_on_the_way_to_what_is_wanted_run():
    ran = []

    def spy(name, x):
        return record(name, x.data * 1, (x,), lambda gy: ran.append(name) or gy)

    a, b = leaf(1.0), leaf(2.0)
    y = spy("a", a) + spy("b", b)
    grad(y, a)
    assert ran == ["a"]


def test_20_chained_adds_of_4_mb_hold_under_12_mb():
    x = leaf(np.zeros(1_000_000), np.float32)
    tracemalloc.start()
    y = x
    for _ in range(20):
        y = y + 1.0
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 12e6


# Gradients


def test_gradients_of_shared_and_repeated_inputs_add_up():
    x, y = leaf(3.0), leaf(4.0)
    z = x * y + x * x + x
    assert [g.item() for g in grad(z, (x, y))] == [4 + 6 + 1, 3]


def test_backward_adds_to_the_gradients_of_leaves():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [5, 7]
    x.grad = None
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_backward_twice_through_one_graph_gives_the_same_again():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4, 8]


def test_grad_leaves_grad_alone():
    x = leaf(3.0)
    grad(x * x, x)
    assert x.grad is None


def test_grad_of_an_inner_tensor_and_of_itself():
    x = leaf(3.0)
    y = x * x
    z = y * y
    assert [g.item() for g in grad(z, (x, y, z))] == [4 * 27, 18, 1]


def test_grad_of_an_unused_input_is_zero():
    x, unused = leaf([1.0]), leaf([[1.0, 2.0]], np.float32)
    gx, gu = grad((x * x).sum(), (x, unused))
    assert gx.tolist() == [2] and gu.tolist() == [[0, 0]] and gu.dtype == np.float32


def test_a_cotangent_weighs_the_outputs():
    x = leaf([1.0, 2.0, 3.0])
    (x * x).backward(np.array([1.0, 0.0, -2.0]))
    assert x.grad.tolist() == [2, 0, -12]


def test_derivatives_of_any_order():
    x = leaf(1.7)
    y, found = x * x * x * x, []
    for _ in range(4):
        (y,) = grad(y, x, create_graph=True)
        found.append(y.item())
    expected = [4 * 1.7**3, 12 * 1.7**2, 24 * 1.7, 24]
    assert found == pytest.approx(expected, rel=1e-14)


def test_derivatives_of_a_composed_function():
    x = leaf(0.3)
    y = (-(x * x)).exp()  # y' = -2xy, y'' = (4x^2 - 2)y, y''' = (12x - 8x^3)y
    values = []
    for _ in range(3):
        (y,) = grad(y, x, create_graph=True)
        values.append(y.item())
    e = np.exp(-0.09)
    assert values == pytest.approx([-0.6 * e, (0.36 - 2) * e, (3.6 - 0.216) * e], rel=1e-13)


def test_backward_with_create_graph_can_be_differentiated():
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    (gxx,) = grad(x.grad, x)
    assert gxx.item() == 12
    plain = leaf(2.0)
    (plain * plain).backward()
    assert not plain.grad.requires_grad


def test_a_gradient_penalty_trains():
    x, w = leaf([1.0, -2.0]), leaf([0.5, 3.0])
    (gx,) = grad((x * x * w).sum(), x, create_graph=True)
    (gx * gx).sum().backward()  # sum (2xw)^2
    assert w.grad.tolist() == [4, 96] and x.grad.tolist() == [2, -144]


def test_float32_and_float64_meet_in_float64_and_return_to_their_own():
    x, y = leaf([1.0, 2.0], np.float32), leaf([3.0, 4.0], np.float64)
    z = x * y
    z.sum().backward()
    assert z.dtype == np.float64
    assert x.grad.dtype == np.float32 and y.grad.dtype == np.float64
    assert x.grad.tolist() == [3, 4] and y.grad.tolist() == [1, 2]


def test_a_python_number_keeps_the_dtype():
    for dtype in (np.float32, np.float64):
        x = leaf([1.0], dtype)
        for y in (x + 1, 2.5 * x, 1 / x, x**2, 2.0 - x, x / 3):
            assert y.dtype == dtype


# Hooks, retain_grad, detach


def test_a_hook_sees_the_whole_gradient_and_may_replace_it():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    seen = []
    y.register_hook(lambda gy: seen.append(gy.tolist()))
    y.register_hook(lambda gy: gy * 10.0)
    (y * 1.0 + y * 2.0).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [60, 60]


def test_a_removed_hook_is_not_called():
    x = leaf(1.0)
    remove = x.register_hook(lambda gx: gx * 0.0)
    remove()
    remove()
    (x * 2.0).backward()
    assert x.grad.item() == 2


def test_a_hook_that_returns_another_shape_is_refused_by_name():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y.register_hook(lambda gy: gy.sum())
    with pytest.raises(RuntimeError, match=r"mul: a hook's new gradient .*\(2,\)"):
        y.sum().backward()


def test_hook_on_what_needs_no_gradient_is_refused():
    with pytest.raises(RuntimeError, match="register_hook: the tensor must require gradients"):
        Tensor([1.0]).register_hook(print)


def test_retain_grad_keeps_an_inner_gradient():
    x = leaf(3.0)
    y, z = x * x, x * 2.0
    y.retain_grad()
    (y * z).backward()
    assert y.grad.item() == 6 and z.grad is None and x.grad.item() == 6 * 9


def test_detach_shares_memory_and_stops_gradients():
    x = leaf([1.0, 2.0])
    d = (x * 2.0).detach()
    assert not d.requires_grad
    (x * d).sum().backward()
    assert x.grad.tolist() == [2, 4]
    assert np.shares_memory(x.detach().data, x.data)


def test_clone_copies_and_passes_gradients():
    x = leaf([1.0, 2.0])
    y = x.clone()
    assert not np.shares_memory(x.data, y.data)
    (y * y).sum().backward()
    assert x.grad.tolist() == [2, 4]


# Recording or not


def test_no_grad_as_context_and_as_decorator():
    x = leaf(1.0)

    @no_grad()
    def twice(x):
        assert not is_recording()
        return x * 2.0

    assert is_recording() and not twice(x).requires_grad and is_recording()
    with no_grad():
        assert not (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_is_left_when_an_error_is_raised():
    switch = no_grad()
    for _ in range(2):  # one object may be used again
        with pytest.raises(ZeroDivisionError), switch:
            raise ZeroDivisionError
    assert is_recording()


def test_no_grad_may_be_nested_and_belongs_to_its_thread():
    seen = []
    with no_grad():
        with no_grad():
            pass
        assert not is_recording()
        thread = threading.Thread(target=lambda: seen.append(is_recording()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_can_run_backward_at_the_same_time():
    results = [None] * 4

    def work(i):
        x = leaf(float(i))
        y = x
        for _ in range(500):
            y = y * 1.0 + x * 0.0
        y.backward()
        results[i] = x.grad.item()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [1, 1, 1, 1]


def test_what_needs_no_gradient_is_not_recorded():
    x = Tensor([1.0])
    assert not (x * 2.0).requires_grad and (x * 2.0).node is None


def test_observe_sees_every_op_also_unrecorded_ones():
    seen = []
    with minicnn.observe(lambda name, y, inputs, options: seen.append((name, options))):
        with no_grad():
            _ = leaf([1.0]) * leaf([2.0]) + 1.0
    _ = leaf([1.0]) * 2.0
    assert seen == [("mul", {}), ("add", {"number": 1.0})]


def test_the_graph_holds_no_tensor_that_no_rule_needs():
    x = leaf([1.0])
    y = x + 1.0
    z = y + 1.0
    gone = weakref.ref(y.data)
    del y
    gc.collect()
    assert gone() is None and z.requires_grad


def test_the_clock_ticks():
    assert autograd.tick() < autograd.tick()


# Copies of tensors


def test_pickle_and_deepcopy_keep_values_dtype_and_flag():
    for x in (leaf([1.0, 2.0], np.float32), Tensor(np.arange(3))):
        for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            assert y.tolist() == x.tolist() and y.dtype == x.dtype
            assert y.requires_grad == x.requires_grad
            assert not np.shares_memory(x.data, y.data)


def test_a_tensor_inside_a_graph_cannot_be_copied_silently():
    with pytest.raises(RuntimeError, match="only leaf tensors can be copied; detach"):
        copy.deepcopy(leaf([1.0]) * 2.0)


def test_ops_is_the_place_of_every_operator():
    x = leaf([1.0, 2.0])
    assert (x @ x).item() == ops.matmul(x, x).item() == 5
