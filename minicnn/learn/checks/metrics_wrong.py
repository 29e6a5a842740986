"""Lesson 23: the typical mistakes, as functions that have them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .examination import Wrong

Array = Any


class Mistakes(dict[str, dict[str, Callable[..., Any]]]):
    """The functions of each bug."""

    def as_wrong(self) -> tuple[Wrong, ...]:
        return tuple(Wrong(bug, functions) for bug, functions in self.items())


def _share(a: Array, b: Array) -> Array:
    return np.where(b > 0, a / np.maximum(b, 1), 0.0)


def _scores(
    said: int = 0, there: int = 1, share: Any = _share, f1: Any = None, mean: Any = None
) -> dict[str, Any]:
    def precision_recall(matrix: Array) -> Any:
        hits = matrix.diagonal()
        precision, recall = share(hits, matrix.sum(said)), share(hits, matrix.sum(there))
        each = (f1 or _harmonic)(precision, recall)
        return precision, recall, float((mean or _mean)(each, matrix))

    return {"precision_recall": precision_recall}


def _harmonic(p: Array, r: Array) -> Array:
    return np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1), 0.0)


def _nan_harmonic(p: Array, r: Array) -> Array:
    return 2 * p * r / (p + r)


def _mean(values: Array, matrix: Array) -> float:
    return float(values.mean())


def _pooled(matrix: Array) -> Any:
    share = matrix.trace() / matrix.sum()
    return np.full(len(matrix), share), np.full(len(matrix), share), float(share)


SCORES = Mistakes({
    "precision-recall-swapped": _scores(1, 0),
    "zero-by-zero": _scores(share=lambda a, b: a / b, f1=_nan_harmonic),
    "f1-arithmetic": _scores(f1=lambda p, r: (p + r) / 2),
    "f1-of-means": _scores(f1=lambda p, r: _harmonic(p.mean(), r.mean())),
    "micro-for-macro": _scores(mean=lambda f, m: m.trace() / m.sum()),
    "weighted-for-macro": _scores(mean=lambda f, m: (f * m.sum(1)).sum() / m.sum()),
    "share-of-all": _scores(said=None, there=None),  # type: ignore[arg-type]
})  # fmt: skip


def _parts(x: Array, target: Array) -> tuple[Array, Array, Array]:
    """p of all classes, ln p of the label, ln(1 - p) of the label."""
    shifted = x - x.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    own = log_p[np.arange(len(x)), target]
    return np.exp(log_p), own, np.log1p(-np.exp(own))


def _loss(
    factor: Any = lambda p, own, gamma: (1 - p) ** gamma,
    weigh: Any = lambda w, target: w[target],
    divide: Any = lambda w, target: w[target].sum(),
    log: Any = None,
) -> dict[str, Any]:
    def focal_forward(x: Array, target: Array, weight: Array, gamma: float) -> Array:
        p, own, _ = _parts(x, target)
        logs = log(x, target) if log else own
        losses = -weigh(weight, target) * factor(np.exp(own), p, gamma) * logs
        return losses.sum() / divide(weight, target)

    return {"focal_forward": focal_forward}


def _unsafe_log(x: Array, target: Array) -> Array:
    e = np.exp(x)
    return np.log(e[np.arange(len(x)), target] / e.sum(1))


FORWARD = Mistakes({
    "weights-by-count": _loss(divide=lambda w, target: len(target)),
    "weights-of-all-classes": _loss(divide=lambda w, target: w.sum()),
    "class-weights-missing": _loss(
        weigh=lambda w, target: 1, divide=lambda w, target: len(target)
    ),
    "loss-not-divided": _loss(divide=lambda w, target: 1),
    "focus-missing": _loss(factor=lambda own, p, gamma: 1),
    "focus-on-easy": _loss(factor=lambda own, p, gamma: own**gamma),
    "focus-on-scores": _loss(factor=lambda own, p, gamma: (1 - p.max(1)) ** gamma),
    "loss-overflows": _loss(log=_unsafe_log),
})  # fmt: skip


def _gradient(
    slope: Any = None, label: float = 1.0, scale: Any = lambda gy: gy,
    weigh: Any = lambda w, target: w[target] / w[target].sum(),
) -> dict[str, Any]:  # fmt: skip
    """gx = gy weight slope (one-hot - p), where slope is p times the loss's derivative by p."""

    def focal_backward(gy: Array, x: Array, target: Array, weight: Array, gamma: float) -> Array:
        p, own, _ = _parts(x, target)
        q = np.exp(own)
        towards = -p
        towards[np.arange(len(x)), target] += label
        s = (slope or (lambda *a: _log_path(*a) + _focus_path(*a)))(q, own, gamma)
        return scale(gy) * (weigh(weight, target) * s)[:, None] * towards

    return {"focal_backward": focal_backward}


def _log_path(q: Array, own: Array, gamma: float) -> Array:
    return -((1 - q) ** gamma)


def _focus_path(q: Array, own: Array, gamma: float) -> Array:
    return gamma * q * own * (1 - q) ** (gamma - 1) if gamma else 0 * q


BACKWARD = Mistakes({
    "focus-constant": _gradient(_log_path),
    "focus-path-alone": _gradient(_focus_path),
    "focus-path-sign": _gradient(lambda *a: _log_path(*a) - _focus_path(*a)),
    "focus-missing": _gradient(lambda q, own, gamma: -np.ones_like(q)),
    "label-not-subtracted": _gradient(label=0.0),
    "gy-missing": _gradient(scale=lambda gy: 1.0),
    "backward-sign": _gradient(scale=lambda gy: -gy),
    "weights-by-count": _gradient(weigh=lambda w, target: w[target] / len(target)),
    "weights-of-all-classes": _gradient(weigh=lambda w, target: w[target] / w.sum()),
    "class-weights-missing": _gradient(weigh=lambda w, target: np.ones(len(target)) / len(target)),
    "loss-not-divided": _gradient(weigh=lambda w, target: w[target]),
    "sure-answer-nan": _gradient(
        lambda q, own, gamma: _log_path(q, own, gamma) + gamma * q * own * (1 - q) ** (gamma - 1)
    ),
})  # fmt: skip


def _binned(
    sure: Any = lambda p, labels: p.max(1),
    right: Any = lambda p, labels: p.argmax(1) == labels,
    join: Any = lambda gaps, n: (abs(gaps) * n).sum() / n.sum(),
) -> dict[str, Any]:
    def calibration_error(p: Array, labels: Array, bins: int) -> float:
        confidence, outcome = sure(p, labels), right(p, labels) * 1.0
        where = np.ceil(confidence * bins).astype(int) - 1
        found = [(outcome[where == m].mean() - confidence[where == m].mean(), (where == m).sum())
                 for m in range(bins) if (where == m).any()]  # fmt: skip
        gaps, n = np.array(found).T
        return float(join(gaps, n))

    return {"calibration_error": calibration_error}


def _one_hot(p: Array, labels: Array) -> Array:
    return labels[:, None] == np.arange(p.shape[1])


def _per_sample(p: Array, labels: Array, bins: int) -> float:
    return float(abs(p.max(1) - (p.argmax(1) == labels)).mean())


CALIBRATION = Mistakes({
    "bins-unweighted": _binned(join=lambda gaps, n: abs(gaps).mean()),
    "gap-per-sample": {"calibration_error": _per_sample},
    "gaps-cancel": _binned(join=lambda gaps, n: abs((gaps * n).sum()) / n.sum()),
    "label-for-highest": _binned(sure=lambda p, labels: p[np.arange(len(p)), labels]),
    "all-probabilities": _binned(
        lambda p, labels: p.ravel(), lambda p, labels: _one_hot(p, labels).ravel()
    ),
    "squared-gaps": _binned(join=lambda gaps, n: (gaps**2 * n).sum() / n.sum()),
})  # fmt: skip
