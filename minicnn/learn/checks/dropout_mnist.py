"""Lesson 15: dropout as a layer, and weight decay."""

from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

MASK, EDGES, DECAY = "One mask, there and back", "Drawn anew each time", "Weight decay"
BUGS = (
    Bug(
        "drops-in-evaluation", "values are dropped in evaluation too", 15, EDGES,
        ("What should a trained network answer when it is asked twice?",
         "In evaluation dropout does nothing at all.",
         "Look at what happens when training is false."),
    ),
    Bug(
        "nothing-dropped-in-training", "nothing is dropped in training", 15, EDGES,
        ("How many zeros are in your output?",
         "A share p of the values should be dropped while training is true.",
         "Look at the condition, and at the comparison that makes the mask."),
    ),
    Bug(
        "scaled-in-evaluation", "the values are scaled in evaluation", 15, EDGES,
        ("What was the division in training for?",
         "Training has kept the expected value already, so nothing is left to do.",
         "Look at what is returned when training is false."),
        ("C80",),
    ),
    Bug(
        "same-mask-again", "every call drops the same values", 15, EDGES,
        ("Which values are dropped in the second step of training?",
         "The generator goes on from call to call; a seed starts it anew.",
         "Look for a generator or a seed inside the function."),
        ("C79",),
    ),
    Bug(
        "mask-shared-by-samples", "all samples have the same values dropped", 15, EDGES,
        ("What is the shape of your mask?",
         "Every value of x has a draw of its own.",
         "Look at the shape that is given to the generator."),
        ("C29",),
    ),
    Bug(
        "all-dropped-is-not-zero", "p = 1 does not give zeros", 15, EDGES,
        ("What is 1 - p for p = 1, and what is done with it?",
         "0 divided by 0 is not a number. Everything is dropped: the answer is 0.",
         "Look for the division, and for a case that must not reach it."),
    ),
    Bug(
        "wrong-share", "not the asked share of the values is dropped", 15, MASK,
        ("How many of 1000 values should be dropped with p = 0.2?",
         "A number drawn evenly from [0, 1) is below p with probability p.",
         "Look at the function that draws, and at the comparison."),
    ),
    Bug(
        "decays-vectors", "biases and the parameters of batch norm decay too", 15, DECAY,
        ("Which parameters can make a function steep: weights, or what is added?",
         "Vectors are left alone: biases, and batch norm's weight and bias.",
         "Look at which parameters get the extra term; the number of axes tells them apart."),
        ("C88",),
    ),
    Bug(
        "decay-missing", "the weights do not decay", 15, DECAY,
        ("What is the derivative of the penalty with respect to one weight?",
         "It is added to the gradient that the loss has given.",
         "Look at what you return."),
    ),
    Bug(
        "decay-sign", "the weights grow instead of shrinking", 15, DECAY,
        ("The optimizer subtracts the gradient. Which sign makes a weight smaller?",
         "The penalty grows with the weight, so its gradient has the weight's sign.",
         "Look at the sign of the extra term."),
    ),
    Bug(
        "decay-of-squares", "the penalty itself is added, not its derivative", 15, DECAY,
        ("What is the derivative of a square?",
         "The extra term is proportional to the weight.",
         "Look at the power."),
    ),
    Bug(
        "decay-doubled", "the decay is twice, or half, of what it should be", 15, DECAY,
        ("Is there a factor 1/2 in the penalty, and where does it go?",
         "The 2 of the derivative and the 1/2 of the penalty cancel.",
         "Look at the factors of the extra term."),
    ),
)  # fmt: skip


def dropout(functions: Functions, seed: int) -> Diagnosis:
    """20,000 values per p: the share that is kept is sure to 5 standard errors."""
    exam = Examination("dropout", "training", "evaluation", "edges")
    rng = np.random.default_rng([seed, 1])
    layer = functions["dropout"]
    x = rng.uniform(0.5, 2.0, (200, 100)) * rng.choice([-1, 1], (200, 100))
    for p in (0.2, 0.7):
        mine, source = x.copy(), np.random.default_rng([seed, 2])
        with exam.probe(f"p={p}"):
            first, second = (layer(mine, p, True, source) for _ in range(2))
            exam.unchanged(x, mine, "x")
            if _is_array(exam, "training", first, x):
                _training(exam, first / x, second / x, p)
            y = layer(mine, p, False, source)
            if _is_array(exam, "evaluation", y, x):
                _evaluation(exam, y / x)
    _edges(exam, layer, x, seed)
    return exam.diagnosis()


def _edges(exam: Examination, layer: Any, x: np.ndarray, seed: int) -> None:
    """p = 0 and p = 1; a division of 0 by 0 shows in the result."""
    with exam.probe("p=0"):
        exam.equal("edges", layer(x.copy(), 0.0, True, np.random.default_rng(seed)), x)
    with exam.probe("p=1"), np.errstate(all="ignore"):
        y = layer(x.copy(), 1.0, True, np.random.default_rng(seed))
        if _is_array(exam, "edges", y, x):
            evidence = f"{(y != 0).sum()} of {y.size} values are not 0, such as {y[0, 0]:.4g}"
            exam.require((y == 0).all(), "all-dropped-is-not-zero", "edges", evidence)


def _is_array(exam: Examination, where: str, y: Any, x: np.ndarray) -> bool:
    if not exam.require(y is not None, "returns-none", where, "the result is None"):
        return False
    shape = np.shape(y)
    return exam.require(shape == x.shape, "wrong-shape", where,
                        f"shape {shape}, right is {x.shape}")  # fmt: skip


def _training(exam: Examination, factor: np.ndarray, again: np.ndarray, p: float) -> None:
    kept, keep = factor != 0, 1 - p
    share, error = kept.mean(), 5 * np.sqrt(p * keep / factor.size)
    evidence = f"{share:.3f} of the values are kept, right is {keep:.3g}"
    if kept.all():
        exam.wrong("nothing-dropped-in-training", "training", evidence)
        return
    exam.require(not np.array_equal(kept, again != 0), "same-mask-again", "training",
                 "two calls with the same generator drop the same values")  # fmt: skip
    if (kept == kept[0]).all() or (kept == kept[:, :1]).all():
        exam.wrong("mask-shared-by-samples", "training", "all rows or all columns are alike")
    elif abs(share - keep) > error:
        inverted = abs(share - p) <= error
        exam.wrong("dropout-mask-inverted" if inverted else "wrong-share", "training", evidence)
    value = factor[kept]
    known = {"dropout-not-scaled": 1, "scale-inverted": keep, "keep-is-p": 1 / p, "scale-is-p": p,
             "dropout-scaled-twice": keep**-2}  # fmt: skip
    if not np.allclose(value, 1 / keep, rtol=1e-9):
        names = [bug for bug, number in known.items() if np.allclose(value, number, rtol=1e-9)]
        for bug in names or ["result-wrong"]:
            exam.wrong(bug, "training", f"kept values are multiplied by {value[0]:.4g}, right is "
                       f"1 / {keep:.2g} = {1 / keep:.4g}")  # fmt: skip


def _evaluation(exam: Examination, factor: np.ndarray) -> None:
    if (factor == 0).any():
        exam.wrong("drops-in-evaluation", "evaluation", f"{(factor == 0).sum()} values are 0")
    elif not np.allclose(factor, 1, rtol=1e-12):
        exam.wrong("scaled-in-evaluation", "evaluation", f"x is multiplied by {factor[0, 0]:.4g}")


def add_weight_decay(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("add_weight_decay", "weights", "vectors")
    rng = np.random.default_rng(seed)
    for name, shapes, decay in (
        ("dense", ((3, 4), (3,)), 0.1), ("filters, batch norm", ((2, 3, 3, 3), (2,), (2,)), 0.02),
    ):  # fmt: skip
        weights = [rng.standard_normal(s) for s in shapes]
        gradients = [rng.standard_normal(s) for s in shapes]
        mine = [g.copy() for g in gradients], [w.copy() for w in weights]
        with exam.probe(name):
            found = functions["add_weight_decay"](*mine, decay)
            for before, after in zip([*gradients, *weights], [*mine[0], *mine[1]], strict=True):
                exam.unchanged(before, after, "an argument")
            if found is None or len(found) != len(shapes):
                bug = "returns-none" if found is None else "wrong-count"
                exam.wrong(bug, "", f"{len(shapes)} gradients are to come back, got {found!r:.40}")
                continue
            for g, w, given in zip(gradients, weights, found, strict=True):
                _decayed(exam, g, w, given, decay)
    return exam.diagnosis()


def _decayed(exam: Examination, g: np.ndarray, w: np.ndarray, given: Any, decay: float) -> None:
    if w.ndim < 2:
        exam.equal("vectors", given, g, {"decays-vectors": g + decay * w})
        return
    factors = [g + f * decay * w for f in (0.5, 2)]
    doubled = next((a for a in factors if np.shape(given) == w.shape and np.allclose(given, a)), w)
    exam.equal("weights", given, g + decay * w, {
        "decay-missing": g, "decay-sign": g - decay * w, "decay-doubled": doubled,
        "decay-of-squares": g + decay * w**2,
    })  # fmt: skip


def _layer(
    mask: Any = lambda x, p, rng: rng.random(x.shape) >= p,
    scale: Any = lambda p: 1 / (1 - p), evaluation: Any = lambda x, p, rng: x,
) -> Any:  # fmt: skip
    """Dropout with one step as a typical mistake has it."""

    def layer(x, p, training, rng):  # type: ignore
        if not training:
            return evaluation(x, p, rng)
        return 0 * x if p == 1 else x if p == 0 else x * mask(x, p, rng) * scale(p)

    return {"dropout": layer}


def _divided(x, p, training, rng):  # type: ignore
    return x * (rng.random(x.shape) >= p) / (1 - p) if training else x


def _decay(term: Any, chosen: Any = lambda w: w.ndim > 1) -> Any:
    return {"add_weight_decay": lambda gs, ws, decay: [
        g + term(decay, w) if chosen(w) else g for g, w in zip(gs, ws, strict=True)]}  # fmt: skip


def _in_place(gs, ws, decay):  # type: ignore
    for g, w in zip(gs, ws, strict=True):
        if w.ndim > 1:
            g += decay * w
    return gs


CHECKS = {
    "dropout": Check(
        dropout,
        wrong=(
            Wrong("drops-in-evaluation",
                  _layer(evaluation=lambda x, p, rng: x * (rng.random(x.shape) >= p))),
            Wrong("scaled-in-evaluation", _layer(evaluation=lambda x, p, rng: x * (1 - p))),
            Wrong("nothing-dropped-in-training", _layer(mask=lambda x, p, rng: 1)),
            Wrong("dropout-mask-inverted", _layer(mask=lambda x, p, rng: rng.random(x.shape) < p)),
            Wrong("wrong-share", _layer(mask=lambda x, p, rng: rng.standard_normal(x.shape) >= p)),
            Wrong("same-mask-again", _layer(
                mask=lambda x, p, rng: np.random.default_rng(0).random(x.shape) >= p)),
            Wrong("mask-shared-by-samples",
                  _layer(mask=lambda x, p, rng: rng.random(x.shape[1:]) >= p)),
            Wrong("dropout-not-scaled", _layer(scale=lambda p: 1)),
            Wrong("scale-inverted", _layer(scale=lambda p: 1 - p)),
            Wrong("keep-is-p", _layer(scale=lambda p: 1 / p)),
            Wrong("scale-is-p", _layer(scale=lambda p: p)),
            Wrong("dropout-scaled-twice", _layer(scale=lambda p: (1 - p) ** -2)),
            Wrong("all-dropped-is-not-zero", {"dropout": _divided}),
            Wrong("returns-none", {"dropout": lambda x, p, training, rng: None}),
        ),
    ),
    "add_weight_decay": Check(
        add_weight_decay,
        wrong=(
            Wrong("decays-vectors", _decay(lambda d, w: d * w, lambda w: True)),
            Wrong("decay-missing", _decay(lambda d, w: d * w, lambda w: w.ndim < 2),
                  ("decays-vectors",)),
            Wrong("decay-missing", _decay(lambda d, w: 0)),
            Wrong("decay-sign", _decay(lambda d, w: -d * w)),
            Wrong("decay-doubled", _decay(lambda d, w: 2 * d * w)),
            Wrong("decay-doubled", _decay(lambda d, w: d / 2 * w)),
            Wrong("decay-of-squares", _decay(lambda d, w: d * w**2)),
            Wrong("changes-input", {"add_weight_decay": _in_place}),
            Wrong("returns-none", {"add_weight_decay": lambda gs, ws, decay: None}),
        ),
    ),
}  # fmt: skip
