"""Losses. ``reduction`` is "mean", "sum" or "none", as in torch.nn.functional."""

from typing import Any

import numpy as np

from ..kernels import array_module, kernels_for, to_device
from ..modes import is_recording, no_grad
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .activation import softplus
from .elementwise import abs, clip, exp, log, where
from .index import gather
from .reduce import log_softmax, logsumexp, mean, softmax, sum
from .shape import squeeze


def mse_loss(x: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """l = (x - t)^2"""
    x, target = _same_shape("mse_loss", x, target)
    return _reduce("mse_loss", (x - target) ** 2, reduction)


def l1_loss(x: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """l = |x - t|"""
    x, target = _same_shape("l1_loss", x, target)
    return _reduce("l1_loss", abs(x - target), reduction)


def huber_loss(
    x: TensorLike, target: TensorLike, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """l = d^2 / 2 where |d| <= delta, else delta (|d| - delta/2);  d = x - t (Huber, 1964)"""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    x, target = _same_shape("huber_loss", x, target)
    return _reduce("huber_loss", _huber(x - target, delta), reduction)


def _huber(d: Tensor, delta: float) -> Tensor:
    near = clip(d, -delta, delta)
    return near * (d - 0.5 * near)


def smooth_l1_loss(
    x: TensorLike, target: TensorLike, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """l = huber_loss with delta = beta, divided by beta (Girshick, 2015, equation 3)"""
    if beta <= 0:
        raise ValueError(f"smooth_l1_loss: beta must be positive, got {beta}")
    x, target = _same_shape("smooth_l1_loss", x, target)
    return _reduce("smooth_l1_loss", _huber(x - target, beta) / beta, reduction)


def binary_cross_entropy(
    x: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: str = "mean"
) -> Tensor:
    """l = -weight (t ln p + (1 - t) ln(1 - p)) for probabilities p = x; logarithms stop at -100

    Prefer binary_cross_entropy_with_logits, which loses no digits.
    """
    x, target = _same_shape("binary_cross_entropy", x, target)
    if x.numel() and not (0 <= float(x.data.min()) and float(x.data.max()) <= 1):
        raise ValueError(
            f"binary_cross_entropy: probabilities must lie in [0, 1], got {float(x.data.min())} to "
            f"{float(x.data.max())}; use binary_cross_entropy_with_logits for logits"
        )
    loss = _binary_cross_entropy(x, target)
    loss = loss if weight is None else loss * weight
    return _reduce("binary_cross_entropy", loss, reduction)


def _binary_cross_entropy(x: Tensor, target: Tensor) -> Tensor:
    """gx = gy (x - t) / (x (1 - x)), the divisor at least 1e-12: a sure wrong answer must learn."""
    with no_grad():
        loss = -(target * _log(x) + (1.0 - target) * _log(1.0 - x))

    def backward(gy: Tensor) -> Any:
        return (
            lambda: gy * (x - target) / clip(x * (1.0 - x), min=1e-12),
            lambda: gy * (_log(1.0 - x) - _log(x)),
        )

    return record("binary_cross_entropy", loss.data, (x, target), backward)


def _log(p: Tensor) -> Tensor:
    """ln p, but -100 where that is less."""
    positive = p.data > 0
    return clip(where(positive, log(where(positive, p, 1.0)), -100.0), min=-100.0)


def binary_cross_entropy_with_logits(
    x: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: str = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """l = weight (pos_weight t softplus(-x) + (1 - t) softplus(x)) for logits x

    softplus(-x) = -ln sigmoid(x), so this is binary_cross_entropy of sigmoid(x), with no overflow.
    """
    x, target = _same_shape("binary_cross_entropy_with_logits", x, target)
    positive = target if pos_weight is None else target * pos_weight
    loss = positive * softplus(-x) + (1.0 - target) * softplus(x)
    loss = loss if weight is None else loss * weight
    return _reduce("binary_cross_entropy_with_logits", loss, reduction)


def nll_loss(
    x: TensorLike, target: TensorLike, weight: TensorLike | None = None, ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """l[n] = -weight[t[n]] x[n, t[n]] for log-probabilities x; "mean" divides by the sum of weights

    Shapes: x (N, C) or (N, C, ...), target (N,) or (N, ...) of class numbers; ``ignore_index``
    marks places that do not count. Raises ValueError for labels out of range.
    """
    return _nll_loss("nll_loss", as_tensor(x), target, weight, ignore_index, reduction)


def _nll_loss(
    name: str, x: Tensor, target: TensorLike, weight: TensorLike | None, ignore_index: int,
    reduction: str, smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    labels, counts = _labels(name, x, target, ignore_index)
    axis = 1 if x.ndim > 1 else 0
    picked = -squeeze(gather(x, axis, array_module(labels).expand_dims(labels, axis)), axis)
    of_class = _class_weights(name, x, weight)
    w = counts * of_class[labels]
    loss = where(counts, picked, 0.0) * Tensor(w)
    if smoothing:
        spread = -sum(x * Tensor(_along(of_class, x.ndim, axis)), axis) / float(x.shape[axis])
        loss = (1.0 - smoothing) * loss + smoothing * where(counts, spread, 0.0)
    if reduction == "mean":
        return sum(loss) / float(w.sum())
    return _reduce(name, loss, reduction)


def cross_entropy(
    x: TensorLike, target: TensorLike, weight: TensorLike | None = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """l[n] = -sum_c weight[c] q[n,c] ln softmax(x[n])[c]

    q is 1 for the class ``target[n]`` (class numbers) or ``target[n]`` itself (probabilities, of
    x's shape), mixed with the uniform distribution: (1 - s) q + s / C for label_smoothing s
    (Szegedy et al., 2016, section 7). x is (N, C) or (N, C, ...). "mean" divides by the sum of the
    labels' weights, for probabilities by the number of places.
    """
    x = as_tensor(x)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}"
        )
    axis, target = 1 if x.ndim > 1 else 0, as_tensor(target)
    if target.dtype.kind != "f" and x.ndim == 2 and weight is None and reduction == "mean":
        labels, counts = _labels("cross_entropy", x, target, ignore_index)
        if counts.size and counts.all() and not label_smoothing:
            return _plain_cross_entropy(x, labels)
    logp = log_softmax(x, axis)
    if target.dtype.kind == "f":
        return _soft_cross_entropy(logp, target, weight, axis, reduction, label_smoothing)
    return _nll_loss(
        "cross_entropy", logp, target, weight, ignore_index, reduction, label_smoothing
    )


def _plain_cross_entropy(x: Tensor, labels: Any) -> Tensor:
    """l = -1/N sum_n ln softmax(x[n])[labels[n]];  gx = gy/N (softmax(x) - onehot(labels))"""
    kernels = kernels_for(x.data)

    def backward(gy: Tensor) -> Tensor:
        if not is_recording():
            return wrap(kernels.cross_entropy_grad(gy.data, x.data, labels))
        one_hot = labels[:, None] == array_module(labels).arange(x.shape[1])
        return gy * (softmax(x, 1) - wrap(one_hot.astype(x.dtype))) / float(len(labels))

    return record("cross_entropy", kernels.cross_entropy(x.data, labels), (x,), backward)


def _soft_cross_entropy(
    logp: Tensor, target: Tensor, weight: TensorLike | None, axis: int, reduction: str, s: float
) -> Tensor:
    logp, target = _same_shape("cross_entropy (probabilities)", logp, target)
    q = target * (1.0 - s) + s / logp.shape[axis]
    w = Tensor(_along(_class_weights("cross_entropy", logp, weight), logp.ndim, axis))
    return _reduce("cross_entropy", -sum(q * logp * w, axis), reduction)


def focal_loss(
    x: TensorLike, target: TensorLike, gamma: float = 2.0, weight: TensorLike | None = None,
    ignore_index: int = -100, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """l[n] = -weight[t] (1 - p)^gamma ln p with p = softmax(x[n])[t]: easy samples count less

    gamma = 0 is cross_entropy. Paper: Lin et al., Focal Loss, 2017, equation 4, for many classes.
    """
    x = as_tensor(x)
    axis = 1 if x.ndim > 1 else 0
    logp = log_softmax(x, axis)
    labels, _ = _labels("focal_loss", x, target, ignore_index)
    xp = array_module(labels)
    is_target = xp.expand_dims(labels, axis) == _along(xp.arange(x.shape[axis]), x.ndim, axis)
    # ln(1 - p) from the other classes: 1 - p itself is 0 for a sure answer, and so are its digits.
    others = where(is_target, -np.inf, x)
    log_miss = logsumexp(others, axis, keepdim=True) - logsumexp(x, axis, keepdim=True)
    modulated = logp * exp(float(gamma) * log_miss) if gamma else logp
    return _nll_loss("focal_loss", modulated, target, weight, ignore_index, reduction)


def sigmoid_focal_loss(
    x: TensorLike, target: TensorLike, alpha: float = 0.25, gamma: float = 2.0,
    reduction: str = "none",
) -> Tensor:  # fmt: skip
    """l = a (1 - p)^gamma (-ln p), p the probability given to the truth; a = alpha for positives,
    1 - alpha for negatives (alpha < 0: a = 1). Paper: Lin et al., 2017, equation 5.
    """
    x, target = _same_shape("sigmoid_focal_loss", x, target)
    loss = binary_cross_entropy_with_logits(x, target, reduction="none")
    if gamma and bool(((target.data == 0) | (target.data == 1)).all()):
        log_miss = -(target * softplus(x) + (1.0 - target) * softplus(-x))  # ln(1 - p)
        loss = loss * exp(float(gamma) * log_miss)
    elif gamma:
        miss = target * exp(-softplus(x)) + (1.0 - target) * exp(-softplus(-x))
        loss = loss * miss ** float(gamma)
    loss = loss * (alpha * target + (1.0 - alpha) * (1.0 - target)) if alpha >= 0 else loss
    return _reduce("sigmoid_focal_loss", loss, reduction)


# Arguments


def _reduce(name: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f'{name}: reduction must be "mean", "sum" or "none", got {reduction!r}')


def _same_shape(name: str, x: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor]:
    x, target = as_tensor(x), as_tensor(target)
    if x.shape != target.shape:
        raise ValueError(f"{name}: x and target must have one shape, got {x.shape} and "
                         f"{target.shape}")  # fmt: skip
    return x, target if target.dtype == x.dtype else target.astype(x.dtype)


def _labels(name: str, x: Tensor, target: TensorLike, ignore_index: int) -> tuple[Any, Any]:
    """Class numbers that are safe to index with, and which of them count."""
    labels = to_device(as_tensor(target).data, x.device)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: class numbers must be integers, got {labels.dtype}")
    places = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if labels.shape != places:
        raise ValueError(
            f"{name}: target must have shape {places} for x {x.shape}, got {labels.shape}"
        )
    counts = labels != ignore_index
    wrong = counts & ((labels < 0) | (labels >= classes))
    if wrong.any():
        raise ValueError(
            f"{name}: labels must lie in [0, {classes - 1}] for {classes} classes, got "
            f"{int(labels[wrong][0])}; check num_classes, or mark it with ignore_index"
        )
    return np.where(counts, labels, 0), counts


def _class_weights(name: str, x: Tensor, weight: TensorLike | None) -> Any:
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if weight is None:
        return array_module(x.data).ones(classes, x.dtype)
    w = as_tensor(weight).data.astype(x.dtype)
    if w.shape != (classes,):
        raise ValueError(
            f"{name}: weight must have one value per class ({classes}), got shape {w.shape}"
        )
    return w


def _along(w: Any, ndim: int, axis: int) -> Any:
    """(C,) as an array that broadcasts along ``axis``."""
    return w.reshape([-1 if i == axis else 1 for i in range(ndim)])
