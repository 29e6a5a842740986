"""Metrics batch by batch: the same numbers as from all samples at once."""

import math

import numpy as np
import pytest

from minicnn.train import metrics as M
from minicnn.train.metrics import Metrics

from .test_metrics import reference, sk

CLASSES = [f"class {i}" for i in range(7)]


def batches(n: int, sizes: tuple[int, ...] = (1, 40, 3, 1000)) -> list[slice]:
    edges = np.minimum(np.cumsum((0, *sizes)), n)
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False) if b > a]


def filled(metrics: Metrics, labels, scores) -> Metrics:
    for part in batches(len(labels)):
        metrics.update(labels[part], scores[part])
    return metrics


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check(numbers: dict[str, float], expected: dict[str, float]) -> None:
    assert numbers.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(numbers[name], value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("absent", [False, True])
def test_multiclass(absent):
    rng = np.random.default_rng(1)
    true, z = rng.integers(0, 7, 200), 3 * rng.standard_normal((200, 7)).astype(np.float32)
    if absent:
        true[true == 3] = 2
        z[:, 3] = -50  # neither there nor predicted
    p = softmax(z.astype(np.float64))
    guess, one_hot = p.argmax(1), np.eye(7, dtype=int)[true]
    there = np.unique(true)
    expected = {
        "accuracy": sk.accuracy_score(true, guess),
        "balanced_accuracy": sk.balanced_accuracy_score(true, guess),
        "matthews_correlation": sk.matthews_corrcoef(true, guess),
        "cohen_kappa": sk.cohen_kappa_score(true, guess),
        "log_loss": sk.log_loss(true, p, labels=range(7)),
        "brier_score": sk.brier_score_loss(true, p, labels=range(7)),
        "top_5_accuracy": sk.top_k_accuracy_score(true, p, k=5, labels=range(7)),
        "expected_calibration_error": M.expected_calibration_error(true, p),
        "roc_auc_macro": np.mean([sk.roc_auc_score(one_hot[:, k], p[:, k]) for k in there]),
        "average_precision_macro": sk.average_precision_score(one_hot[:, there], p[:, there]),
    }
    for average in ("macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            score = getattr(sk, f"{name}_score")(true, guess, average=average, zero_division=0)
            expected[f"{name}_{average}"] = score
    metrics = filled(Metrics("multiclass", CLASSES), true, z)
    check(metrics.compute(), expected)
    check(filled(Metrics("multiclass", CLASSES, from_logits=False), true, p).compute(), expected)
    assert (metrics.confusion == sk.confusion_matrix(true, guess, labels=range(7))).all()


def test_the_table_has_a_row_per_class():
    true, z = random_batch("multiclass", 8)
    metrics = filled(Metrics("multiclass", CLASSES), true, z)
    fields = sk.precision_recall_fscore_support(true, z.argmax(1), labels=range(7), zero_division=0)
    np.testing.assert_allclose([row[1:] for row in metrics.table()], np.transpose(fields))
    assert [row.name for row in metrics.table()] == CLASSES


def test_binary():
    rng = np.random.default_rng(2)
    true, z = rng.integers(0, 2, 150), 2 * rng.standard_normal((150, 1))
    p = 1 / (1 + np.exp(-z[:, 0]))
    guess = (p > 0.5).astype(int)
    metrics = filled(Metrics("binary", ["no", "yes"]), true, z)
    check(metrics.compute(), {
        "accuracy": sk.accuracy_score(true, guess),
        "balanced_accuracy": sk.balanced_accuracy_score(true, guess),
        "precision": sk.precision_score(true, guess), "recall": sk.recall_score(true, guess),
        "f1": sk.f1_score(true, guess),
        "matthews_correlation": sk.matthews_corrcoef(true, guess),
        "log_loss": sk.log_loss(true, p), "brier_score": sk.brier_score_loss(true, p),
        "expected_calibration_error": M.expected_calibration_error(true, p),
        "roc_auc": sk.roc_auc_score(true, p),
        "average_precision": sk.average_precision_score(true, p),
    })  # fmt: skip
    assert (metrics.confusion == sk.confusion_matrix(true, guess)).all()
    flat = filled(Metrics("binary", ["no", "yes"]), true.astype(np.float32), z[:, 0])
    assert flat.compute() == metrics.compute()


def test_multilabel():
    rng = np.random.default_rng(3)
    true, z = rng.integers(0, 2, (150, 4)), 2 * rng.standard_normal((150, 4))
    true[:, 2] = 0  # a label that never occurs
    p = 1 / (1 + np.exp(-z))
    guess = (p > 0.5).astype(int)
    metrics = filled(Metrics("multilabel", list("abcd")), true.astype(np.float32), z)
    expected = {
        "accuracy": sk.accuracy_score(true, guess),
        "hamming_loss": sk.hamming_loss(true, guess),
        "jaccard_macro": sk.jaccard_score(true, guess, average="macro"),
        "log_loss": M.log_loss(true, p), "brier_score": M.brier_score(true, p),
        "expected_calibration_error": M.expected_calibration_error(true, p),
        "roc_auc_macro": sk.roc_auc_score(true[:, [0, 1, 3]], p[:, [0, 1, 3]]),
        "average_precision_macro":
            sk.average_precision_score(true[:, [0, 1, 3]], p[:, [0, 1, 3]]),
    }  # fmt: skip
    for average in ("macro", "micro"):
        for name in ("precision", "recall", "f1"):
            theirs = getattr(sk, f"{name}_score")
            score = reference(theirs, true, guess, average=average, zero_division=0)
            expected[f"{name}_{average}"] = score
    check(metrics.compute(), expected)
    assert (metrics.confusion == sk.multilabel_confusion_matrix(true, guess)).all()


def random_batch(task: str, seed: int):
    rng = np.random.default_rng(seed)
    if task == "multiclass":
        return rng.integers(0, 7, 30), rng.standard_normal((30, 7))
    if task == "binary":
        return rng.integers(0, 2, 30), rng.standard_normal(30)
    return rng.integers(0, 2, (30, 7)), rng.standard_normal((30, 7))


def new(task: str, **options) -> Metrics:
    return Metrics(task, CLASSES[:2] if task == "binary" else CLASSES, **options)


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_merge_and_reset(task):
    whole, left, right = new(task), new(task), new(task)
    for seed, part in ((1, left), (2, right), (3, right)):
        whole.update(*random_batch(task, seed))
        part.update(*random_batch(task, seed))
    left.merge(right)
    check(left.compute(), whole.compute())
    assert len(left) == len(whole) == 90 and str(left).splitlines()[0].startswith("class ")
    left.reset()
    with pytest.raises(ValueError, match="got none"):
        left.compute()
    left.update(*random_batch(task, 1))
    first = new(task)
    first.update(*random_batch(task, 1))
    assert left.compute() == first.compute()


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_a_refused_batch_leaves_no_trace(task):
    metrics = new(task)
    metrics.update(*random_batch(task, 1))
    before = metrics.compute()
    labels, scores = random_batch(task, 2)
    bad = scores.copy()
    bad.flat[5] = math.nan
    for wrong in ((labels, bad), (labels[:-1], scores), (labels + 9, scores), ([], [])):
        with pytest.raises(ValueError):
            metrics.update(*wrong)
    assert metrics.compute() == before and len(metrics) == 30


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_without_curves_no_scores_are_kept(task):
    with_curves, without = new(task), new(task, curves=False)
    for metrics in (with_curves, without):
        metrics.update(*random_batch(task, 1))
    missing = with_curves.compute().keys() - without.compute().keys()
    assert len(missing) == 2 and all("roc_auc" in n or "average_precision" in n for n in missing)
    assert all(with_curves.compute()[k] == v for k, v in without.compute().items())
    with pytest.raises(ValueError, match="curves=True"):
        without.samples()
    with pytest.raises(ValueError, match="same curves"):
        without.merge(with_curves)


def test_a_caller_may_reuse_its_arrays():
    metrics, (labels, scores) = new("binary"), random_batch("binary", 1)
    metrics.update(labels, scores)
    before = metrics.compute()
    labels[:], scores[:] = 0, 0
    assert metrics.compute() == before


def test_one_sample_and_one_class():
    metrics = Metrics("multiclass", ["a", "b", "c"])
    metrics.update([1], [[0.0, 5.0, 0.0]])
    numbers = metrics.compute()
    assert numbers["accuracy"] == numbers["f1_macro"] == 1 and math.isnan(numbers["roc_auc_macro"])
    only = Metrics("multiclass", ["a"])
    only.update([0, 0], [[1.0], [2.0]])
    assert only.compute()["accuracy"] == 1


def test_huge_logits_do_not_overflow():
    for task in ("multiclass", "binary", "multilabel"):
        metrics, (labels, scores) = new(task), random_batch(task, 1)
        metrics.update(labels, (1e4 * scores).astype(np.float32))
        assert math.isfinite(metrics.compute()["log_loss"])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Metrics("regression", ["a"]), "task must be one of multiclass, binary"),
        (lambda: Metrics("binary", ["a", "b", "c"]), "the two classes"),
        (lambda: Metrics("multiclass", []), "at least one class"),
        (lambda: new("binary").update([0, 1], [[0.1, 0.2], [0.2, 0.1]]), r"scores \(B,\) or"),
        (lambda: new("multiclass").update([0], [[0.1, 0.2]]), r"scores \(B, 7\), got"),
        (lambda: new("multiclass").update([[0] * 7], [[0.1] * 7]), r"labels \(B,\)"),
        (lambda: new("multilabel").update([0], [[0.1] * 7]), r"labels and scores \(B, 7\)"),
        (lambda: new("multilabel").update([0.5], [0.1]), "whole numbers"),
        (lambda: new("binary", from_logits=False).update([1], [2.0]), r"in \[0, 1\], got 2"),
        (lambda: new("binary").merge(new("multiclass")), "same task"),
        (lambda: M.ConfusionMatrix(3).merge(M.ConfusionMatrix(2)), "the same size"),
        (lambda: M.ConfusionMatrix(3).update([[0, 1]], [[0, 1]]), r"labels must be \(B,\)"),
        (lambda: M.LabelCounts(3).update([[0, 1]], [[0, 1]]), r"labels must be \(B, 3\)"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
