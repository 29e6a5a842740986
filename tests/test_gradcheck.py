"""The gradient checker itself: right rules pass, planted wrong ones are rejected and located."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

import minicnn
from minicnn import Tensor, ops
from minicnn.tensor import record
from minicnn.testing import gradcheck, gradgradcheck


def leaf(*shape, seed=0, low=None):
    values = np.random.default_rng(seed).standard_normal(shape)
    return Tensor(values if low is None else abs(values) + low, requires_grad=True)


def planted(forward, rule):
    """An op of one input whose gradient is whatever ``rule(gy, x)`` says, in NumPy."""

    def op(x):
        return record(
            "planted", forward(x.data), (x,), lambda gy: Tensor(np.array(rule(gy.data, x.data)))
        )

    return op


square = planted(np.square, lambda gy, x: 2 * x * gy)


def test_a_right_rule_passes_and_every_entry_is_checked():
    report = gradcheck(square, leaf(3, 4))
    assert report.ok
    (x,) = report.inputs
    assert (x.name, x.shape, x.unit, x.checked) == ("input 0", (3, 4), "entries", 12)
    assert (x.wrong, x.kinks) == (0, ())
    assert x.relative_error < 1e-7
    assert "ok, 12 entries" in str(report)


WRONG = {
    "sign": lambda gy, x: -2 * x * gy,
    "factor two": lambda gy, x: x * gy,
    "one part in ten thousand": lambda gy, x: 2.0002 * x * gy,
    "ignores upstream": lambda gy, x: 2 * x,
    "zero": lambda gy, x: 0 * x,
    "mask from upstream": lambda gy, x: 2 * x * gy * (gy > 0),
    "upstream of the first row": lambda gy, x: 2 * x * gy[:1],
    "NaN": lambda gy, x: x * gy * np.nan,
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
def test_wrong_rules_are_rejected(rule):
    with pytest.raises(AssertionError, match="gradcheck of op: WRONG"):
        gradcheck(planted(np.square, rule), leaf(3, 4))


def test_wrong_rules_of_tensors_without_axes_are_rejected():
    x = Tensor(np.array(1.3), requires_grad=True)
    assert gradcheck(square, x).inputs[0].index == ()
    wrong = planted(np.square, lambda gy, x: x * gy)
    assert gradcheck(wrong, x, raise_exception=False).inputs[0].wrong == 1


def test_the_worst_entry_is_located_with_both_values():
    def rule(gy, x):
        gx = 2 * x * gy
        gx[2, 1] += 1
        return gx

    x = leaf(3, 4)
    report = gradcheck(planted(np.square, rule), x, raise_exception=False)
    (found,) = report.inputs
    assert not report.ok and found.wrong == 1 and found.index == (2, 1)
    assert found.analytic - found.numeric == pytest.approx(1, rel=1e-6)
    assert "1 of 12 entries WRONG; worst (2, 1)" in str(report)


def test_a_rule_that_an_all_ones_cotangent_accepts_is_rejected():
    def softmax(x):
        e = np.exp(x)
        return e / e.sum()

    # sum(softmax) is 1, so with ones the right answer is zero
    with pytest.raises(AssertionError):
        gradcheck(planted(softmax, lambda gy, x: 0 * x), leaf(4))


@pytest.mark.parametrize("seed", range(3))
def test_the_cotangent_is_random_and_none_of_the_callers_numbers(seed):
    """A cotangent equal to x would make the gradient of batch_norm vanish, as ones do."""
    seen = []
    x = leaf(3, 4, seed=seed)
    gradcheck(planted(np.square, lambda gy, x: seen.append(gy.copy()) or 2 * x * gy), x, seed=seed)
    assert len(set(seen[0].ravel())) == 12
    assert not np.isin(seen[0], x.data).any()


def test_only_the_wrong_input_is_blamed():
    def scale(x, w):
        return record("scale", x.data * w.data, (x, w), lambda gy: (gy * w, Tensor(gy.data.copy())))

    report = gradcheck(scale, (leaf(3), leaf(3, seed=1)), raise_exception=False)
    assert [x.ok for x in report.inputs] == [True, False]


# Kinks


def test_a_kink_is_reported_and_is_not_an_error():
    x = Tensor(np.array([[-1.0, 0.0], [2.0, 0.5]]), requires_grad=True)
    relu = planted(lambda x: np.maximum(x, 0), lambda gy, x: gy * (x > 0))
    report = gradcheck(relu, x)
    (found,) = report.inputs
    assert found.kinks == ((0, 1),) and found.checked == 3
    assert "1 at a kink ((0, 1))" in str(report)


@pytest.mark.parametrize("where", [0.1, 0.2, 1 / 3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("side", [1, -1])
def test_beside_a_kink_smaller_steps_tell_right_from_wrong(where, side):
    x = Tensor(np.array([side * where * 1e-6, 3.0]), requires_grad=True)
    relu = planted(lambda x: np.maximum(x, 0), lambda gy, x: gy * (x > 0))
    (found,) = gradcheck(relu, x).inputs
    assert found.checked == 2 and found.kinks == ()
    wrong = planted(lambda x: np.maximum(x, 0), lambda gy, x: gy * np.where(x > 1, 1, 0.5))
    assert gradcheck(wrong, x, raise_exception=False).inputs[0].wrong == 1


def test_no_step_is_smaller_than_the_smallest_number():
    x = Tensor(np.array([5e-324, 3.0]), requires_grad=True)
    assert gradcheck(ops.relu, x).inputs[0].kinks == ((0,),)


def test_a_jump_is_a_kink():
    x = Tensor(np.array([0.0, 3.0]), requires_grad=True)
    step = planted(np.sign, lambda gy, x: 0 * gy)
    assert gradcheck(step, x).inputs[0].kinks == ((0,),)


def test_a_wrong_sign_at_a_kink_is_an_error():
    x = Tensor(np.array([0.0, 3.0]), requires_grad=True)
    wrong = planted(lambda x: np.maximum(x, 0), lambda gy, x: gy * np.where(x == 0, -1, x > 0))
    assert not gradcheck(wrong, x, raise_exception=False).ok


@pytest.mark.parametrize("power", [2, 3, 8])
def test_curvature_is_not_taken_for_a_kink(power):
    def rule(gy, x):
        return power * x ** (power - 1) * gy * (1 + 5e-4)

    wrong = planted(lambda x: x**power, rule)
    x = Tensor(np.array([1.5, -2.0, 4.0]), requires_grad=True)
    (found,) = gradcheck(wrong, x, raise_exception=False).inputs
    assert found.wrong == 3 and found.kinks == ()


def test_an_input_of_kinks_alone_is_not_ok_and_the_report_says_why():
    relu = planted(lambda x: np.maximum(x, 0), lambda gy, x: gy * (x > 0))
    zeros = Tensor(np.zeros(2), requires_grad=True)
    report = gradcheck(relu, zeros, raise_exception=False)
    assert not report.ok and report.inputs[0].checked == report.inputs[0].wrong == 0
    assert str(report).startswith("gradcheck of op: NOTHING CHECKED of some inputs")
    assert "entries on kinks only, 2 at a kink ((0,), (1,)); move the input off" in str(report)
    with pytest.raises(AssertionError, match="NOTHING CHECKED"):
        gradcheck(relu, zeros)
    beside = gradcheck(lambda x, y: relu(x) + y, (zeros, leaf(2)), raise_exception=False)
    assert [x.ok for x in beside.inputs] == [False, True] and not beside.ok


# Large inputs


def test_large_inputs_are_checked_along_random_directions():
    report = gradcheck(square, leaf(30, 20), directions=7)
    (found,) = report.inputs
    assert (found.unit, found.checked) == ("directions", 7)


def test_one_wrong_entry_of_many_is_found_along_random_directions():
    def rule(gy, x):
        gx = 2 * x * gy
        gx[17, 3] = -gx[17, 3]
        return gx

    report = gradcheck(planted(np.square, rule), leaf(30, 20), raise_exception=False)
    assert not report.ok and report.inputs[0].unit == "directions"


def test_the_limit_is_the_callers():
    (found,) = gradcheck(square, leaf(30, 20), max_entries=600).inputs
    assert (found.unit, found.checked) == ("entries", 600)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e4, 1e8])
def test_the_step_follows_the_size_of_the_entry(scale):
    x = Tensor(scale * (1 + np.random.default_rng(0).random(5)), requires_grad=True)
    assert gradcheck(square, x).ok
    assert not gradcheck(planted(np.square, lambda gy, x: 2.01 * x * gy), x, atol=0,
                         raise_exception=False).ok  # fmt: skip


# What it takes


def test_a_tuple_of_outputs_is_checked_together():
    def both(x):
        return square(x), x * 3.0, Tensor(x.data.argmax())

    assert gradcheck(both, leaf(4)).ok
    assert gradgradcheck(lambda x: (x * x * x, x * 3.0), leaf(4)).ok
    wrong = planted(np.square, lambda gy, x: x * gy)
    assert not gradcheck(lambda x: (x * 3.0, wrong(x)), leaf(4), raise_exception=False).ok


def test_inputs_without_gradient_are_left_alone():
    mask, label = Tensor(np.array([1.0, 0.0, 2.0])), Tensor(np.array([0, 1, 2]))
    seen = []

    def weigh(x, mask, label, factor):
        seen.append((mask.data.copy(), label.data.copy(), factor))
        return x * mask * factor

    report = gradcheck(weigh, (leaf(3), mask, label, 2.0))
    assert [x.name for x in report.inputs] == ["input 0"]
    assert all((m == mask.data).all() and (i == label.data).all() for m, i, _ in seen)


def test_the_callers_tensors_and_random_numbers_do_not_change():
    x = leaf(3, 4)
    before, state = x.data.copy(), minicnn.random.get_state()
    gradcheck(lambda x: ops.dropout(x, 0.5), x)
    assert (x.data == before).all() and x.grad is None
    assert minicnn.random.get_state() == state


def test_random_ops_see_the_same_numbers_in_every_evaluation():
    masks = []

    def noisy(x):
        mask = minicnn.random.generator().standard_normal(x.shape)
        masks.append(mask)
        return x * Tensor(mask)

    assert gradcheck(noisy, leaf(5)).ok and gradgradcheck(noisy, leaf(5)).ok
    assert all((m == masks[0]).all() for m in masks)


def test_it_works_inside_no_grad():
    with minicnn.no_grad():
        assert gradcheck(square, leaf(3)).ok
        assert gradgradcheck(lambda x: x * x, leaf(3)).ok


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2]])
def test_views_are_checked_in_their_own_order(view):
    x = Tensor(view(np.random.default_rng(0).standard_normal((3, 4))), requires_grad=True)
    assert gradcheck(square, x).inputs[0].checked == x.numel()


def test_an_empty_input_has_nothing_to_check():
    assert gradcheck(square, leaf(0, 3)).inputs[0].checked == 0


# What it refuses


def test_float32_is_refused_with_a_way_out():
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    with pytest.raises(TypeError, match=r"gradcheck: input 1 must be float64, got float32.*astype"):
        gradcheck(ops.mul, (leaf(3), x))


def test_nothing_to_check_is_refused():
    with pytest.raises(ValueError, match="at least one input must require gradients"):
        gradcheck(square, Tensor(np.ones(3)))


def test_an_output_in_float32_is_refused():
    with pytest.raises(TypeError, match="the output must be float64 like the inputs, got float32"):
        gradcheck(lambda x: x.astype(np.float32), leaf(3))


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_an_output_that_was_cut_off_is_refused(check):
    with pytest.raises(ValueError, match="no output depends on an input"):
        check(lambda x: Tensor(x.data**2), leaf(3))


def test_an_output_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="must return a Tensor or a tuple of them, got ndarray"):
        gradcheck(lambda x: x.data, leaf(3))


# Second order


def test_a_gradient_that_is_constant_in_x_fails_the_second_order_only():
    def op(x):
        slope = 2 * x.data  # an array: its dependence on x is lost
        return record("op", x.data**2, (x,), lambda gy: gy * Tensor(slope))

    x = leaf(3)
    assert gradcheck(op, x).ok
    report = gradgradcheck(op, x, raise_exception=False)
    assert [(i.name, i.ok) for i in report.inputs] == [("input 0", False), ("gy", True)]


def test_a_gradient_that_drops_gy_on_the_second_order_is_rejected():
    def op(x):
        return record("op", x.data**2, (x,), lambda gy: Tensor(gy.data) * (x * 2.0))

    report = gradgradcheck(op, leaf(3), raise_exception=False)
    assert [(i.name, i.ok) for i in report.inputs] == [("input 0", True), ("gy", False)]


def test_second_order_of_composed_functions():
    assert gradgradcheck(lambda x, y: ops.tanh(x * y) / (y + 3.0), (leaf(3), leaf(2, 3, low=1))).ok


# The report


def test_the_report_is_plain_data():
    report = gradcheck(square, Tensor(np.array([0.0, 1.0]), requires_grad=True))
    assert json.loads(json.dumps(dataclasses.asdict(report)))["inputs"][0]["checked"] == 2
    assert pickle.loads(pickle.dumps(report)) == report
