"""23 Metrics and imbalance: the solutions.

Made from lessons/23_metrics.py. Write your own first: there is more than one
right answer.
"""

import numpy as np


# 23.1 precision_recall   ★   15 minutes
def precision_recall(matrix):
    """(precision (K,), recall (K,), macro F1) of a confusion matrix (K, K), rows true; 0/0 is 0"""
    hits, said, there = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    f1 = 2 * hits / np.maximum(said + there, 1)
    return hits / np.maximum(said, 1), hits / np.maximum(there, 1), f1.mean()


# 23.2 focal_forward   ★★   25 minutes
def focal_forward(x, target, weight, gamma):
    """The loss L, a number; x (N, K), target (N,) class numbers, weight (K,), gamma 0 or >= 1"""
    shifted = x - x.max(1, keepdims=True)
    log_p = shifted[np.arange(len(x)), target] - np.log(np.exp(shifted).sum(1))
    w = weight[target]
    return -(w * (1 - np.exp(log_p)) ** gamma * log_p).sum() / w.sum()


# 23.3 focal_backward   ★★★   40 minutes
def focal_backward(gy, x, target, weight, gamma):
    """gx (N, K) of focal_forward; gy is a number"""
    e = np.exp(x - x.max(1, keepdims=True))
    q, rows, w = e / e.sum(1, keepdims=True), np.arange(len(x)), weight[target]
    p = q[rows, target]
    path = gamma * p * (1 - p) ** (gamma - 1) * np.log(np.maximum(p, 1e-300)) if gamma else 0
    one_hot = np.arange(x.shape[1]) == target[:, None]
    return gy * (w * (path - (1 - p) ** gamma) / w.sum())[:, None] * (one_hot - q)


# 23.4 calibration_error   ★★   20 minutes
def calibration_error(p, labels, bins):
    """The expected calibration error of probabilities p (N, K), labels (N,); bins is M"""
    confidence, right = p.max(1), p.argmax(1) == labels
    bin_of = np.ceil(confidence * bins).astype(int)
    # The mean of right minus confidence, times the count, is the sum.
    return sum(abs((right - confidence)[bin_of == m].sum()) for m in range(1, bins + 1)) / len(p)
