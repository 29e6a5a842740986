"""Curves, areas and calibration against scikit-learn, with ties and absent classes."""

import math
import warnings

import numpy as np
import pytest

from minicnn.train import metrics as M

from .test_metrics import reference, same, sk

calibration_curve = pytest.importorskip("sklearn.calibration").calibration_curve


def scored(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Binary labels and scores."""
    rng = np.random.default_rng(7)
    true, scores = rng.integers(0, 2, 80), rng.random(80)
    return {
        "random": (true, scores), "ties": (true, np.round(scores, 1)),
        "constant": (true, np.full(80, 0.5)), "perfect": (true, true + 0.1 * scores),
        "reversed": (true, -true - 0.1 * scores), "float32": (true, scores.astype(np.float32)),
        "logits": (true, 20 * scores - 10), "integers": (true, (5 * scores).astype(int)),
        "two samples": (np.array([1, 0]), np.array([0.3, 0.6])), "bool": (true == 1, scores),
        "rare": (np.eye(80, dtype=int)[7], scores),
    }[case]  # fmt: skip


SCORED = ("random", "ties", "constant", "perfect", "reversed", "float32", "logits", "integers",
          "two samples", "bool", "rare")  # fmt: skip


@pytest.mark.parametrize("case", SCORED)
def test_binary_curves(case):
    true, scores = scored(case)
    for drop in (True, False):
        for ours, theirs in zip(
            M.roc_curve(true, scores, drop_intermediate=drop),
            sk.roc_curve(true, scores, drop_intermediate=drop),
            strict=True,
        ):
            same(ours, theirs)
    for ours, theirs in zip(M.pr_curve(true, scores), sk.precision_recall_curve(true, scores),
                            strict=True):  # fmt: skip
        same(ours, theirs)
    same(M.roc_auc(true, scores), sk.roc_auc_score(true, scores))
    same(M.average_precision(true, scores), sk.average_precision_score(true, scores))


@pytest.mark.parametrize("only", [0, 1])
@pytest.mark.parametrize("n", [1, 5])
def test_one_class_only(only, n):
    """The rate of the class that is not there is nan, as the area; nothing warns."""
    true, scores = np.full(n, only), np.arange(n) / 7
    for ours, theirs in zip(M.roc_curve(true, scores), reference(sk.roc_curve, true, scores),
                            strict=True):  # fmt: skip
        same(ours, theirs)
    for ours, theirs in zip(
        M.pr_curve(true, scores), reference(sk.precision_recall_curve, true, scores), strict=True
    ):
        same(ours, theirs)
    assert math.isnan(M.roc_auc(true, scores))
    assert M.average_precision(true, scores) == only


def of_classes(case: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    true, logits = rng.integers(0, 4, 90), rng.standard_normal((90, 4))
    if case == "ties":
        logits = np.round(logits)
    if case == "constant":
        logits[:] = 0
    if case == "perfect":
        logits = 9 * np.eye(4)[true]
    if case == "absent class":
        true = np.where(true == 2, 1, true)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, p.astype(np.float32) if case == "float32" else p


CLASS_CASES = ("random", "ties", "constant", "perfect", "absent class", "float32")


@pytest.mark.parametrize("case", CLASS_CASES)
def test_areas_of_several_classes(case):
    true, p = of_classes(case)
    for average in ("macro", "weighted", "micro", None):
        expected = reference(sk.roc_auc_score, true, p, multi_class="ovr", average=average,
                             labels=range(4))  # fmt: skip
        same(M.roc_auc(true, p, average=average), expected)
        one_hot = np.eye(4, dtype=int)[true]
        expected = reference(sk.average_precision_score, one_hot, p, average=average)
        same(M.average_precision(true, p, average=average), expected)
    for average in ("macro", "weighted"):
        expected = reference(sk.roc_auc_score, true, p, multi_class="ovo", average=average,
                             labels=range(4))  # fmt: skip
        same(M.roc_auc(true, p, average=average, multi_class="ovo"), expected)


def test_areas_of_one_class_among_several():
    p = np.full((3, 4), 0.25)
    assert np.isnan(M.roc_auc([1, 1, 1], p, average=None)).all()
    assert math.isnan(M.roc_auc([1, 1, 1], p, multi_class="ovo"))


@pytest.mark.parametrize("case", ["random", "ties", "absent label", "everything"])
@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "samples", None])
def test_areas_of_several_labels(case, average):
    rng = np.random.default_rng(13)
    true, scores = rng.integers(0, 2, (60, 3)), rng.standard_normal((60, 3))
    scores = np.round(scores) if case == "ties" else scores
    true[:, 1] = 0 if case == "absent label" else true[:, 1]
    true = np.ones_like(true) if case == "everything" else true
    same(M.roc_auc(true, scores, average=average),
         reference(sk.roc_auc_score, true, scores, average=average))  # fmt: skip
    same(M.average_precision(true, scores, average=average),
         reference(sk.average_precision_score, true, scores, average=average))  # fmt: skip


@pytest.mark.parametrize("case", CLASS_CASES)
def test_probabilities_of_classes(case):
    true, p = of_classes(case)
    np.testing.assert_allclose(M.log_loss(true, p), sk.log_loss(true, p, labels=range(4)), 1e-5)
    np.testing.assert_allclose(
        M.brier_score(true, p), sk.brier_score_loss(true, p, labels=range(4)), 1e-5
    )
    two = p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        M.brier_score(true % 2, two), sk.brier_score_loss(true % 2, two), 1e-5
    )


def test_sure_mistakes_cost_a_finite_amount():
    for dtype in (np.float32, np.float64):
        p = np.array([[1, 0], [0, 1], [1, 0]], dtype)
        np.testing.assert_allclose(M.log_loss([0, 0, 1], p), sk.log_loss([0, 0, 1], p), 1e-4)
        np.testing.assert_allclose(
            M.log_loss([0, 0, 1], p[:, 1]), sk.log_loss([0, 0, 1], p[:, 1]), 1e-4
        )


@pytest.mark.parametrize("case", ["random", "ties", "constant", "float32"])
def test_binary_probabilities(case):
    true, p = scored(case)
    np.testing.assert_allclose(M.log_loss(true, p), sk.log_loss(true, p), 1e-5)
    np.testing.assert_allclose(M.brier_score(true, p), sk.brier_score_loss(true, p), 1e-5)


def test_probabilities_of_labels_are_means_over_labels():
    rng = np.random.default_rng(1)
    true, p = rng.integers(0, 2, (30, 3)), rng.random((30, 3))
    columns = list(zip(true.T, p.T, strict=True))
    same(M.log_loss(true, p), np.mean([sk.log_loss(t, q) for t, q in columns]))
    same(M.brier_score(true, p), np.mean([sk.brier_score_loss(t, q) for t, q in columns]))
    same(M.expected_calibration_error(true, p),
         M.expected_calibration_error(true.ravel(), p.ravel()))  # fmt: skip


@pytest.mark.parametrize("bins", [1, 5, 10, 15])
@pytest.mark.parametrize("case", ["random", "ties", "constant"])
def test_reliability_bins_are_those_of_a_calibration_curve(case, bins):
    true, p = scored(case)
    found = M.reliability_bins(true, p, bins=bins)
    came_true, predicted = calibration_curve(true, p, n_bins=bins)
    full = found.counts > 0
    same(found.accuracy[full], came_true)
    same(found.confidence[full], predicted)
    assert found.counts.sum() == 80 and np.isnan(found.accuracy[~full]).all()
    weights = found.counts[full] / 80
    same(M.expected_calibration_error(true, p, bins=bins),
         (weights * abs(came_true - predicted)).sum())  # fmt: skip


def test_calibration_of_classes_by_a_naive_loop():
    true, p = of_classes("random")
    expected = 0.0
    for m in range(15):
        inside = [n for n in range(90) if m / 15 < p[n].max() <= (m + 1) / 15]
        if inside:
            right = np.mean([p[n].argmax() == true[n] for n in inside])
            expected += len(inside) / 90 * abs(right - np.mean([p[n].max() for n in inside]))
    same(M.expected_calibration_error(true, p), expected)


def test_probabilities_on_the_edges_of_bins():
    found = M.reliability_bins([0, 1, 1, 0, 1], [0.0, 0.2, 0.5, 0.7, 1.0], bins=2)
    assert found.counts.tolist() == [3, 2] and found.edges.tolist() == [0, 0.5, 1]
    assert M.expected_calibration_error([1, 0], [1.0, 0.0]) == 0
    assert M.expected_calibration_error([0, 1], [1.0, 0.0]) == 1


P = np.array([[0.5, 0.5], [0.1, 0.9]])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: M.roc_curve([], []), "at least one sample"),
        (lambda: M.roc_curve([0, 1], [0.1, math.nan]), r"finite, got nan at \[1\]"),
        (lambda: M.roc_curve([0, 1], [0.1, math.inf]), "finite, got inf"),
        (lambda: M.roc_curve([0, 2], [0.1, 0.2]), "0 to 1, got 2"),
        (lambda: M.roc_curve([0, 1], P), r"scores must be \(N,\)"),
        (lambda: M.roc_curve([0, 1, 1], [0.1, 0.2]), "same samples"),
        (lambda: M.pr_curve([[0, 1]], [0.1, 0.2]), "labels"),
        (lambda: M.roc_auc([0, 2], P), "0 to 1, got 2"),
        (lambda: M.roc_auc([0, 1], P * 2), "add up to 1, got 2"),
        (lambda: M.roc_auc([0, 1], P, average="samples"), "average must be one of"),
        (lambda: M.roc_auc([0, 1], P, average="micro", multi_class="ovo"), "'ovo'"),
        (lambda: M.roc_auc([0, 1], P, multi_class="all"), "multi_class must be"),
        (lambda: M.roc_auc([[0, 1, 1], [1, 0, 0]], P), "labels .N, K. need scores"),
        (lambda: M.log_loss([0, 1], P * 0.9), "add up to 1, got 0.9"),
        (lambda: M.log_loss([0, 1], [0.5, 1.5]), r"in \[0, 1\], got 1.5"),
        (lambda: M.brier_score([0, 1], [-0.5, 0.5]), r"in \[0, 1\], got -0.5"),
        (lambda: M.brier_score([0, 1], ["a", "b"]), "scores must be numbers"),
        (lambda: M.reliability_bins([0, 1], [0.5, 0.5], bins=0), "bins must be at least 1"),
    ],
)
def test_what_is_refused(call, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=words):
            call()
