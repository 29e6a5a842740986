"""Tier 1: what is not linear in the upstream gradient is named, and linear rules are let alone."""

import numpy as np
import pytest

from minicnn.testing.doctor import linearity
from tests.doctor.planted import normal, ruled

X = normal(5, 3)


def judged(wrong, forward=np.tanh, right=None, x=X, **more):
    """The signs for gx = wrong(gy, x), elementwise unless ``forward`` is not."""
    right = right or (lambda gy, x: gy * (1 - np.tanh(x) ** 2))
    axes = {"x": "N D", "y": "N D"}
    case = ruled({"x": x}, lambda c: forward(c.x), lambda gy, c: {"x": right(gy, c.x)},
                 lambda gy, c: {"x": wrong(gy, c.x)}, axes, **more)  # fmt: skip
    return list(linearity.signs(case))


@pytest.mark.parametrize(
    ("wrong", "bug", "words"),
    [
        (lambda gy, x: 1 - x**2, "ignores-upstream", "two different gy"),
        (lambda gy, x: gy * x + 0.1, "not-linear", "gy = 0"),
        (lambda gy, x: gy * np.abs(gy), "not-linear", "4 times"),
        (lambda gy, x: gy / np.sqrt((gy**2).sum() + 1e-12), "not-linear", "1 times"),
        (lambda gy, x: gy * (gy > 0), "upstream-in-mask", "-gy"),
        (lambda gy, x: np.abs(gy), "upstream-in-mask", "1 times"),
        (lambda gy, x: np.where(x > 0, gy, 0.1), "not-linear", "0.1"),
        (lambda gy, x: np.where(np.abs(gy) == np.abs(gy).max(), gy, 0), "assigns", "two"),
    ],
)
def test_what_fails_is_named(wrong, bug, words):
    (sign,) = judged(wrong)
    assert (sign.bug, sign.where, sign.tier) == (bug, "gx", 1)
    assert words in sign.evidence


@pytest.mark.parametrize(
    "wrong",
    [lambda gy, x: gy * x, lambda gy, x: 0 * gy, lambda gy, x: gy[:, ::-1], lambda gy, x: -3 * gy],
)
def test_wrong_but_linear_rules_have_no_sign(wrong):
    assert judged(wrong) == []


@pytest.mark.parametrize("seed", range(20))
def test_right_rules_in_float32_have_no_sign(seed):
    def rule(gy, x):
        x = np.asarray(x, np.float32)
        centred = gy - gy.mean(0) - x * (gy * x).mean(0)
        return (centred * np.float32(1e3)).astype(np.float32)

    x = normal(5, 3, seed=seed)
    assert judged(rule, x=x, seed=seed, rtol=1e-4, atol=1e-5, dtype=np.float32) == []


def test_one_that_is_seen_only_with_two_ones():
    """A scatter that skips zeros and assigns; random upstream gradients have no zeros."""

    def scatter(gy, x):
        gx = np.zeros((5, 3))
        for n, j in zip(*np.nonzero(gy), strict=True):
            gx[n, : j + 1] = gy[n, j]
        return gx

    (sign,) = judged(scatter)
    assert sign.bug == "assigns"
    assert "1 and 1 at one entry; their sum gives 1, not 2" in sign.evidence


def test_a_loss_has_an_upstream_number():
    def loss(x):
        return (x**2).sum()

    right = {"forward": loss, "right": lambda gy, x: gy * 2 * x}
    assert judged(lambda gy, x: gy * 2 * x, **right) == []
    assert [s.bug for s in judged(lambda gy, x: 2 * x, **right)] == ["ignores-upstream"]
    assert [s.bug for s in judged(lambda gy, x: abs(gy) * x, **right)] == ["upstream-in-mask"]
    assert [s.bug for s in judged(lambda gy, x: gy**2 * x, **right)] == ["not-linear"]


def test_every_input_is_judged_alone():
    inputs = {"x": X, "w": normal(4, 3)}

    def rule(gy, c):
        return {"x": gy @ c.w, "w": gy.T @ c.x}

    case = ruled(inputs, lambda c: c.x @ c.w.T, rule,
                 lambda gy, c: {**rule(gy, c), "w": np.ones((5, 4)).T @ c.x},
                 {"x": "N D", "w": "O D", "y": "N O"})  # fmt: skip
    (sign,) = linearity.signs(case)
    assert (sign.bug, sign.where) == ("ignores-upstream", "gw")


def test_a_rule_that_fails_for_other_upstream_gradients_is_not_judged():
    def fails(gy, x):
        if not gy.any():
            raise ValueError("no gradient")
        return gy

    assert judged(fails) == []
    with np.errstate(all="ignore"):
        assert judged(lambda gy, x: gy**2 / gy) == []


def test_a_rule_that_changes_its_upstream_gradient_is_linear():
    def in_place(gy, x):
        gy *= 1 - np.tanh(x) ** 2
        return gy

    assert judged(in_place) == []


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 1), (2, 0)], ids=str)
def test_small_and_empty_arrays(shape):
    assert judged(lambda gy, x: gy * x, x=normal(*shape)) == []
