"""Tier 2: a planted pattern is found with its name and its numbers, and nothing is made up."""

import dataclasses

import numpy as np
import pytest

from minicnn.testing.doctor import structure
from minicnn.testing.doctor.op import Op
from tests.doctor.planted import first, found, keys, normal, planted, ruled

RIGHT = normal(5, 3, 4, 7)
MATRIX = normal(5, 3)


# Ratios


def test_a_right_gradient_has_no_signs():
    assert found(planted(RIGHT, RIGHT * (1 + 1e-9), "N C H W")) == {}


def test_signs_say_where_and_how():
    signs = list(structure.signs(planted(-RIGHT, RIGHT, "N C H W"), "x"))
    assert {(s.where, s.tier, s.probe) for s in signs} == {("gx", 2, "planted")}
    assert all(s.evidence and "\n" not in s.evidence for s in signs)


def test_zero_gradient():
    signs = found(planted(0 * RIGHT, RIGHT, "N C H W"))
    assert list(signs) == ["zero-gradient", "dropped"]
    assert f"{np.abs(RIGHT).max():.4g}" in signs["zero-gradient"]


@pytest.mark.parametrize(
    ("c", "name"),
    [
        (-1, "-1"), (2, "2"), (0.5, "1/2"), (5, "N"), (1 / 5, "1/N"), (3, "C"), (28, "H*W"),
        (1 / 28, "1/(H*W)"), (140, "N*H*W"), (1 / 140, "1/(N*H*W)"), (5 / 3, "N/C"),
        (420, "x.size"),
        (23, "O"), (29, "D"), (1 / 667, "1/y.size"), (-5, "-N"), (0.3, "keep"), (1 / 0.3, "1/keep"),
        (np.sqrt(13), "sqrt(dk)"), (1 / np.sqrt(13), "1/sqrt(dk)"), (1.2345, "?"),
    ],
)  # fmt: skip
def test_ratio(c, name):
    own = {"keep": 0.3, "sqrt(dk)": np.sqrt(13)}
    op = Op("own", {"x": ""}, "", None, {}, None, constants=lambda call: own)
    signs = found(planted(c * RIGHT, RIGHT, "N C H W", y_axes="O D", op=op))
    assert f"ratio:{name}" in signs
    assert next(iter(signs)).startswith("ratio:")
    assert f"{c:.6g}" in signs[f"ratio:{name}"]
    assert "unknown" not in signs
    assert ("ratio:?" in signs) == (name == "?")


def test_constants_that_coincide_are_all_named():
    right = normal(2, 3)
    assert {"ratio:2", "ratio:N"} <= set(found(planted(2 * right, right, "N C")))


def test_the_number_of_copies_has_a_name_where_axes_have_none():
    right = normal(3)
    assert "ratio:1/copies" in found(planted(right / 7, right, y=normal(7, 3)))


def test_axes_without_names_are_called_after_the_array():
    right = normal(11, 3)
    assert "ratio:1/x.shape[0]" in found(planted(right / 11, right))


def test_a_ratio_is_exact():
    assert not any(k.startswith("ratio:") for k in found(planted(RIGHT * 2 + 1e-4, RIGHT)))


def test_ratio_of_one_number_explains_only_with_a_name():
    assert "unknown" in found(planted(np.array(3.1), np.array(1.0)))
    named = found(planted(np.array(2.0), np.array(1.0)))
    assert "ratio:2" in named and "unknown" not in named


def test_slice_ratio():
    c = np.array([0.5, -3.0, 7.0]).reshape(1, 3, 1, 1)
    signs = found(planted(c * RIGHT, RIGHT, "N C H W"))
    assert list(signs) == ["slice-ratio:C"]
    assert "0.5, -3, 7" in signs["slice-ratio:C"]


def test_slice_ratio_per_two_axes():
    c = normal(5, 3, 1, 1)
    assert list(found(planted(c * RIGHT, RIGHT, "N C H W"))) == ["slice-ratio:N,C"]


def test_slices_that_are_right_or_zero_are_no_ratio():
    c = np.array([1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    assert list(found(planted(c * RIGHT, RIGHT, "N C H W"))) == [
        "dropped",
        "only-some:C",
        "unknown",
    ]


def test_slices_of_one_entry_are_no_pattern():
    right = normal(5, 1)
    assert list(found(planted(normal(5, 1, seed=4) * right, right, "N C"))) == ["unknown"]


# Moves


def test_transposed():
    right = normal(4, 4)
    signs = found(planted(right.T, right, "D O"))
    assert first(planted(right.T, right, "D O")) == "transposed"
    assert "D,O" in signs["transposed"]


def test_transposed_kernel():
    right = normal(2, 3, 5, 5)
    assert first(planted(right.swapaxes(2, 3), right, "O C kh kw")) == "transposed"


@pytest.mark.parametrize(("axes", "name"), [((2, 3), "H,W"), ((3,), "W"), ((0,), "N")])
def test_flipped(axes, name):
    signs = found(planted(np.flip(RIGHT, axes), RIGHT, "N C H W"))
    assert next(iter(signs)) == f"flipped:{name}" and "permuted" in signs


def test_flipped_names_what_other_probes_name_too():
    """A kernel of 3 x 1 turned by 180 degrees is flipped along kh, and along kh and kw."""
    right = normal(2, 3, 3, 1)
    signs = found(planted(np.flip(right, (2, 3)), right, "O C kh kw"))
    assert {"flipped:kh", "flipped:kh,kw"} <= set(signs) and "flipped:kw" not in signs


def test_rolled():
    signs = found(planted(np.roll(RIGHT, 2, 1), RIGHT, "N C H W"))
    assert next(iter(signs)) == "rolled:C" and "by 2" in signs["rolled:C"]


@pytest.mark.parametrize("by", [(1, 1), (0, -1), (-2, 1)])
def test_shifted(by):
    right = normal(2, 3, 8, 9)
    padded = np.pad(right, ((0, 0), (0, 0), (3, 3), (3, 3)), constant_values=0.7)
    given = padded[:, :, 3 - by[0] : 11 - by[0], 3 - by[1] : 12 - by[1]]
    signs = found(planted(given, right, "N C H W"))
    assert list(signs) == ["shifted"]
    assert f"({by[0]:+d}, {by[1]:+d})" in signs["shifted"]


def test_a_shift_that_leaves_nothing_over_is_none():
    given, right = np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 4, 4))
    given[0, 0, -1, -1] = right[0, 0, 0, 0] = 1.0
    assert "shifted" not in found(planted(given, right, "N C H W"))


def test_shifted_along_a_sequence():
    right = normal(2, 3, 9)
    given = np.concatenate([np.full((2, 3, 1), 0.3), right[:, :, :-1]], 2)
    assert list(found(planted(given, right, "N C L"))) == ["shifted"]


def test_permuted():
    given = np.random.default_rng(0).permutation(RIGHT.ravel()).reshape(RIGHT.shape)
    assert list(found(planted(given, RIGHT, "N C H W"))) == ["permuted"]


def test_reshape_in_place_of_transpose():
    given = RIGHT.transpose(0, 2, 3, 1).reshape(RIGHT.shape)
    signs = found(planted(given, RIGHT, "N C H W"))
    assert "N,H,W,C" in signs["permuted"]


# Sums


@pytest.mark.parametrize("word", ["sum", "mean", "max"])
def test_constant_over(word):
    collapsed = getattr(RIGHT, word)(1, keepdims=True)
    signs = found(planted(collapsed + 0 * RIGHT, RIGHT, "N C H W"))
    assert next(iter(signs)) == "constant-over:C"
    assert f"the {word}" in signs["constant-over:C"] and "3 places" in signs["constant-over:C"]


def test_constant_off_per_channel():
    off = np.array([0.1, -2.0, 4.0]).reshape(1, 3, 1, 1)
    signs = found(planted(RIGHT + off, RIGHT, "N C H W"))
    assert list(signs) == ["constant-off:C"] and "0.1, -2, 4" in signs["constant-off:C"]


def test_constant_off_per_row_and_for_all():
    assert list(found(planted(MATRIX + normal(5, 1), MATRIX, "N D"))) == ["constant-off:N"]
    assert list(found(planted(MATRIX + 0.25, MATRIX, "N D"))) == ["constant-off:all"]


@pytest.mark.parametrize(
    ("given", "right", "key", "words"),
    [
        (RIGHT, RIGHT.sum((0, 2, 3)), "missing-sum:N,H,W", "summed over N,H,W"),
        (MATRIX, MATRIX.sum(0, keepdims=True), "missing-sum:N", "summed over N"),
        (MATRIX, MATRIX.mean(0), "missing-sum:N", "averaged"),
        (MATRIX.T, MATRIX, "transposed", "(3, 5)"),
        (MATRIX.ravel(), MATRIX, "reshaped", "(15,)"),
        (MATRIX[:1], MATRIX[0], "reshaped", "left over"),
        (MATRIX[0], MATRIX[:1], "reshaped", "lost"),
        (MATRIX.sum(0), MATRIX, "extra-sum:C", "sum"),
        (MATRIX.mean(1, keepdims=True), MATRIX, "extra-sum:D", "mean"),
    ],
)
def test_shapes(given, right, key, words):
    case = planted(right, right, "C D", y=np.zeros(given.shape), y_axes="N O H W")
    signs = {sign.bug: sign for sign in structure.shape_signs(case, "x", given, right)}
    assert words in signs[key].evidence and str(given.shape) in signs[key].evidence
    assert (signs[key].where, signs[key].tier) == ("gx", 2)
    assert set(signs) - {"missing-sum:broadcast"} == {key}


def test_a_missing_sum_over_broadcast_axes_has_one_name_for_all_shapes():
    for given, right in ((MATRIX, MATRIX.sum(0)), (MATRIX, MATRIX.sum(1, keepdims=True))):
        case = planted(right, right, y=MATRIX)
        assert "missing-sum:broadcast" in keys(structure.shape_signs(case, "x", given, right))


def test_a_shape_that_has_nothing_to_do_with_the_right_one():
    case = planted(MATRIX, MATRIX, "C D")
    assert list(structure.shape_signs(case, "x", normal(7, 2), MATRIX)) == []


# Parts of the sum over gy


def linear(wrong, n=5):
    """y = x w^T, with a wrong gradient of w."""
    inputs = {"x": normal(n, 4), "w": normal(3, 4)}

    def rule(gy, c):
        return {"x": gy @ c.w, "w": gy.T @ c.x}

    axes = {"x": "N D", "w": "O D", "y": "N O"}
    return ruled(
        inputs, lambda c: c.x @ c.w.T, rule, lambda gy, c: {**rule(gy, c), **wrong(gy, c)}, axes
    )


def test_the_last_sample_overwrites_the_others():
    signs = found(linear(lambda gy, c: {"w": np.outer(gy[-1], c.x[-1])}), "w")
    assert next(iter(signs)) == "assigns" and "of the 5 slices of gy along N" in signs["assigns"]


def test_only_the_first_sample_counts():
    signs = found(linear(lambda gy, c: {"w": np.outer(gy[0], c.x[0])}), "w")
    assert next(iter(signs)) == "first-only:N"


def test_a_sample_is_left_out():
    signs = found(linear(lambda gy, c: {"w": gy[:-1].T @ c.x[:-1]}), "w")
    assert next(iter(signs)) == "lost-part:N" and "last" in signs["lost-part:N"]


def test_the_upstream_gradient_is_reshaped_in_place_of_transposed():
    signs = found(linear(lambda gy, c: {"w": gy.T.reshape(gy.shape).T @ c.x}), "w")
    assert next(iter(signs)) == "upstream-moved" and "order O,N" in signs["upstream-moved"]


@pytest.mark.parametrize(
    ("move", "name", "key", "words"),
    [
        (lambda gy: gy[::-1], "w", "mixes-batch", "backwards along N"),
        (lambda gy: gy.mean(0) + 0 * gy, "w", "mixes-batch", "mean over N"),
        (lambda gy: gy[:, ::-1], "x", "upstream-moved", "backwards along O"),
        (lambda gy: gy.mean(1, keepdims=True) + 0 * gy, "x", "upstream-moved", "mean over O"),
    ],
)
def test_another_upstream_gradient(move, name, key, words):
    def wrong(gy, c):
        return {"x": move(gy) @ c.w} if name == "x" else {"w": move(gy).T @ c.x}

    signs = found(linear(wrong), name)
    assert next(iter(signs)) == key and words in signs[key]


def windows(change):
    """Sums of three neighbours; the right rule adds, and ``change`` makes the learner's of it."""

    def scatter(gy, add):
        gx = np.zeros((2, 3, 8))
        for i in range(6):
            gx[:, :, i : i + 3] = gy[:, :, i : i + 1] + add * gx[:, :, i : i + 3]
        return gx

    x = normal(2, 3, 8)
    y = np.lib.stride_tricks.sliding_window_view(x, 3, 2).sum(-1)
    return ruled({"x": x}, lambda c: y, lambda gy, c: {"x": scatter(gy, 1)},
                 lambda gy, c: {"x": change(scatter, gy)},
                 {"x": "N C L", "y": "N C L'"})  # fmt: skip


def test_windows_overwrite_each_other():
    assert first(windows(lambda scatter, gy: scatter(gy, 0))) == "assigns"


def test_one_window_that_is_right_is_not_enough():
    def last_alone(scatter, gy):
        gx = normal(2, 3, 8, seed=4)
        gx[:, :, 5:] = gy[:, :, 5:]
        return gx

    assert "assigns" not in found(windows(last_alone))


def test_entries_of_one_part_that_are_dropped_are_not_overwritten():
    keep = np.array([[1], [1], [0], [1], [1]])
    case = ruled({"x": MATRIX}, lambda c: c.x, lambda gy, c: {"x": gy},
                 lambda gy, c: {"x": gy * keep}, {"x": "N C", "y": "N C"})  # fmt: skip
    assert list(found(case)) == ["dropped", "only-some:N", "unknown"]


# Nothing is made up

SHAPES = [(5, 3), (3, 3), (7,), (2, 3, 5), (5, 3, 4, 7), (1, 4), (4, 1, 1, 3), (2, 2)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numbers_without_a_pattern_are_unknown(shape, seed):
    given, right = normal(*shape, seed=seed), normal(*shape, seed=seed + 20)
    axes = " ".join("NCHW"[: len(shape)])
    x, gy = normal(*shape, seed=seed + 40), normal(*shape, seed=seed + 60)
    case = planted(given, right, axes, x=x, y=x**3, gy=gy, y_axes=axes)
    signs = found(case)
    assert list(signs) == ["unknown"]
    assert f"{given.size} of {given.size}" in signs["unknown"]


@pytest.mark.parametrize("noise", [1e-3, 1e-5])
def test_nearly_a_pattern_is_none(noise):
    for given in (2 * RIGHT, RIGHT[:, ::-1], RIGHT + RIGHT[:, :1].mean((2, 3), keepdims=True)):
        case = planted(given + noise * normal(*RIGHT.shape, seed=8), RIGHT, "N C H W")
        assert list(found(case)) == ["unknown"]


def test_the_tolerance_of_the_case_decides():
    given = (2 * RIGHT).astype(np.float32)
    assert "ratio:2" not in found(planted(given * (1 + 1e-6), RIGHT))
    assert "ratio:2" in found(planted(given * (1 + 1e-6), RIGHT, rtol=1e-4, atol=1e-5))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4, 4)], ids=str)
def test_empty_arrays_are_right(shape):
    assert found(planted(np.zeros(shape), np.zeros(shape))) == {}


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (5, 3), (2, 1, 4, 4)], ids=str)
def test_right_is_zero_everywhere(shape):
    signs = found(planted(normal(*shape), np.zeros(shape)))
    assert {"leaks", "unknown"} == set(signs)


def test_very_large_and_very_small_numbers():
    for size in (1e200, 1e-200):
        assert first(planted(-size * RIGHT, size * RIGHT, "N C H W")) == "ratio:-1"


def test_an_output_has_patterns_too():
    case = dataclasses.replace(planted(RIGHT, RIGHT), given={"y": 2 * MATRIX}, right={"y": MATRIX})
    signs = list(structure.signs(case, "y"))
    assert signs[0].bug == "ratio:2" and signs[0].where == "forward"


def test_every_key_has_a_rank():
    for given in (-RIGHT, 0 * RIGHT, RIGHT * 1.7, RIGHT[::-1]):
        case = planted(given, RIGHT, "N C H W")
        ranks = [structure.specificity(key) for key in found(case)]
        assert ranks == sorted(ranks, reverse=True) and min(ranks) > 0
