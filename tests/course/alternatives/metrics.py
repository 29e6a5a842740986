"""Lesson 23: other right answers, and changes of the solutions that make no difference."""

import math

import numpy as np
from scipy.special import log_softmax, softmax


def scores_by_class(matrix):
    k = len(matrix)
    precision, recall, f1 = np.zeros(k), np.zeros(k), np.zeros(k)
    for i in range(k):
        if matrix[i, i]:
            precision[i] = matrix[i, i] / matrix[:, i].sum()
            recall[i] = matrix[i, i] / matrix[i, :].sum()
            f1[i] = 2 / (1 / precision[i] + 1 / recall[i])
    return precision, recall, sum(f1) / k


def scores_by_divide(matrix):
    hits = np.diag(matrix).astype(float)
    said, there = np.ones(len(hits)) @ matrix, matrix @ np.ones(len(hits))

    def share(a, b):
        return np.divide(a, b, out=np.zeros_like(a), where=b > 0)

    precision, recall = share(hits, said), share(hits, there)
    return [precision, recall, np.mean(share(2 * precision * recall, precision + recall))]


def forward_by_scipy(x, target, weight, gamma):
    log_p = np.take_along_axis(log_softmax(x, axis=1), target[:, None], axis=1)[:, 0]
    losses = -np.power(-np.expm1(log_p), gamma) * log_p
    return np.average(losses, weights=weight[target])


def forward_in_loops(x, target, weight, gamma):
    total = 0.0
    for row, t in zip(x, target, strict=True):
        top = max(row)
        log_p = row[t] - top - math.log(sum(math.exp(s - top) for s in row))
        total -= weight[t] * (1 - math.exp(log_p)) ** gamma * log_p
    return total / sum(weight[t] for t in target)


def backward_by_scipy(gy, x, target, weight, gamma):
    q, log_q = softmax(x, axis=1), log_softmax(x, axis=1)
    one_hot = np.eye(x.shape[1])[target]
    p, log_p = (q * one_hot).sum(1), (log_q * one_hot).sum(1)
    slope = -((1 - p) ** gamma)
    if gamma > 0:
        slope = slope + gamma * p * log_p * (1 - p) ** (gamma - 1)
    w = one_hot @ weight
    return gy / w.sum() * (w * slope)[:, None] * (one_hot - q)


def backward_by_jacobian(gy, x, target, weight, gamma):
    """One sample at a time, through the softmax's Jacobian."""
    gx = np.zeros_like(x)
    for n, (row, t) in enumerate(zip(x, target, strict=True)):
        q = np.exp(row - row.max())
        q = q / q.sum()
        jacobian = q[t] * (np.eye(len(q))[t] - q)
        if q[t] < 1e-200:  # its logarithm grows without limit, its gradient does not
            gx[n] = -(np.eye(len(q))[t] - q)
        else:
            slope = -((1 - q[t]) ** gamma) / q[t]
            if gamma:
                slope += gamma * (1 - q[t]) ** (gamma - 1) * np.log(q[t])
            gx[n] = slope * jacobian
        gx[n] *= gy * weight[t]
    return gx / weight[target].sum()


def error_by_search(p, labels, bins):
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    where = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    count = np.bincount(where, minlength=bins)
    full = count > 0
    gaps = np.abs(np.bincount(where, right, bins) - np.bincount(where, confidence, bins))[full]
    return np.average(gaps / count[full], weights=count[full])


def error_bin_by_bin(p, labels, bins):
    error = 0.0
    for m in range(bins):
        low, high = m / bins, (m + 1) / bins
        inside = (p.max(1) > low) & (p.max(1) <= high)
        if inside.any():
            gap = (p[inside].argmax(1) == labels[inside]).mean() - p[inside].max(1).mean()
            error += inside.mean() * abs(gap)
    return error


ALTERNATIVES = {
    "23.1": [{"precision_recall": f} for f in (scores_by_class, scores_by_divide)],
    "23.2": [{"focal_forward": f} for f in (forward_by_scipy, forward_in_loops)],
    "23.3": [{"focal_backward": f} for f in (backward_by_scipy, backward_by_jacobian)],
    "23.4": [{"calibration_error": f} for f in (error_by_search, error_bin_by_bin)],
}
ORDER = "a maximum is the same for both orders"
F1 = "23.1: f1 = 2 * hits / np.maximum(said + there, 1)  ->  "
SHARES = "23.1: return (hits / np.maximum(said, 1), hits / np.maximum(there, 1), f1.mean())  ->  "
PATH = (
    "23.3: path = gamma * p * (1 - p) ** (gamma - 1) * np.log(np.maximum(p, 1e-300)) if gamma "
    "else 0  ->  path = gamma * p * (1 - p) ** (gamma - 1) * "
)
TERM = "abs((right - confidence)[bin_of == m].sum())"
ERROR = f"23.4: return sum(({TERM} for m in range(1, bins + 1))) / len(p)  ->  return sum(("
SURVIVORS = {
    f"{F1}f1 = 2 * hits / np.maximum(1, said + there)": ORDER,
    f"{F1}f1 = 2 * hits / np.maximum(said + there, 2)": "with a hit, both sums are at least 1",
    f"{SHARES}return (hits / np.maximum(1, said), hits / np.maximum(there, 1), f1.mean())": ORDER,
    f"{SHARES}return (hits / np.maximum(said, 1), hits / np.maximum(1, there), f1.mean())": ORDER,
    f"{PATH}np.log(np.maximum(1e-300, p)) if gamma else 0": ORDER,
    f"{PATH}np.log(np.maximum(p, 2e-300)) if gamma else 0": "p stands before it, and is as small",
    f"{ERROR}{TERM} for m in range(0, bins + 1))) / len(p)": "the highest of K is above 0",
    f"{ERROR}{TERM} for m in range(1, bins + 2))) / len(p)": "no probability is above 1",
    f"{ERROR}abs((confidence - right)[bin_of == m].sum()) for m in range(1, bins + 1))) / len(p)": (
        "a distance has no sign"
    ),
}
