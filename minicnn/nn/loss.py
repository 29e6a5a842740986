"""Losses as layers: called with (x, target). Formulas and papers stand at the ops.

``reduction`` is "mean", "sum" or "none". Class weights are buffers.
"""

from functools import partial

from .. import ops
from .layer import OpLayer


class _Loss(OpLayer):
    inputs = ("x", "target")


class CrossEntropyLoss(_Loss):
    """-ln softmax(x)[target] for logits x (N, C, ...) and class numbers or probabilities.

    CrossEntropyLoss(weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0)
    """

    op = ops.cross_entropy


class NLLLoss(_Loss):
    """-x[target] for log-probabilities x (N, C, ...) and class numbers.

    NLLLoss(weight=None, ignore_index=-100, reduction="mean")
    """

    op = ops.nll_loss


class MSELoss(_Loss):
    """MSELoss(reduction="mean"): (x - target)^2"""

    op = ops.mse_loss


class L1Loss(_Loss):
    """L1Loss(reduction="mean"): |x - target|"""

    op = ops.l1_loss


class HuberLoss(_Loss):
    """HuberLoss(reduction="mean", delta=1.0): a parabola up to an error of delta, then a line."""

    op = ops.huber_loss


class SmoothL1Loss(_Loss):
    """SmoothL1Loss(reduction="mean", beta=1.0): HuberLoss with delta = beta, divided by beta."""

    op = ops.smooth_l1_loss


class BCELoss(_Loss):
    """-target ln x - (1 - target) ln(1 - x) for probabilities x.

    BCELoss(weight=None, reduction="mean")
    """

    op = ops.binary_cross_entropy


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(x), without overflow; ``pos_weight`` multiplies the positives' part.

    BCEWithLogitsLoss(weight=None, reduction="mean", pos_weight=None)
    """

    op = ops.binary_cross_entropy_with_logits


class FocalLoss(_Loss):
    """CrossEntropyLoss in which easy samples count less, by (1 - p)^gamma.

    FocalLoss(gamma=2.0, weight=None, ignore_index=-100, reduction="mean")
    """

    op = ops.focal_loss


class SigmoidFocalLoss(_Loss):
    """BCEWithLogitsLoss in which easy samples count less.

    SigmoidFocalLoss(alpha=0.25, gamma=2.0, *, reduction="mean"): positives are weighted with alpha,
    negatives with 1 - alpha.
    """

    op = partial(ops.sigmoid_focal_loss, reduction="mean")  # the op's own default is "none"
