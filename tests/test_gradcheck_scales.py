"""The gradient checker at small and large inputs: right rules pass, wrong ones are rejected."""

import numpy as np
import pytest

from minicnn import Tensor, ops
from minicnn.testing import gradcheck, gradgradcheck

from .test_gradcheck import planted

SCALES = [1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6]
RULES = {  # forward and derivative
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "1/x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "x^3": (lambda x: x**3, lambda x: 3 * x**2),
    "x^2 + x^3": (lambda x: x**2 + x**3, lambda x: 2 * x + 3 * x**2),
    "tiny": (lambda x: 1e-9 * x**2, lambda x: 2e-9 * x),
}
MISTAKES = {
    "sign": lambda d, x: -d,
    "factor two": lambda d, x: 2 * d,
    "half": lambda d, x: d / 2,
    "one percent": lambda d, x: 1.01 * d,
    "power": lambda d, x: d * (x + np.sign(x) * abs(x).max()),
    "zero": lambda d, x: 0 * d,
    "one entry": lambda d, x: d * np.where(np.arange(x.size) == 1, 2, 1),
}
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
scales = pytest.mark.parametrize("scale", SCALES)


def around(scale, n=5):
    return Tensor(scale * (0.5 + np.random.default_rng(0).random(n)), requires_grad=True)


def wrong_entries(op, x, **options):
    report = gradcheck(op, x, raise_exception=False, **options)
    return [i.wrong for i in report.inputs]


@rules
@scales
def test_right_rules_pass_and_every_entry_is_compared(rule, scale):
    forward, derivative = rule
    (found,) = gradcheck(planted(forward, lambda gy, x: gy * derivative(x)), around(scale)).inputs
    assert found.checked == 5 and found.kinks == ()


@rules
@scales
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_wrong_rules_are_rejected(rule, scale, mistake):
    forward, derivative = rule
    op = planted(forward, lambda gy, x: gy * mistake(derivative(x), x))
    expected = 1 if mistake is MISTAKES["one entry"] else 5
    assert wrong_entries(op, around(scale)) == [expected]


@pytest.mark.parametrize("scale", [1e-1, 1.0, 1e1])
def test_a_missing_term_is_rejected(scale):
    op = planted(lambda x: x**2 + x**3, lambda gy, x: gy * 2 * x)
    assert wrong_entries(op, around(scale)) == [5]


@rules
@scales
def test_along_random_directions_too(rule, scale):
    forward, derivative = rule
    x = around(scale, 30)
    right = planted(forward, lambda gy, x: gy * derivative(x))
    assert gradcheck(right, x, max_entries=1).inputs[0].checked == 20
    wrong = planted(forward, lambda gy, x: -gy * derivative(x))
    assert wrong_entries(wrong, x, max_entries=1) == [20]


@pytest.mark.parametrize("op", [ops.log, ops.sqrt, lambda x: 1.0 / x, lambda x: x**3, ops.abs])
@scales
def test_ops_of_the_library_pass_twice(op, scale):
    assert gradcheck(op, around(scale)).ok and gradgradcheck(op, around(scale)).ok


def test_a_step_that_would_leave_the_domain_is_made_smaller():
    x = Tensor(np.array([5e-7, 1e-6, 2e-6]), requires_grad=True)
    for op in (ops.log, ops.sqrt, lambda x: 1.0 / x):
        assert gradcheck(op, x).inputs[0].checked == 3
    assert wrong_entries(planted(np.log, lambda gy, x: 2 * gy / x), x) == [3]


def test_a_smaller_step_acquits_no_rule_by_rounding_alone():
    x = Tensor(np.array([1.3]), requires_grad=True)
    assert wrong_entries(planted(lambda x: 1e4 + x**2, lambda gy, x: 2.0004 * x * gy), x) == [1]
    x = Tensor(np.array([5e-7]), requires_grad=True)
    assert wrong_entries(planted(lambda x: 1e10 + np.log(x), lambda gy, x: 2 * gy / x), x) == [1]


@pytest.mark.parametrize("x", [-30.0, -5.0, 0.0, 1e-6, 5.0, 30.0])
def test_exp(x):
    x = Tensor(np.array([x]), requires_grad=True)
    assert gradcheck(ops.exp, x).inputs[0].checked == 1
    for mistake in (-1, 0, 0.5, 1.001, 2):
        op = planted(np.exp, lambda gy, x, m=mistake: m * gy * np.exp(x))
        assert wrong_entries(op, x) == [1]


def normalise(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def normalise_backward(gy, x):
    z, sd = normalise(x), np.sqrt(x.var() + 1e-5)
    return (gy - gy.mean() - z * (gy * z).mean()) / sd


@pytest.mark.parametrize("offset", [0, 1.0, 1e2, 1e4, 1e6])  # in units of the spread
@pytest.mark.parametrize("spread", [1e-2, 1.0, 1e2])
def test_batch_norm_with_an_offset(offset, spread):
    rng = np.random.default_rng(3)
    x = Tensor(spread * (offset + rng.standard_normal((8, 1))), requires_grad=True)
    assert gradcheck(lambda x: ops.batch_norm(x, None, None, training=True), x).ok
    assert gradcheck(planted(normalise, normalise_backward), x).ok
    terms = {
        "no mean": lambda gy, x: normalise_backward(gy, x) + gy.mean() / np.sqrt(x.var() + 1e-5),
        "constant variance": lambda gy, x: (gy - gy.mean()) / np.sqrt(x.var() + 1e-5),
        "sign": lambda gy, x: -normalise_backward(gy, x),
        "factor two": lambda gy, x: 2 * normalise_backward(gy, x),
    }
    for name, rule in terms.items():
        assert wrong_entries(planted(normalise, rule), x)[0] >= 6, name


@pytest.mark.parametrize("slope", [0, 1, 1e3])
def test_a_bend_that_is_far_narrower_than_the_step(slope):
    """On both sides of it the function is a line: only its value at x tells of the bend."""
    x = Tensor(np.array([1e-12, 3e-12]), requires_grad=True)

    def forward(x):
        return slope * x + x / (abs(x) + 1e-12)

    def derivative(x):
        return slope + 1e-12 / (abs(x) + 1e-12) ** 2

    assert gradcheck(planted(forward, lambda gy, x: gy * derivative(x)), x).ok
    assert wrong_entries(planted(forward, lambda gy, x: 2 * gy * derivative(x)), x) == [2]
