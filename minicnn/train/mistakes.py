"""The worst mistakes of a classifier: what it was sure of and wrong about."""

from collections.abc import Sequence
from os import PathLike
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np

from ..viz import plot_mistakes
from .metrics.checks import Labels
from .metrics.probabilities import checked

_SIDE = 256  # pixels; larger images are thinned out, since they are shown in the size of a thumb


class Mistake(NamedTuple):
    """One wrong answer, on sample number ``sample``; ``loss`` is -ln p(truth)."""

    sample: int
    truth: str
    guess: str
    confidence: float
    loss: float


def worst_mistakes(
    labels: Labels, probabilities: np.ndarray, classes: Sequence[str], count: int = 25
) -> list[Mistake]:
    """The wrong answers with the highest loss, the worst first.

    Labels and probabilities as `metrics.log_loss` takes them; binary and multilabel answers are
    decided at 0.5. Of several labels per sample, the worst label of each sample.

    Raises ValueError as `metrics.log_loss`, and where the names do not fit.
    """
    true, p = checked("worst_mistakes", labels, probabilities)
    k = p.shape[1] if p.ndim == 2 else 2
    if len(classes) != k:
        raise ValueError(f"worst_mistakes: there must be {k} names of classes, got {len(classes)}")
    rows = np.arange(len(p))
    if true.ndim == 1:
        p = np.stack([1 - p, p], axis=1) if p.ndim == 1 else p
        guess, own = p.argmax(axis=1), p[rows, true]
        wrong, confidence = guess != true, p.max(axis=1)
        names = [(classes[t], classes[g]) for t, g in zip(true, guess, strict=True)]
    else:
        own = np.where(true, p, 1 - p)
        label = own.argmin(axis=1)
        own = own[rows, label]
        wrong, confidence = (p[rows, label] > 0.5) != true[rows, label], 1 - own
        there = true[rows, label]
        names = [_with_and_without(classes[j], t) for j, t in zip(label, there, strict=True)]
    order = [i for i in np.argsort(own, kind="stable") if wrong[i]][:count]
    loss = -np.log(np.clip(own, np.finfo(np.float64).tiny, None, dtype=np.float64))
    return [
        Mistake(int(i), names[i][0], names[i][1], float(confidence[i]), float(loss[i]))
        for i in order
    ]


def save_mistakes(
    dataset: Any, mistakes: Sequence[Mistake], path: str | PathLike[str]
) -> list[Mistake]:
    """Draw them as a sheet of images; those that can be read are drawn and returned.

    ``dataset[i]`` gives an image (a PIL image, or an array (H, W, C)) and its label, as data sets
    in memory and in files do. Nothing is written if there is no image to draw.
    """
    drawn, images = [], []
    for mistake in mistakes:
        try:
            image = np.asarray(dataset[mistake.sample][0])
        except (OSError, ValueError):  # a file that has gone or was damaged since
            continue
        drawn.append(mistake)
        step = max(1, min(image.shape[:2]) // _SIDE)
        images.append(image[::step, ::step])
    if drawn:
        notes = [f"{m.confidence:.0%} {_place(dataset, m.sample)}" for m in drawn]
        truths = [f"is {m.truth}" for m in drawn]
        plot_mistakes(images, truths, [f"taken for {m.guess}" for m in drawn], notes, path)
    return drawn


def _with_and_without(name: str, there: bool) -> tuple[str, str]:
    return (name, f"no {name}") if there else (f"no {name}", name)


def _place(dataset: Any, index: int) -> str:
    """A short name of a sample: the file's, without its folders, or its number."""
    source = dataset.source(index)
    return PurePath(source).name if "/" in source or "\\" in source else f"#{index}"
