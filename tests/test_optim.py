"""Optimizers against torch.optim: the same trajectories, and clear refusals."""

import numpy as np
import pytest

from minicnn import Tensor, nn, optim

DATA = np.random.default_rng(0)
START = [DATA.standard_normal(shape) for shape in [(3, 4), (4,), (2, 1, 3, 3), ()]]
CURVATURE = [DATA.uniform(0.1, 4.0, w.shape) for w in START]

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "momentum": 0.7, "centered": True}),
    ("Adagrad", {}),
    (
        "Adagrad",
        {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5,
         "eps": 1e-3},
    ),
]  # fmt: skip


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def our_parameters():
    return [nn.Parameter(w.copy()) for w in START]


def torch_parameters(torch):
    return [torch.nn.Parameter(torch.tensor(w)) for w in START]


def gradient(i, t, w):
    """Of a bowl whose bottom moves with time, so that no history of gradients is simple."""
    return CURVATURE[i] * (w - np.sin(t + i))


def run_ours(optimizer, params, steps, first=0):
    for t in range(first, first + steps):
        for i, p in enumerate(params):
            p.grad = Tensor(np.asarray(gradient(i, t, p.numpy())))
        optimizer.step()


def run_torch(torch, optimizer, params, steps, first=0):
    for t in range(first, first + steps):
        for i, p in enumerate(params):
            p.grad = torch.tensor(gradient(i, t, p.detach().numpy()))
        optimizer.step()


def assert_equal(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_fifty_steps_are_those_of_torch(torch, name, options):
    ours, theirs = our_parameters(), torch_parameters(torch)
    options = options or {"lr": 0.01}
    run_ours(getattr(optim, name)(ours, **options), ours, 50)
    run_torch(torch, getattr(torch.optim, name)(theirs, **options), theirs, 50)
    assert_equal(ours, theirs)
    assert abs(ours[0].numpy() - START[0]).max() > 0.01


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_defaults_are_those_of_torch(torch, name):
    ours = getattr(optim, name)(our_parameters())
    theirs = getattr(torch.optim, name)(torch_parameters(torch))
    for option, value in ours.defaults.items():
        assert value == theirs.defaults[option], option


def test_groups_have_their_own_options(torch):
    ours, theirs = our_parameters(), torch_parameters(torch)

    def groups(p):
        return [{"params": p[:2], "lr": 0.3, "weight_decay": 0.0}, {"params": iter(p[2:])}]

    options = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.2}
    run_ours(optim.SGD(groups(ours), **options), ours, 50)
    run_torch(torch, torch.optim.SGD(groups(theirs), **options), theirs, 50)
    assert_equal(ours, theirs)


def test_a_group_can_be_added_later(torch):
    ours, theirs = our_parameters(), torch_parameters(torch)
    mine, other = optim.Adam(ours[:1], lr=0.1), torch.optim.Adam(theirs[:1], lr=0.1)
    run_ours(mine, ours[:1], 5)
    run_torch(torch, other, theirs[:1], 5)
    mine.add_param_group({"params": ours[1], "lr": 0.02})
    other.add_param_group({"params": theirs[1], "lr": 0.02})
    run_ours(mine, ours[:2], 45, first=5)
    run_torch(torch, other, theirs[:2], 45, first=5)
    assert_equal(ours, theirs)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_a_loaded_optimizer_goes_on_exactly(name, options):
    make = getattr(optim, name)
    straight, halved = our_parameters(), our_parameters()
    run_ours(make(straight, **options), straight, 20)
    first = make(halved, **options)
    run_ours(first, halved, 8)
    state = first.state_dict()
    copies = [nn.Parameter(p.numpy().copy()) for p in halved]
    run_ours(first, halved, 3, first=8)  # must not reach into the state dict
    second = make(copies, lr=99.0)
    second.load_state_dict(state)
    run_ours(second, copies, 12, first=8)
    for p, q in zip(straight, copies, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_state_dict_has_the_layout_of_torch(torch, name, options):
    """A state that torch has made is understood, and goes on as in torch."""
    theirs = torch_parameters(torch)
    other = getattr(torch.optim, name)(theirs, **options)
    run_torch(torch, other, theirs, 5)
    ours = [nn.Parameter(p.detach().numpy().copy()) for p in theirs]
    mine = getattr(optim, name)(ours, **options)
    mine.load_state_dict(other.state_dict())
    state, torch_state = mine.state_dict(), other.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0, 1, 2, 3]]
    kept = {k: v for k, v in torch_state["state"].get(0, {}).items() if v is not None}
    assert state["state"].get(0, {}).keys() == kept.keys()
    run_ours(mine, ours, 5, first=5)
    run_torch(torch, other, theirs, 5, first=5)
    assert_equal(ours, theirs)
    fresh = getattr(optim, name)(our_parameters(), **options)
    run_ours(fresh, fresh._params(), 1)
    assert fresh.state_dict()["state"].get(0, {}).keys() <= kept.keys()


def test_a_state_of_other_shapes_is_refused_and_changes_nothing():
    params = our_parameters()
    source, target = optim.Adam(params), optim.Adam(our_parameters())
    run_ours(source, params, 1)
    run_ours(target, target._params(), 2)
    state = source.state_dict()
    state["state"][1]["exp_avg"] = np.zeros(7)
    with pytest.raises(ValueError, match=r"exp_avg of parameter 1 must have shape \(4,\), got"):
        target.load_state_dict(state)
    assert target.state_dict()["state"][0]["step"] == 2
    state["param_groups"][0]["params"] = [0, 1]
    with pytest.raises(ValueError, match=r"must have \[4\] parameters, got \[2\]"):
        target.load_state_dict(state)
    with pytest.raises(ValueError, match='the keys "state" and "param_groups", got {}'):
        target.load_state_dict({})


def test_parameters_without_gradient_stay_and_zero_grad_forgets():
    used, unused = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    sgd = optim.SGD([used, unused], lr=0.5, momentum=0.9, weight_decay=0.1)
    used.grad = Tensor(np.ones(2))
    sgd.step()
    np.testing.assert_allclose(used.numpy(), 1 - 0.5 * 1.1)
    np.testing.assert_array_equal(unused.numpy(), np.ones(2))
    sgd.zero_grad()
    assert used.grad is None


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_step_writes_in_place_keeps_float32_and_leaves_the_gradient(name):
    p = nn.Parameter(np.ones((2, 3), np.float32))
    array, g = p.data, Tensor(np.full((2, 3), 2.0, np.float32))
    extra = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    optimizer = getattr(optim, name)([p], lr=np.float64(0.1), weight_decay=0.1, **extra)
    for _ in range(2):
        p.grad = g
        optimizer.step()
    assert p.data is array
    assert type(optimizer.param_groups[0]["lr"]) is float  # float64 would widen every update
    assert array.dtype == np.float32
    assert (array < 1).all()
    np.testing.assert_array_equal(g.numpy(), np.full((2, 3), 2.0))
    floats = [v for v in optimizer.state[p].values() if isinstance(v, np.ndarray)]
    assert all(v.dtype == np.float32 for v in floats)


def test_backward_after_a_step_refuses_and_names_the_step():
    w = nn.Parameter(np.ones((2, 2)))
    loss = ((Tensor(np.ones((1, 2))) @ w) ** 2).sum()
    w.grad = Tensor(np.ones((2, 2)))
    optim.SGD([w], lr=0.1).step()
    loss.backward()  # the gradient of w needs only the input
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    loss = ((x @ w) ** 2).sum()
    optim.Adam([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match=r"matmul: needs the old values .* Adam\.step"):
        loss.backward()


P = nn.Parameter(np.ones(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.SGD([], lr=0.1), ValueError, "SGD: there must be at least one parameter"),
        (lambda: optim.SGD(P, lr=0.1), TypeError, "SGD: params must be an iterable of Tensors"),
        (lambda: optim.SGD(nn.Linear(1, 1)), TypeError, "params must be .* got Linear"),
        (lambda: optim.SGD(["w"], lr=0.1), TypeError, "parameter 0 must be a Tensor, got str"),
        (lambda: optim.SGD([P * 2.0], lr=0.1), ValueError, "parameter 0 must be a leaf"),
        (lambda: optim.SGD([P, P], lr=0.1), ValueError, "given once, got parameter 1 twice"),
        (lambda: optim.SGD([{"params": [P]}, {"params": P}]), ValueError, "given once"),
        (lambda: optim.SGD([P], lr=-0.1), ValueError, "SGD: lr must be at least 0.*, got -0.1"),
        (lambda: optim.SGD([P], lr=float("nan")), ValueError, "lr must be at least 0"),
        (lambda: optim.SGD([P], lr="0.1"), TypeError, "lr must be a number, got '0.1'"),
        (lambda: optim.SGD([{"params": [P], "lr": -1}]), ValueError, "lr must be at least 0"),
        (lambda: optim.SGD([{"params": [P], "rate": 1}]), ValueError, r"among lr.*\['rate'\]"),
        (lambda: optim.SGD([{"lr": 1}]), TypeError, 'dict with the key "params"'),
        (lambda: optim.SGD([P], nesterov=True), ValueError, "nesterov needs momentum"),
        (
            lambda: optim.SGD([P], momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "dampening=0.1",
        ),
        (lambda: optim.Adam([P], betas=(0.9, 1.0)), ValueError, r"betas must be in \[0, 1\)"),
        (lambda: optim.RMSprop([P], eps=-1.0), ValueError, "RMSprop: eps must be at least 0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Clipping


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clip_grad_norm_is_that_of_torch(torch, norm_type, max_norm):
    ours, theirs = our_parameters(), torch_parameters(torch)
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        if i != 1:  # one without a gradient
            p.grad = Tensor(np.asarray(gradient(i, 0, START[i])))
            q.grad = torch.tensor(gradient(i, 0, START[i]))
    total = optim.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert isinstance(total, float)
    assert total == pytest.approx(float(expected), rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
    assert ours[1].grad is None


def test_clip_grad_value():
    p = nn.Parameter(np.zeros(4, np.float32))
    p.grad = Tensor(np.array([-3.0, -0.5, 0.5, 3.0], np.float32))
    optim.clip_grad_value_(p, 1.0)
    np.testing.assert_array_equal(p.grad.numpy(), np.array([-1, -0.5, 0.5, 1], np.float32))
    assert p.grad.dtype == np.float32


def test_clipping_spares_a_gradient_that_parameters_share():
    """d/da and d/db of a + b are one Tensor; each must be clipped once."""
    a, b = nn.Parameter(np.zeros(4)), nn.Parameter(np.zeros(4))
    (a + b).sum().backward()
    shared = a.grad
    optim.clip_grad_norm_([a, b], 1.0)
    np.testing.assert_allclose(a.grad.numpy(), np.full(4, 1 / np.sqrt(8)), rtol=1e-5)
    np.testing.assert_allclose(b.grad.numpy(), np.full(4, 1 / np.sqrt(8)), rtol=1e-5)
    a.grad = b.grad = shared
    optim.clip_grad_value_([a, b], 0.1)
    np.testing.assert_array_equal(b.grad.numpy(), np.full(4, 0.1))
    np.testing.assert_array_equal(shared.numpy(), np.ones(4))


def test_clipping_refuses_negative_limits():
    with pytest.raises(ValueError, match="clip_grad_norm_: max_norm must be at least 0, got -1"):
        optim.clip_grad_norm_([], -1)
    with pytest.raises(ValueError, match="clip_grad_value_: clip_value must be at least 0"):
        optim.clip_grad_value_([], float("nan"))
    assert optim.clip_grad_norm_([], 1.0) == 0.0
