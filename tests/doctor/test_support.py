"""Tier 1: what one entry of gy touches, for a convolution in naive loops."""

import numpy as np
import pytest

from minicnn.testing.doctor import support
from tests.doctor.planted import normal, ruled

AXES = {"x": "N C H W", "weight": "O C kh kw", "bias": "O", "y": "N O H' W'"}


def convolution(gy, c, *, stride=2, dilation=1, padding=1, flip=False, roll=0, extra=None, first=0):
    """The gradients of a convolution with loops; the options may be wrong ones."""
    n, _, height, width = c.x.shape
    kh, kw = c.weight.shape[2:]
    w = c.weight[:, :, ::-1, ::-1] if flip else c.weight
    gx = np.zeros((n, c.x.shape[1], height + 20, width + 20))
    gweight = np.zeros_like(c.weight)
    padded = np.pad(c.x, ((0, 0), (0, 0), (10, 10), (10, 10)))
    for b, o, i, j in np.ndindex(*gy.shape):
        for p, q in np.ndindex(extra or kh, extra or kw):
            row = 10 - padding + i * stride + p * dilation + first
            column = 10 - padding + j * stride + q * dilation
            gx[b, :, row, column] += gy[b, o, i, j] * w[o, :, p % kh, q % kw]
            if p < kh and q < kw:
                gweight[o, :, p, q] += gy[b, o, i, j] * padded[b, :, row, column]
    return {"x": np.roll(gx[:, :, 10 : 10 + height, 10 : 10 + width], roll, 1),
            "weight": gweight, "bias": gy.sum((0, 2, 3))}  # fmt: skip


def judged(wrong, **options):
    inputs = {"x": normal(2, 3, 9, 11), "weight": normal(2, 3, 3, 3), "bias": normal(2)}
    spread = options.get("dilation", 1) * 2 - 2 * options.get("padding", 1)
    stride = options.get("stride", 2)
    shape = (2, 2, (9 - spread - 1) // stride + 1, (11 - spread - 1) // stride + 1)
    case = ruled(inputs, lambda c: normal(*shape, seed=3),
                 lambda gy, c: convolution(gy, c, **options),
                 lambda gy, c: wrong(gy, c, **options), AXES)  # fmt: skip
    return {(sign.bug, sign.where): sign.evidence for sign in support.signs(case)}


def test_the_right_rule_has_no_sign():
    assert judged(convolution) == {}


@pytest.mark.parametrize(
    ("changed", "options", "bug"),
    [
        ({"stride": 1}, {}, "window-origin"),
        ({"padding": 0}, {}, "window-origin"),
        ({"dilation": 1}, {"dilation": 2, "padding": 2}, "window-spacing"),
        ({"extra": 2}, {}, "window-extent"),
        ({"flip": True}, {}, "window-flipped"),
    ],
)
def test_windows(changed, options, bug):
    signs = judged(lambda gy, c, **o: convolution(gy, c, **{**o, **changed}), **options)
    assert next(iter(signs)) == (bug, "gx")
    assert "a single 1 in gy[1, 1, 2, 3]" in signs[bug, "gx"]


def test_the_evidence_says_which_rows():
    signs = judged(lambda gy, c, **o: convolution(gy, c, **o, first=1))
    text = signs["window-origin", "gx"]
    assert "touches H = 4..6 of gx; it should touch 3..5" in text


def test_other_samples_are_touched():
    def mixed(gy, c, **o):
        right = convolution(gy, c, **o)
        return {**right, "x": right["x"] + right["x"].mean(0, keepdims=True)}

    signs = judged(mixed)
    assert list(signs) == [("mixes-batch", "gx")]
    assert "touches N = 0, 1 of gx; it should touch 1" in signs["mixes-batch", "gx"]


def test_other_channels_are_touched():
    def mixed(gy, c, **o):
        right = convolution(gy, c, **o)
        return {**right, "weight": right["weight"][::-1]}

    signs = judged(mixed)
    assert list(signs) == [("mixes-channels", "gweight")]
    assert "touches O = 0 of gweight; it should touch 1" in signs["mixes-channels", "gweight"]


def test_norms_that_touch_the_whole_batch_are_right_to():
    def centred(gy, c):
        return {"x": gy - gy.mean(0)}

    def twice(gy, c):
        return {"x": 2 * centred(gy, c)["x"]}

    x = normal(5, 3)
    case = ruled({"x": x}, lambda c: c.x, centred, twice, {"x": "N C", "y": "N C"})
    assert list(support.signs(case)) == []
    case = ruled(
        {"x": x}, lambda c: c.x, lambda gy, c: {"x": gy}, centred, {"x": "N C", "y": "N C"}
    )
    assert [s.bug for s in support.signs(case)] == ["mixes-batch"]
    case = ruled(
        {"x": x}, lambda c: c.x, centred, lambda gy, c: {"x": gy}, {"x": "N C", "y": "N C"}
    )
    assert [s.bug for s in support.signs(case)] == ["misses-batch"]


@pytest.mark.parametrize("wrong", [lambda gy, c: {"x": gy[::-1]}, lambda gy, c: {"x": gy * c.x}])
def test_arrays_without_named_axes_are_let_alone(wrong):
    case = ruled({"x": normal(5, 3)}, lambda c: c.x, lambda gy, c: {"x": gy}, wrong,
                 {"x": "", "y": ""})  # fmt: skip
    assert list(support.signs(case)) == []


def test_a_rule_that_fails_is_not_judged():
    def fails(gy, c):
        if (gy == 0).any():
            raise ValueError("zeros")
        return {"x": 2 * gy}

    case = ruled({"x": normal(5, 3)}, lambda c: c.x, lambda gy, c: {"x": gy}, fails,
                 {"x": "N C", "y": "N C"})  # fmt: skip
    assert list(support.signs(case)) == []


def test_the_axes_of_a_kernel_are_no_window():
    def wrong(gy, c, **o):
        right = convolution(gy, c, **o)
        return {**right, "weight": right["weight"][:, :, :1].repeat(3, 2) * [1, 0, 1]}

    assert judged(wrong) == {}


def test_a_window_of_equal_values_is_not_flipped():
    """Sums of three neighbours: what is wrong is one sample, not the order in a window."""

    def rule(gy, c):
        padded = np.pad(gy, ((0, 0), (0, 0), (2, 2)))
        return {"x": np.lib.stride_tricks.sliding_window_view(padded, 3, 2).sum(-1)}

    def wrong(gy, c):
        return {"x": rule(gy, c)["x"] * [[[1.0]], [[2.0]]]}

    x = normal(2, 3, 8)
    y = np.lib.stride_tricks.sliding_window_view(x, 3, 2).sum(-1)
    case = ruled({"x": x}, lambda c: y, rule, wrong, {"x": "N C L", "y": "N C L'"})
    assert list(support.signs(case)) == []
