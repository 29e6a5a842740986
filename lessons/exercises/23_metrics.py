"""23 Metrics and imbalance: your part.

Write what is missing, save, and `minicnn learn` says whether it is right; or ask for one exercise
with `minicnn learn check 23.1`. The text is in lessons/23_metrics/README.md.
"""

import numpy as np


# 23.1 precision_recall   ★   15 minutes
def precision_recall(matrix):
    """(precision (K,), recall (K,), macro F1) of a confusion matrix (K, K), rows true; 0/0 is 0"""
    raise NotImplementedError("23.1 precision_recall: your turn")


# 23.2 focal_forward   ★★   25 minutes
def focal_forward(x, target, weight, gamma):
    """The loss L, a number; x (N, K), target (N,) class numbers, weight (K,), gamma 0 or >= 1"""
    raise NotImplementedError("23.2 focal_forward: your turn")


# 23.3 focal_backward   ★★★   40 minutes
def focal_backward(gy, x, target, weight, gamma):
    """gx (N, K) of focal_forward; gy is a number"""
    raise NotImplementedError("23.3 focal_backward: your turn")


# 23.4 calibration_error   ★★   20 minutes
def calibration_error(p, labels, bins):
    """The expected calibration error of probabilities p (N, K), labels (N,); bins is M"""
    raise NotImplementedError("23.4 calibration_error: your turn")
