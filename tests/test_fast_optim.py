"""The kernels of the optimizers beside torch: memory orders, threads, NaN and infinities."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from minicnn import Tensor, nn, optim
from minicnn.kernels import use_kernels
from minicnn.kernels.reference import update as reference

overlay = pytest.importorskip("minicnn.kernels.numba.update", reason="the overlay needs numba")
parts = pytest.importorskip("minicnn.kernels.numba.parts", reason="the overlay needs numba")
SETS = pytest.mark.parametrize("kernels", [reference, overlay], ids=["numpy", "numba"])

# name in torch.optim, its options, kernel, its memory (in torch's names), its other arguments
RULES = [
    ("SGD", {"lr": 0.1, "weight_decay": 0.2}, "sgd_step", [None], (0.1, 0, 0, 0.2, False)),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}, "sgd_step", ["momentum_buffer"],
     (0.1, 0.9, 0.3, 0, False)),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, "sgd_step", ["momentum_buffer"],
     (0.1, 0.9, 0, 0, True)),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2}, "adam_step", ["exp_avg", "exp_avg_sq"],
     (4, 0.1, 0.9, 0.999, 1e-8, 0.2, False)),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2}, "adam_step", ["exp_avg", "exp_avg_sq"],
     (4, 0.1, 0.9, 0.999, 1e-8, 0.2, True)),
    ("RMSprop", {"lr": 0.1, "weight_decay": 0.2}, "rmsprop_step", ["square_avg", None, None],
     (0.1, 0.99, 1e-8, 0.2, 0)),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.9}, "rmsprop_step",
     ["square_avg", "grad_avg", "momentum_buffer"], (0.1, 0.99, 1e-8, 0, 0.9)),
    ("Adagrad", {"lr": 0.1, "weight_decay": 0.2}, "adagrad_step", ["sum"], (0.1, 1e-10, 0.2)),
]  # fmt: skip
ALL = pytest.mark.parametrize("rule", RULES, ids=[f"{r[0]}-{i}" for i, r in enumerate(RULES)])


def fourth_step(rule, shape, dtype="float64"):
    """Parameter, gradient and memory before torch's fourth step, and parameter and memory after."""
    torch = pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")
    name, options, _, memory, _ = rule
    rng = np.random.default_rng(0)
    p = torch.nn.Parameter(torch.tensor(rng.standard_normal(shape).astype(dtype)))
    optimizer, seen = getattr(torch.optim, name)([p], **options), []
    for _ in range(4):
        p.grad = torch.tensor(rng.standard_normal(shape).astype(dtype))
        own = optimizer.state[p]
        kept = [None if m is None or not own else own[m].numpy().copy() for m in memory]
        seen.append([p.detach().numpy().copy(), p.grad.numpy(), *kept])
        optimizer.step()
    after = [None if m is None else optimizer.state[p][m].numpy() for m in memory]
    return seen[-1], [p.detach().numpy(), *after]


def turned(a, order):
    """The same values, their axes in memory as ``order`` says."""
    if a is None:
        return None
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def step(kernels, rule, arrays):
    """What the kernel makes of w and the memory; the gradient must stay as it is."""
    w, g, *memory = arrays
    before = g.copy()
    getattr(kernels, rule[2])(w, g, *memory, *rule[4])
    np.testing.assert_array_equal(g, before)
    return [w, *memory]


def assert_same(got, want, rtol=1e-12):
    for a, b in zip(got, want, strict=True):
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


ORDERS = [
    [(0, 1, 2, 3)] * 4,
    [(2, 3, 0, 1)] * 4,
    [(0, 1, 2, 3), (2, 3, 1, 0), (0, 1, 2, 3), (0, 1, 2, 3)],  # a gradient of its own order
    [(3, 2, 1, 0), (0, 1, 2, 3), (3, 2, 1, 0), (3, 2, 1, 0)],
    [(0, 1, 2, 3), (0, 1, 2, 3), (1, 0, 2, 3), (2, 0, 1, 3)],  # memory of its own order
]


@SETS
@ALL
@pytest.mark.parametrize("orders", ORDERS)
def test_a_step_is_that_of_torch_in_every_memory_order(kernels, rule, orders):
    before, after = fourth_step(rule, (5, 4, 3, 2))
    arrays = [turned(a, order) for a, order in zip(before, [*orders, orders[0]], strict=False)]
    assert_same(step(kernels, rule, arrays), after)


@SETS
@ALL
def test_gaps_frozen_gradients_scalars_and_nothing(kernels, rule):
    before, after = fourth_step(rule, (6, 4))
    wide = [None if a is None else np.repeat(a, 2, 1)[:, ::2] for a in before]
    assert_same(step(kernels, rule, wide), after)
    before[1].flags.writeable = False
    assert_same(step(kernels, rule, before), after)
    before, after = fourth_step(rule, ())
    assert_same(step(kernels, rule, before), after)
    step(kernels, rule, [None if a is None else np.zeros((0, 3)) for a in before])


@ALL
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, rule):
    before, after = fourth_step(rule, (51, 1001), "float32")
    results = []
    for count in (1, 2, 3, 1000):
        monkeypatch.setattr(parts, "get_num_threads", lambda count=count: count)
        results.append(step(overlay, rule, [None if a is None else a.copy() for a in before]))
    assert_same(results[0], after, 1e-5)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert results[0][0].dtype == np.float32


@ALL
def test_nan_infinity_and_division_by_zero_as_in_numpy(rule):
    odd = np.array([np.nan, np.inf, -np.inf, 0, 1, 1e30], np.float32)
    grid = [a.ravel().copy() for a in np.meshgrid(odd, odd, abs(odd))]
    w, g, memory = grid
    exact = (*rule[:4], tuple(0 if x == 1e-8 or x == 1e-10 else x for x in rule[4]))
    results = []
    for kernels in (reference, overlay):
        with np.errstate(all="ignore"):
            own = [None if m is None else memory.copy() for m in rule[3]]
            results.append(step(kernels, exact, [w.copy(), g, *own]))
    for a, b in zip(*results, strict=True):
        if a is not None:
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


SHAPES = [
    (40, 8, 3, 3),
    (7,),
    (),
    (200, 300),
    (0, 4),
    (64, 8, 1, 1),
    (5, 6),
    (9, 9),
    (16384,),
    (3,),
]
STEPS = [
    ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.9}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.3}),
]
NAMES = [f"{name}-{i}" for i, (name, _) in enumerate(STEPS)]


def odd_parameters():
    """Of several memory orders, with gaps, of another dtype, and two on the same numbers."""
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in SHAPES]
    arrays[0] = turned(arrays[0], (2, 3, 1, 0))
    arrays[3] = turned(arrays[3], (1, 0))
    arrays[6] = np.repeat(arrays[6], 2, 1)[:, ::2]
    arrays[7] = arrays[7].astype(np.float64)
    arrays[9] = arrays[8][:]
    return [Tensor(a, requires_grad=True) for a in arrays]


def give_gradients(params, step):
    """Gradients in another order than the parameters; the second parameter has none at first."""
    rng = np.random.default_rng(step)
    for n, p in enumerate(params):
        g = np.asarray(rng.standard_normal(p.shape), p.dtype)
        g = turned(g, (3, 1, 0, 2)) if n == 5 else g
        p.grad = None if n == 1 and step == 0 else Tensor(g)


@pytest.mark.parametrize(("name", "options"), STEPS, ids=NAMES)
def test_all_parameters_together_change_as_one_by_one(monkeypatch, name, options):
    """The same bits as the rule on each parameter by itself, with any number of threads."""
    results = []
    for count in (1, 2, 3, 1000, None):
        monkeypatch.setattr(parts, "get_num_threads", lambda count=count: count or 1)
        params = odd_parameters()
        groups = [{"params": params[:4]}, {"params": params[4:], "lr": 0.03}]
        optimizer = getattr(optim, name)(groups, **options)
        for step in range(3):
            give_gradients(params, step)
            if count:
                optimizer.step()
                continue
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        state = optimizer.state.setdefault(p, {})
                        optimizer.update(p.data, p.grad.data, state, group)
        results.append([p.numpy().copy() for p in params])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "options"), STEPS, ids=NAMES)
def test_all_parameters_together_change_as_in_numpy(name, options):
    results = []
    for kernels in ("numpy", "numba"):
        params = odd_parameters()
        optimizer = getattr(optim, name)(params, **options)
        with use_kernels(kernels):
            for step in range(3):
                give_gradients(params, step)
                optimizer.step()
        results.append([p.numpy() for p in params])
    assert_same(*results, rtol=1e-4)


def test_a_rule_built_on_ours_sees_what_ours_wrote():
    class Limited(optim.SGD):
        def update(self, w, g, state, group):
            super().update(w, g, state, group)
            np.clip(w, -1, 1, out=w)

    p, q = (Tensor(np.array([0.5, 3.0], np.float32), requires_grad=True) for _ in range(2))
    p.grad = q.grad = Tensor(np.array([-2.0, 1.0], np.float32))
    Limited([p, q], lr=1.0).step()
    assert p.tolist() == q.tolist() == [1.0, 1.0]


def test_a_step_that_fails_has_done_what_came_before():
    params = [Tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(3)]
    for p in params:
        p.grad = Tensor(np.ones(3, np.float32))
    params[1].data.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        optim.SGD(params, lr=0.5).step()
    assert [p.tolist()[0] for p in params] == [0.5, 1.0, 1.0]


UNCOMPILED = """
import numpy as np
from minicnn import Tensor, nn, optim
p = [nn.Parameter(np.ones(n, np.float32)) for n in (2, 3)]
for q in p:
    q.grad = Tensor(np.ones(q.shape, np.float32))
optim.Adam(p, lr=0.5).step()
print([q.numpy().round(5).tolist() for q in p])
"""


def test_without_a_compiler():
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", UNCOMPILED],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[[0.5, 0.5], [0.5, 0.5, 0.5]]"


@SETS
@pytest.mark.parametrize("size", [0, 1, 255, 256, 1000])
def test_the_sum_of_squares_keeps_its_digits(kernels, size):
    g = (np.random.default_rng(2).standard_normal(size) * 1e3).astype(np.float32)
    want = math.fsum(float(x) ** 2 for x in g)
    assert kernels.sum_of_squares(g) == pytest.approx(want, rel=1e-13)
    assert kernels.sum_of_squares(np.tile(g, (3, 2)).T) == pytest.approx(6 * want, rel=1e-13)
    if size:
        g[size // 2] = np.nan
        assert math.isnan(kernels.sum_of_squares(g))


def test_a_gradient_below_the_limit_is_left_alone():
    p = nn.Parameter(np.zeros(3))
    p.grad = g = Tensor(np.array([3.0, 0.0, 4.0]))
    assert optim.clip_grad_norm_(p, 6.0) == 5.0
    assert p.grad is g
    optim.clip_grad_norm_(p, 1.0)
    np.testing.assert_allclose(p.grad.data, [0.6, 0, 0.8], rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_parameter_of_another_dtype_or_array_between_steps(name):
    """`double` and `set_` give a parameter a new array; the optimizer goes on with that."""
    model = nn.Linear(3, 2)
    optimizer = getattr(optim, name)(model.parameters(), lr=0.1)
    for _ in range(2):
        model(Tensor(np.ones((1, 3), np.float32))).sum().backward()
        optimizer.step()
    model.weight.grad = model.bias.grad = None
    old = model.weight.numpy().copy()
    model.double()
    model(Tensor(np.ones((1, 3)))).sum().backward()
    optimizer.step()
    assert model.weight.dtype == np.float64
    assert np.all(model.weight.numpy() < old)
