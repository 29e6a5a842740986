"""Learning-rate schedules against torch.optim.lr_scheduler, number by number."""

import math

import numpy as np
import pytest

from minicnn import nn, optim

SCHEDULES = [
    ("StepLR", {"step_size": 4, "gamma": 0.5}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [7, 3, 7], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 25, "eta_min": 0.01}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.01, "end_factor": 0.7, "total_iters": 9}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 30}),
    ("OneCycleLR", {"max_lr": [0.5, 0.2], "total_steps": 31, "pct_start": 0.5, "div_factor": 4.0,
                    "final_div_factor": 10.0, "base_momentum": 0.7, "max_momentum": 0.99}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 30, "pct_start": 0.01}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 30, "cycle_momentum": False}),
]  # fmt: skip


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="parity with torch needs torch: pip install torch")


def our_optimizer(name="SGD"):
    first, second = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    options = {"momentum": 0.9} if name == "SGD" else {}
    groups = [{"params": [first]}, {"params": [second], "lr": 0.03}]
    return getattr(optim, name)(groups, lr=0.1, **options)


def torch_optimizer(torch, name="SGD"):
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    options = {"momentum": 0.9} if name == "SGD" else {}
    groups = [{"params": [first]}, {"params": [second], "lr": 0.03}]
    return getattr(torch.optim, name)(groups, lr=0.1, **options)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def history(optimizer, schedule, steps=30):
    rows = [rates(optimizer)]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        rows.append(rates(optimizer))
    return np.array(rows)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_rates_are_those_of_torch(torch, name, options):
    ours, theirs = our_optimizer(), torch_optimizer(torch)
    mine = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for _ in range(31):
        np.testing.assert_allclose(rates(ours), rates(theirs), rtol=1e-9, atol=1e-15)
        momenta = [group["momentum"] for group in ours.param_groups]
        expected = [group["momentum"] for group in theirs.param_groups]
        np.testing.assert_allclose(momenta, expected, rtol=1e-9)
        assert mine.get_last_lr() == rates(ours)
        if mine.last_epoch < 30:
            mine.step()
            theirs.step()
            other.step()


def test_one_cycle_turns_the_first_beta_of_adam(torch):
    ours, theirs = our_optimizer("Adam"), torch_optimizer(torch, "Adam")
    mine = optim.OneCycleLR(ours, 0.5, 20)
    other = torch.optim.lr_scheduler.OneCycleLR(theirs, 0.5, 20)
    for _ in range(20):
        for group, expected in zip(ours.param_groups, theirs.param_groups, strict=True):
            np.testing.assert_allclose(group["betas"], expected["betas"], rtol=1e-9)
        mine.step()
        theirs.step()
        other.step()
    with pytest.raises(ValueError, match=r"step\(\) must be called 20 times, got 21"):
        mine.step()


def metrics(kind):
    falling = [1.0, 0.8, 0.7, 0.7, 0.71, 0.69995, 0.7, 0.9, 0.9, 0.6, 0.6, 0.61, math.nan, 0.6, 0.6,
               0.6, 0.6, 0.6, 0.6, 0.6]  # fmt: skip
    return falling if kind == "min" else [2 - v for v in falling]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.3, "min_lr": 0.004, "threshold": 0.15},
    ],
)
def test_plateau_is_that_of_torch(torch, mode, threshold_mode, options):
    ours, theirs = our_optimizer(), torch_optimizer(torch)
    options = options | {"mode": mode, "threshold_mode": threshold_mode}
    mine = optim.ReduceLROnPlateau(ours, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for value in metrics(mode):
        mine.step(value)
        other.step(value)
        np.testing.assert_allclose(rates(ours), rates(theirs), rtol=1e-12)
    assert rates(ours)[0] < 0.1


def test_warm_up_then_cosine_is_that_of_torch(torch):
    ours, theirs = our_optimizer(), torch_optimizer(torch)
    lrs = torch.optim.lr_scheduler
    mine = optim.SequentialLR(
        ours,
        [
            optim.LinearLR(ours, 0.1, total_iters=5),
            optim.CosineAnnealingLR(ours, 20),
            optim.StepLR(ours, 2),
        ],
        [5, 25],
    )
    other = lrs.SequentialLR(
        theirs,
        [
            lrs.LinearLR(theirs, 0.1, total_iters=5),
            lrs.CosineAnnealingLR(theirs, 20),
            lrs.StepLR(theirs, 2),
        ],
        [5, 25],
    )
    np.testing.assert_allclose(history(ours, mine), history(theirs, other), rtol=1e-9, atol=1e-15)


def make(name, options, optimizer):
    if name == "SequentialLR":
        parts = [optim.LinearLR(optimizer, 0.1), optim.CosineAnnealingLR(optimizer, 20)]
        return optim.SequentialLR(optimizer, parts, [5])
    return getattr(optim, name)(optimizer, **options)


@pytest.mark.parametrize(("name", "options"), [*SCHEDULES, ("SequentialLR", {})])
@pytest.mark.parametrize("steps", [3, 12])
def test_a_loaded_schedule_goes_on_exactly(name, options, steps):
    straight = our_optimizer()
    expected = history(straight, make(name, options, straight))
    first = our_optimizer()
    schedule = make(name, options, first)
    history(first, schedule, steps)
    saved = schedule.state_dict(), first.state_dict()
    schedule.step()  # must not reach into what was saved
    second = our_optimizer()
    second.load_state_dict(saved[1])
    again = make(name, options, second)
    again.load_state_dict(saved[0])
    np.testing.assert_array_equal(history(second, again, 30 - steps), expected[steps:])


def test_the_parts_of_a_loaded_sequence_take_their_saved_options():
    first, second = our_optimizer(), our_optimizer()
    expected = history(first, make("SequentialLR", {}, first))
    parts = [optim.LinearLR(second, 0.7, total_iters=2), optim.CosineAnnealingLR(second, 99)]
    again = optim.SequentialLR(second, parts, [3])
    again.load_state_dict(make("SequentialLR", {}, our_optimizer()).state_dict())
    np.testing.assert_array_equal(history(second, again), expected)


def test_a_loaded_plateau_goes_on_exactly():
    def run(optimizer, schedule, values):
        return [(schedule.step(v), rates(optimizer))[1] for v in values]

    straight, first, second = our_optimizer(), our_optimizer(), our_optimizer()
    values = metrics("min")
    expected = run(straight, optim.ReduceLROnPlateau(straight, patience=1), values)
    schedule = optim.ReduceLROnPlateau(first, patience=1)
    run(first, schedule, values[:8])
    again = optim.ReduceLROnPlateau(second, patience=5)
    again.load_state_dict(schedule.state_dict())
    assert rates(second) == expected[7]
    assert run(second, again, values[8:]) == expected[8:]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("scale", [-1.0, 1e-12, -1e-12, 0.0])
def test_plateau_with_negative_and_tiny_metrics_is_that_of_torch(
    torch, mode, threshold_mode, scale
):
    ours, theirs = our_optimizer(), torch_optimizer(torch)
    options = {"mode": mode, "threshold_mode": threshold_mode, "patience": 1, "factor": 0.3}
    mine = optim.ReduceLROnPlateau(ours, threshold=0.1, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, threshold=0.1, **options)
    for value in [1.0, 1.05, 0.95, 1.0, -1.0, -1.05, -0.95, -1.2, *metrics(mode), math.inf]:
        mine.step(scale * value)
        other.step(scale * value)
        assert rates(ours) == rates(theirs)


def test_plateau_leaves_out_changes_of_at_most_eps_as_torch(torch):
    ours, theirs = our_optimizer(), torch_optimizer(torch)
    mine = optim.ReduceLROnPlateau(ours, patience=0)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, patience=0)
    for _ in range(12):
        mine.step(1.0)
        other.step(1.0)
        assert rates(ours) == rates(theirs)
    assert 1e-9 < rates(ours)[0] < 2e-8  # and not 1e-12
    optim.ReduceLROnPlateau(ours, patience=-1, eps=0.0).step(1.0)
    assert rates(ours)[0] < 2e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sgd: optim.StepLR(sgd, 0), "StepLR: step_size must be at least 1, got 0"),
        (lambda sgd: optim.CosineAnnealingLR(sgd, 0), "T_max must be at least 1"),
        (lambda sgd: optim.LinearLR(sgd, total_iters=0), "total_iters must be at least 1"),
        (lambda sgd: optim.OneCycleLR(sgd, 0.1, 0), "total_steps must be at least 1"),
        (lambda sgd: optim.OneCycleLR(sgd, 0.1, 9, pct_start=1.0), "pct_start must be in"),
        (
            lambda sgd: optim.OneCycleLR(sgd, [0.1], 9),
            r"max_lr must be one per group \(2\), got \[0.1\]",
        ),
        (
            lambda sgd: optim.OneCycleLR(optim.SGD([nn.Parameter(1.0)]), 0.1, 9),
            "cycle_momentum needs an optimizer with momentum",
        ),
        (lambda sgd: optim.ReduceLROnPlateau(sgd, "least"), "mode must be .* got 'least'"),
        (lambda sgd: optim.ReduceLROnPlateau(sgd, factor=1.0), r"factor must be in \[0, 1\)"),
        (lambda sgd: optim.SequentialLR(sgd, [], [1]), "one milestone fewer than schedulers"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(our_optimizer())
