"""Losses: per place as in the papers, in plain loops."""

import math

import numpy as np
from scipy import special

from .table import case, distribution, normal, positive, unit, usual

REDUCTIONS = ("mean", "sum", "none")


def reduced(values, reduction="mean", count=None):
    if reduction == "none":
        return values
    total = math.fsum(np.ravel(values))
    if reduction == "mean":
        total /= values.size if count is None else count
    return np.array(total)


def per_entry(f):
    """A loss from a formula of one prediction and one target."""

    def loss(x, target, reduction="mean", **options):
        values = np.vectorize(lambda a, t: f(a, t, **options), otypes=[float])(x, target)
        return reduced(values, reduction)

    return loss


def huber(a, t, delta=1.0):
    d = abs(a - t)
    return d * d / 2 if d <= delta else delta * (d - delta / 2)


def smooth_l1(a, t, beta=1.0):
    d = abs(a - t)
    return d * d / 2 / beta if d < beta else d - beta / 2


SIMPLE = {
    "mse_loss": per_entry(lambda a, t: (a - t) ** 2),
    "l1_loss": per_entry(lambda a, t: abs(a - t)),
    "huber_loss": per_entry(huber),
    "smooth_l1_loss": per_entry(smooth_l1),
}


def binary_cross_entropy(x, target, weight=None, reduction="mean"):
    p = np.clip(x, math.exp(-100), 1)
    q = np.clip(1 - x, math.exp(-100), 1)
    loss = -(target * np.log(p) + (1 - target) * np.log(q))
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(x, target, weight=None, reduction="mean", pos_weight=None):
    positives = target if pos_weight is None else target * pos_weight
    loss = -(positives * special.log_expit(x) + (1 - target) * special.log_expit(-x))
    return reduced(loss if weight is None else loss * weight, reduction)


def sigmoid_focal_loss(x, target, alpha=0.25, gamma=2.0, reduction="none"):
    def one(a, t):
        p = special.expit(a)
        p_t = p * t + (1 - p) * (1 - t)
        entropy = -(t * special.log_expit(a) + (1 - t) * special.log_expit(-a))
        balance = alpha * t + (1 - alpha) * (1 - t) if alpha >= 0 else 1
        return balance * (1 - p_t) ** gamma * entropy

    return reduced(np.vectorize(one, otypes=[float])(x, target), reduction)


def by_place(x, target):
    """Yields (place, scores of all classes, label) for (C,), (N, C) and (N, C, ...)."""
    if x.ndim == 1:
        yield (), x, target[()]
        return
    for place in np.ndindex(target.shape):
        yield place, x[(place[0], slice(None), *place[1:])], target[place]


def labelled(f):
    """A loss from -ln p of the label; ``f(scores, label)`` gives it for weight 1."""

    def loss(x, target, weight=None, ignore_index=-100, reduction="mean", **options):
        values, total = np.zeros(target.shape), 0.0
        w = np.ones(x.shape[1] if x.ndim > 1 else len(x)) if weight is None else weight
        for place, scores, label in by_place(x, target):
            if label != ignore_index:
                values[place] = f(scores, label, w, **options)
                total += w[label]
        return reduced(values, reduction, total)

    return loss


def hard_cross_entropy(scores, label, w, label_smoothing=0.0):
    logp = special.log_softmax(scores)
    q = np.full(len(scores), label_smoothing / len(scores))
    q[label] += 1 - label_smoothing
    return -math.fsum(w * q * logp)


def focal(scores, label, w, gamma=2.0):
    logp = special.log_softmax(scores)[label]
    return -w[label] * (1 - math.exp(logp)) ** gamma * logp


nll_loss = labelled(lambda scores, label, w: -w[label] * scores[label])
focal_loss = labelled(focal)


def cross_entropy(
    x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):  # fmt: skip
    if target.dtype.kind == "i":
        hard = labelled(hard_cross_entropy)
        return hard(x, target, weight, ignore_index, reduction, label_smoothing=label_smoothing)
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    w = np.ones(classes) if weight is None else weight
    q = (1 - label_smoothing) * target + label_smoothing / classes
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    return reduced(-(w.reshape(shape) * q * special.log_softmax(x, axis)).sum(axis), reduction)


def rows():
    for op, f in SIMPLE.items():
        yield usual(op, f)
        for reduction in REDUCTIONS:
            yield case(op, (normal(3, 2), normal(3, 2)), f, reduction=reduction)
        far = (np.array([1000.0, -1000.0, 2.0]), np.array([-1000.0, 0.5, 1.5]))
        yield case(op, far, f, label="+-1000")
    yield case("huber_loss", (normal(3, 4), normal(3, 4)), SIMPLE["huber_loss"], delta=0.4)
    yield case("smooth_l1_loss", (normal(3, 4), normal(3, 4)), SIMPLE["smooth_l1_loss"], beta=0.4)
    corner = (np.array([0.5, 1.0, 0.0]), np.array([0.5, 0.0, 1.0]))
    for op in ("l1_loss", "huber_loss", "smooth_l1_loss"):
        yield case(op, corner, SIMPLE[op], label="corners", kinks=True)
    yield from binary()
    yield from classes()
    yield from class_probabilities()
    yield from focals()


def binary():
    plain, logits = "binary_cross_entropy", "binary_cross_entropy_with_logits"
    yield usual(plain, binary_cross_entropy)
    yield usual(logits, binary_cross_entropy_with_logits)
    for reduction in REDUCTIONS:
        probabilities = (unit(3, 2), unit(3, 2), positive(3, 2))
        yield case(plain, probabilities, binary_cross_entropy, fixed=(1, 2), reduction=reduction)
        scores = (normal(3, 2), unit(3, 2), positive(3, 2), positive(2))
        yield case(logits, scores, binary_cross_entropy_with_logits, fixed=(1, 2, 3),
                   keywords=("weight", "pos_weight"), reduction=reduction)  # fmt: skip
    far = (np.array([1000.0, -1000.0, 1000.0, -1000.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.3, 0.5]))
    yield case(logits, far, binary_cross_entropy_with_logits, label="+-1000", fixed=(1,))
    sure = (np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]))
    # torch's gradient at 0 and 1 is cut at 1e12; ours is that of the cut logarithm
    yield case(plain, sure, binary_cross_entropy, label="certain", fixed=(0, 1))


LABELS = {
    "plain": ((4, 3), [0, 2, 1, 2]),
    "ignored": ((4, 3), [0, -100, 1, 2]),
    "places": ((2, 3, 2), [[0, 2], [1, 1]]),
    "images": ((1, 3, 2, 2), [[[0, 2], [1, -100]]]),
    "one sample": ((3,), 2),
    "two classes": ((2, 2), [0, 1]),
}


def classes():
    for op, f in (("nll_loss", nll_loss), ("cross_entropy", cross_entropy)):
        yield usual(op, f)
        for label, (shape, target) in LABELS.items():
            for reduction in REDUCTIONS:
                w = positive(shape[1] if len(shape) > 1 else shape[0])
                inputs = (normal(*shape), np.array(target), w)
                yield case(op, inputs, f, label=f"{label}, {reduction}", fixed=(2,),
                           keywords=("weight",), reduction=reduction)  # fmt: skip
        target = np.array([0, 7, 1, 2])
        yield case(op, (normal(4, 3), target), f, ignore_index=7, label="ignore 7")
        ignored = (normal(3, 3), np.array([1, -1, 0]))
        yield case(op, ignored, f, ignore_index=-1, label="ignore -1")
    far = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 999.0], [0.0, 0.0, 1000.0]])
    for smoothing in (0.0, 0.1):
        yield case("cross_entropy", (far, np.array([1, 1, 0])), cross_entropy,
                   label=f"+-1000, smoothing {smoothing}", label_smoothing=smoothing)  # fmt: skip
    for label in ("ignored", "images"):
        shape, target = LABELS[label]
        for reduction in REDUCTIONS:
            yield case("cross_entropy", (normal(*shape), np.array(target), positive(3)),
                       cross_entropy, keywords=("weight",), label=f"{label}, smooth, {reduction}",
                       fixed=(2,), reduction=reduction, label_smoothing=0.2)  # fmt: skip
    yield case("cross_entropy", (normal(4, 3), np.array([0, 2, 1, 2])), cross_entropy,
               label_smoothing=1.0, label="all smoothing")  # fmt: skip


def class_probabilities():
    for shape in ((4, 3), (2, 3, 2), (1, 3, 2, 2)):
        for reduction in REDUCTIONS:
            inputs = (normal(*shape), distribution(*shape))
            yield case("cross_entropy", inputs, cross_entropy, reduction=reduction)
        inputs = (normal(*shape), distribution(*shape), positive(3))
        yield case("cross_entropy", inputs, cross_entropy, keywords=("weight",), fixed=(2,),
                   label_smoothing=0.3)  # fmt: skip
    yield case("cross_entropy", (normal(3), np.array([0.2, 0.5, 0.3])), cross_entropy)
    far = (np.array([[1000.0, -1000.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]))
    yield case("cross_entropy", far, cross_entropy, label="probabilities, +-1000", fixed=(1,))


def focals():
    yield usual("focal_loss", focal_loss, torch=None)
    yield usual("sigmoid_focal_loss", sigmoid_focal_loss, torch=None)
    for label, (shape, target) in LABELS.items():
        for gamma in (2.0, 0.0, 1.5):
            inputs = (normal(*shape), np.array(target))
            yield case("focal_loss", inputs, focal_loss, torch=None, gamma=gamma,
                       label=f"{label}, {gamma}")  # fmt: skip
    inputs = (normal(4, 3), np.array([0, 2, 1, -100]), positive(3))
    for reduction in REDUCTIONS:
        yield case("focal_loss", inputs, focal_loss, torch=None, keywords=("weight",), fixed=(2,),
                   reduction=reduction)  # fmt: skip
        yield case("sigmoid_focal_loss", (normal(3, 2), unit(3, 2)), sigmoid_focal_loss, torch=None,
                   reduction=reduction)  # fmt: skip
    for options in ({"alpha": -1.0}, {"alpha": 0.6, "gamma": 0.0}, {"gamma": 1.5}):
        hard = (normal(2, 2), np.array([[0.0, 1.0], [1.0, 1.0]]))
        yield case("sigmoid_focal_loss", hard, sigmoid_focal_loss, torch=None, fixed=(1,),
                   **options)  # fmt: skip
    far = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0]])
    yield case("focal_loss", (far, np.array([1, 1])), focal_loss, torch=None, label="+-1000")
    yield case("sigmoid_focal_loss", (far, np.array([[1.0, 1, 0], [0.0, 0, 1]])),
               sigmoid_focal_loss, torch=None, label="+-1000", fixed=(1,))  # fmt: skip
