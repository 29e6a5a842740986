"""Tier 2: where a gradient is wrong, and which factor an elementwise op took."""

from dataclasses import replace

import numpy as np
import pytest

from minicnn.testing.doctor.op import Op, Probe
from tests.doctor.planted import first, found, normal, planted

RIGHT = normal(5, 3, 4, 7)
MATRIX = normal(5, 3)


# Where it is wrong


def spoiled(where, right=RIGHT, by=None):
    given = right.copy()
    given[where] += normal(*right.shape, seed=9)[where] if by is None else by
    return given


def test_only_border():
    inside = np.zeros(RIGHT.shape, bool)
    inside[:, :, 1:-1, 1:-1] = True
    signs = found(planted(spoiled(~inside), RIGHT, "N C H W"))
    assert list(signs) == ["only-border", "unknown"]
    assert "within 1 of the border" in signs["only-border"]


def test_only_last():
    signs = found(planted(spoiled(np.s_[:, :, :, -1]), RIGHT, "N C H W"))
    assert next(iter(signs)) == "only-last"
    assert "last 1 along W" in signs["only-last"]


def test_first_only():
    given = 0 * MATRIX
    given[0] = MATRIX[0]
    signs = found(planted(given, MATRIX, "N D"))
    assert next(iter(signs)) == "first-only:N" and "5 slices along N" in signs["first-only:N"]


def test_only_some_channels():
    signs = found(planted(spoiled(np.s_[:, 1]), RIGHT, "N C H W"))
    assert list(signs) == ["only-some:C", "unknown"]
    assert "only at 1 along C (of 0..2)" in signs["only-some:C"]


def test_only_at_zero():
    x = MATRIX.copy()
    x[1, 1] = x[3, 0] = 0
    signs = found(planted(spoiled(x == 0, MATRIX, 1.0), MATRIX, x=x))
    assert "2 of 2" in signs["only-kinks"] and "x = 0" in signs["only-kinks"]


def test_only_at_ties():
    x = RIGHT.copy()
    x[0, 0, :2, :2] = 9
    given = spoiled(np.s_[0, 0, 1, :2], by=1.0)
    assert "2 of 4" in found(planted(given, RIGHT, x=x))["only-kinks"]


def test_only_where_two_inputs_are_equal():
    b = MATRIX + 1
    b[2] = MATRIX[2]
    given = spoiled(np.s_[2], MATRIX)
    assert "x = b" in found(planted(given, MATRIX, x=MATRIX, others={"b": b}))["only-kinks"]


def test_only_large():
    x = normal(5, 3, seed=5) * 3
    big = np.abs(x) > np.sort(np.abs(x).ravel())[-5]
    signs = found(planted(spoiled(big, MATRIX), MATRIX, x=x))
    assert "all 4 entries" in signs["only-large"]


def test_only_large_is_no_accident_and_kinks_are_not_everywhere():
    right, x = normal(2, 2), np.array([[1.0, 2.0], [3.0, 4.0]])
    assert "only-large" not in found(planted(spoiled(x == 4, right), right, x=x))
    assert "only-kinks" not in found(planted(spoiled(x == 4, right), right, x=0 * x))


def test_only_negative():
    signs = found(planted(spoiled(MATRIX < 0, MATRIX), MATRIX, x=MATRIX))
    assert "only-negative" in signs and "only-positive" not in signs


def test_dropped_and_leaks():
    mask = MATRIX > 0
    dropped = found(planted(MATRIX * mask, MATRIX, "N D"))
    leaks = found(planted(MATRIX, MATRIX * mask, "N D"))
    assert f"{(~mask).sum()} entries" in dropped["dropped"] and "leaks" not in dropped
    assert f"{(~mask).sum()} entries" in leaks["leaks"] and "dropped" not in leaks


# Factors of elementwise ops


def elementwise(factor, right=None, **more):
    x = normal(5, 3, seed=11)
    y, gy = np.tanh(x), normal(5, 3, seed=12)
    given = factor(x, y, gy)
    return found(planted(given, gy * (1 - y**2), x=x, y=y, gy=gy, **more))


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (lambda x, y: 1 + 0 * x, "1"), (lambda x, y: x, "x"), (lambda x, y: y, "y"),
        (lambda x, y: x * (1 - x), "x(1-x)"), (lambda x, y: y * (1 - y), "y(1-y)"),
        (lambda x, y: 1 - y, "1-y"), (lambda x, y: 1 - x * x, "1-x^2"), (lambda x, y: x * x, "x^2"),
        (lambda x, y: y * y, "y^2"), (lambda x, y: 2 * x, "2x"), (lambda x, y: 1 / x, "1/x"),
        (lambda x, y: -1 / x**2, "-1/x^2"), (lambda x, y: np.exp(x), "exp(x)"),
        (lambda x, y: x > 0, "[x>0]"), (lambda x, y: x < 0, "[x<0]"),
        (lambda x, y: y - 1, "-(1-y)"), (lambda x, y: np.sign(x), "sign(x)"),
    ],
)  # fmt: skip
def test_factor(factor, text):
    signs = elementwise(lambda x, y, gy: gy * factor(x, y))
    assert f"factor:{text}" in signs and "unknown" not in signs
    assert text in signs[f"factor:{text}"]


def test_factor_from_the_upstream_gradient():
    assert "factor:[gy>0]" in elementwise(lambda x, y, gy: gy * (gy > 0))


def test_upstream_is_not_used():
    signs = elementwise(lambda x, y, gy: 1 - x**2)
    assert "1-x^2, without gy" in signs["ignores-upstream"]


def test_the_right_gradient_times_an_expression():
    assert "times:x" in elementwise(lambda x, y, gy: gy * (1 - y**2) * x)


def test_own_value_in_place_of_the_other():
    a, b, gy = normal(5, 3), normal(5, 3, seed=1), normal(5, 3, seed=2)
    more = {"x": a, "others": {"b": b}, "y": a * b, "gy": gy}
    assert "factor:x" in found(planted(gy * a, gy * b, **more))
    assert {"factor:b", "factor:other"} <= set(found(planted(gy * b, gy * a, **more)))


def test_factor_is_summed_where_the_input_was_broadcast():
    a, b, gy = normal(3), normal(5, 3, seed=1), normal(5, 3, seed=2)
    more = {"x": a, "others": {"b": b}, "y": a * b, "gy": gy}
    assert "factor:x" in found(planted((gy * a).sum(0), (gy * b).sum(0), **more))


def test_factor_of_a_scale_per_channel():
    """The axis C of the scale is that of (N, C, H, W), though it is not the last one."""
    x, gy, scale = RIGHT, normal(5, 3, 4, 7, seed=1), normal(3)
    case = planted((gy * x).sum((0, 2, 3)), gy.sum((0, 2, 3)), "C", x=scale,
                   others={"data": x}, y=x, gy=gy, y_axes="N C H W")  # fmt: skip
    case.axes["data"] = ("N", "C", "H", "W")
    assert "factor:data" in found(case)


def test_an_input_called_x_keeps_its_name():
    slope, x, gy = normal(5, 3), normal(5, 3, seed=1), normal(5, 3, seed=2)
    case = planted(gy * slope, gy * x, x=slope, others={"x": x}, y=slope * x, gy=gy)
    case = replace(case, given={"slope": gy * slope}, right={"slope": gy * x},
                   probe=Probe("own", {"slope": slope, "x": x}))  # fmt: skip
    assert "factor:slope" in found(case, "slope") and "factor:x" not in found(case, "slope")


def test_statistics_taken_for_constants():
    """In a norm per channel the gradient through mean and variance is a + b * x."""
    x, gy = RIGHT, normal(5, 3, 4, 7, seed=1)
    axes = (0, 2, 3)
    centred = x - x.mean(axes, keepdims=True)
    scale = 1 / x.std(axes, keepdims=True)
    hat = centred * scale
    mean, slope = gy.mean(axes, keepdims=True), (gy * hat).mean(axes, keepdims=True)
    right = scale * (gy - mean - hat * slope)
    for given in (scale * gy, scale * (gy - mean), scale * (gy - mean - 2 * hat * slope)):
        signs = found(planted(given, right, "N C H W", x=x, gy=gy, y=hat, y_axes="N C H W"))
        assert list(signs) == ["affine-off:C"]
    given = scale * (gy - hat * slope)
    assert first(planted(given, right, "N C H W", x=x)) == "constant-off:C"


def test_an_axis_of_length_1_gives_no_name():
    x, right = normal(1, 8), normal(1, 8, seed=1)
    assert list(found(planted(right + 0.3 + 2 * x, right, "N D", x=x))) == ["unknown"]


def test_factors_of_the_op():
    mask = normal(5, 3, seed=3) > 0
    op = Op("own", {"x": ""}, "", None, {}, None, factors=lambda call: {"mask": mask})
    assert "factor:mask" in elementwise(lambda x, y, gy: gy * mask, op=op)
