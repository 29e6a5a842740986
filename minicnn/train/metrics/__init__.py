"""How good a classifier is. Functions (labels, predictions or scores) -> number, as scikit-learn's,
and `Metrics`, which counts the same batch by batch."""

from .areas import average_precision, roc_auc
from .calibration import ReliabilityBins, expected_calibration_error, reliability_bins
from .classification import (
    accuracy,
    f1,
    fbeta,
    hamming_loss,
    jaccard,
    precision,
    recall,
    subset_accuracy,
    top_k_accuracy,
)  # fmt: skip
from .confusion import balanced_accuracy, cohen_kappa, confusion_matrix, matthews_correlation
from .curves import pr_curve, roc_curve
from .metrics import ClassRow, Metrics
from .probabilities import brier_score, log_loss
from .streaming import Calibration, ConfusionMatrix, LabelCounts, Mean, ScoredSamples

__all__ = [
    "Calibration", "ClassRow", "ConfusionMatrix", "LabelCounts", "Mean", "Metrics",
    "ReliabilityBins", "ScoredSamples", "accuracy", "average_precision", "balanced_accuracy",
    "brier_score", "cohen_kappa", "confusion_matrix", "expected_calibration_error", "f1", "fbeta",
    "hamming_loss", "jaccard", "log_loss", "matthews_correlation", "pr_curve", "precision",
    "recall", "reliability_bins", "roc_auc", "roc_curve", "subset_accuracy", "top_k_accuracy",
]  # fmt: skip
