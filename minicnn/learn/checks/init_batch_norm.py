"""Lesson 14: the first weights, and batch norm as a layer with running statistics."""

from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from ...testing.doctor.bugs.bug import Bug
from .examination import Check, Examination, Functions, Wrong

INIT, MODES, UNBIASED = (
    "The right size of a weight",
    "Training and evaluation",
    "Biased or unbiased",
)
BUGS = (
    Bug(
        "fan-out-for-fan-in", "the weights' size follows the number of outputs, not of inputs", 14,
        INIT,
        ("How many products are added up for one output?",
         "The sum runs over the inputs: for filters, over channels, rows and columns.",
         "Look at which axes of the shape are multiplied."),
    ),
    Bug(
        "filter-size-forgotten", "the pixels of a filter are not counted", 14, INIT,
        ("Over how many numbers does a filter of 3 by 3 sum for each channel?",
         "Fan-in is channels times rows times columns.",
         "Look at which axes of the shape are multiplied."),
    ),
    Bug(
        "gain-lost", "the factor for ReLU is missing", 14, INIT,
        ("What does a ReLU do to the mean square of numbers around 0?",
         "It takes half of it away; the weights have to make up for that.",
         "Look at the number in the numerator, under the root."),
    ),
    Bug(
        "variance-for-spread", "the variance was taken for the standard deviation", 14, INIT,
        ("Is 2 / fan_in the variance or its root?",
         "Numbers are multiplied by their standard deviation.",
         "Look for the square root."),
    ),
    Bug(
        "uniform-limit", "the spread is not that of normal numbers of this size", 14, INIT,
        ("Which numbers does your generator give: normal ones, or between two limits?",
         "Normal numbers of mean 0 and standard deviation 1 are what is scaled.",
         "Look at the function that draws."),
    ),
    Bug(
        "not-random", "two calls do not give what the generator gives", 14, INIT,
        ("Where do your random numbers come from?",
         "The generator is an argument, so that a seed repeats the training.",
         "Look for another generator, or for a seed, inside the function."),
    ),
    Bug(
        "mean-not-zero", "the weights are not around 0", 14, INIT,
        ("What is the mean of your weights?",
         "Positive and negative weights should be equally likely.",
         "Look at the function that draws."),
    ),
    Bug(
        "eval-uses-batch", "in evaluation the batch's own statistics are used", 14, MODES,
        ("May the answer for one image depend on which others are asked about?",
         "In evaluation mean and variance are the running estimates.",
         "Look at what is chosen when training is false."),
        ("C77",),
    ),
    Bug(
        "train-uses-running", "in training the running estimates normalise", 14, MODES,
        ("Whose mean is subtracted in training: the batch's, or that of all so far?",
         "The estimates are collected in training and used in evaluation.",
         "Look at what is chosen when training is true."),
        ("C77",),
    ),
    Bug(
        "eval-moves-running", "evaluation changes the running estimates", 14, MODES,
        ("What should be different after the network was asked about a test image?",
         "Nothing: only training collects.",
         "Look at whether the update stands inside the branch of training."),
        ("C77",),
    ),
    Bug(
        "running-not-moved", "training does not change the running arrays", 14, MODES,
        ("What do the caller's arrays hold after the call?",
         "A new array under the same name leaves the caller's as it was.",
         "Look at how the update is written: into the array, or to its name?"),
    ),
    Bug(
        "momentum-swapped", "momentum multiplies the old estimate, not the new value", 14, MODES,
        ("With momentum 0.1, how much of this batch comes into the estimate?",
         "A tenth is new; the rest is old.",
         "Look at the two factors of the update."),
    ),
    Bug(
        "running-replaced", "the running estimate is this batch's value alone", 14, MODES,
        ("What is left of the batches before?",
         "The estimate moves a little with each batch.",
         "Look at the two factors of the update."),
    ),
    Bug(
        "running-biased", "the running variance collects the biased variance", 14, UNBIASED,
        ("Which of the two variances estimates that of all images?",
         "The batch is normalised with the one, the estimate collects the other.",
         "Look at the variance in the update: divided by M or by M - 1?"),
        ("C70",),
    ),
    Bug(
        "running-std", "the running variance collects the standard deviation", 14, UNBIASED,
        ("Does your array hold a variance or its root?",
         "The root is taken in the forward pass, from the sum with epsilon.",
         "Look at what is computed from the batch for the update."),
    ),
)  # fmt: skip
SHAPES = {"dense (300, 500)": (300, 500), "filters (80, 40, 3, 5)": (80, 40, 3, 5)}


def he_normal(functions: Functions, seed: int) -> Diagnosis:
    """100,000 numbers have their standard deviation to 1 %, which is 4 times its error."""
    exam = Examination("he_normal", "weight")
    for name, shape in SHAPES.items():
        with exam.probe(name):
            weight = functions["he_normal"](shape, np.random.default_rng([seed, *shape]))
            if exam.require(weight is not None, "returns-none", "weight", "the result is None"):
                _size(exam, np.asarray(weight), shape)
                again = functions["he_normal"](shape, np.random.default_rng([seed, *shape]))
                other = functions["he_normal"](shape, np.random.default_rng([seed, 1]))
                same = np.array_equal(weight, again) and not np.array_equal(weight, other)
                exam.require(same, "not-random", "weight", "the seed of rng does not decide")
    return exam.diagnosis()


def _size(exam: Examination, weight: np.ndarray, shape: tuple[int, ...]) -> None:
    if not exam.require(weight.shape == shape, "wrong-shape", "weight",
                        f"shape {weight.shape}, right is {shape}"):  # fmt: skip
        return
    fan_in = np.prod(shape[1:])
    right, spread = np.sqrt(2 / fan_in), weight.std()
    evidence = f"the standard deviation is {spread:.4g}, right is {right:.4g} (fan-in {fan_in})"
    exam.require(abs(weight.mean()) < 0.02 * spread, "mean-not-zero", "weight",
                 f"the mean is {weight.mean():.4g}")  # fmt: skip
    known = {
        "fan-out-for-fan-in": np.sqrt(2 * shape[1] / (shape[0] * fan_in)),
        "filter-size-forgotten": np.sqrt(2 / shape[1]),
        "gain-lost": np.sqrt(1 / fan_in), "variance-for-spread": 2 / fan_in,
    }  # fmt: skip
    if abs(spread / right - 1) > 0.015:
        names = [bug for bug, value in known.items() if abs(spread / value - 1) < 0.015]
        for bug in names or ["result-wrong"]:
            exam.wrong(bug, "weight", evidence)
    elif abs(weight).max() < 2.5 * spread:
        exam.wrong("uniform-limit", "weight", f"the largest is {abs(weight).max() / spread:.3g} "
                   "standard deviations; of so many normal numbers some are beyond 3")  # fmt: skip


CALLS = (((7, 3), 0.1, 1e-3), ((5, 3, 2, 4), 0.3, 1e-5), ((6, 2), 0.2, 0.1))
PLACES = ("training", "evaluation", "running_mean", "running_var")


def batch_norm_layer(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("batch_norm_layer", *PLACES)
    rng = np.random.default_rng(seed)
    layer = functions["batch_norm_layer"]
    for shape, momentum, eps in (
        ((7, 3), 0.1, 1e-3),
        ((5, 3, 2, 4), 0.3, 1e-5),
        ((6, 2), 0.2, 0.1),
    ):
        c = shape[1]
        weight, bias, mean = rng.standard_normal((3, c))
        var = rng.uniform(0.5, 2.0, c)
        x = 2 * rng.standard_normal(shape) + 3
        with exam.probe(f"x {shape}, momentum {momentum}"):
            for training in (True, False):
                mine = [a.copy() for a in (x, weight, bias, mean, var)]
                y = layer(*mine, training, momentum, eps)
                _compare(exam, training, y, mine, (x, weight, bias, mean, var), momentum, eps)
    return exam.diagnosis()


def _compare(
    exam: Examination, training: bool, y: Any, mine: list, old: tuple, momentum: float, eps: float
) -> None:
    x, weight, bias, mean, var = old
    axes = tuple(i for i in range(x.ndim) if i != 1)
    m, v, v1 = x.mean(axes), x.var(axes), x.var(axes, ddof=1)

    def normalized(mean: np.ndarray, var: np.ndarray) -> np.ndarray:
        shape = (-1, *[1] * (x.ndim - 2))
        w, b, m, s = (a.reshape(shape) for a in (weight, bias, mean, np.sqrt(var + eps)))
        return (x - m) / s * w + b

    batch, running = normalized(m, v), normalized(mean, var)
    place, right = ("training", batch) if training else ("evaluation", running)
    known = {"train-uses-running": running, "unbiased-variance": normalized(m, v1)}
    exam.equal(place, y, right, known if training else {"eval-uses-batch": batch})
    for name, before, after in zip(("x", "weight", "bias"), old, mine, strict=False):
        exam.unchanged(before, after, name)
    if not training:
        for name, before, after in zip(PLACES[2:], old[3:], mine[3:], strict=True):
            exam.require(np.array_equal(before, after), "eval-moves-running", name,
                         f"{name} changed from {before[0]:.4g} to {after[0]:.4g}")  # fmt: skip
        return
    new_mean, new_var = _moved(mean, var, m, v1, momentum)
    exam.equal("running_mean", mine[3], new_mean, {
        "running-not-moved": mean, "running-replaced": m,
        "momentum-swapped": _moved(mean, var, m, v1, 1 - momentum)[0],
    })  # fmt: skip
    exam.equal("running_var", mine[4], new_var, {
        "running-not-moved": var, "running-replaced": v1,
        "momentum-swapped": _moved(mean, var, m, v1, 1 - momentum)[1],
        "running-biased": _moved(mean, var, m, v, momentum)[1],
        "running-std": _moved(mean, var, m, np.sqrt(v1), momentum)[1],
    })  # fmt: skip


def _moved(mean: Any, var: Any, m: Any, v: Any, momentum: float) -> tuple[Any, Any]:
    return (1 - momentum) * mean + momentum * m, (1 - momentum) * var + momentum * v


def _drawn(scale: Any) -> Any:
    return {"he_normal": lambda shape, rng: rng.standard_normal(shape) * scale(shape)}


def _layer(
    use_batch: Any = bool, move: Any = bool, ddof: int = 1, normal_ddof: int = 0,
    share: Any = lambda momentum: (1 - momentum, momentum), root: float = 1.0, own: bool = True,
) -> Any:  # fmt: skip
    """The layer, with one step as a typical mistake has it."""

    def layer(x, weight, bias, running_mean, running_var, training, momentum, eps):  # type: ignore
        axes = (0, *range(2, x.ndim))
        mean, var = running_mean.copy(), running_var.copy()
        if use_batch(training):
            mean, var = x.mean(axes), x.var(axes, ddof=normal_ddof)
        if move(training):
            kept, new = share(momentum)
            if not own:
                running_mean, running_var = running_mean.copy(), running_var.copy()
            running_mean[:] = kept * running_mean + new * x.mean(axes)
            running_var[:] = kept * running_var + new * x.var(axes, ddof=ddof) ** root
        shape = (-1, *[1] * (x.ndim - 2))
        w, b, m, s = (a.reshape(shape) for a in (weight, bias, mean, np.sqrt(var + eps)))
        return (x - m) / s * w + b

    return {"batch_norm_layer": layer}


CHECKS = {
    "he_normal": Check(
        he_normal,
        wrong=(
            Wrong("fan-out-for-fan-in",
                  _drawn(lambda s: np.sqrt(2 / (s[0] * np.prod(s[2:]))))),
            Wrong("filter-size-forgotten", _drawn(lambda s: np.sqrt(2 / s[1]))),
            Wrong("gain-lost", _drawn(lambda s: np.sqrt(1 / np.prod(s[1:])))),
            Wrong("variance-for-spread", _drawn(lambda s: 2 / np.prod(s[1:]))),
            Wrong("result-wrong", {"he_normal": lambda s, rng: (
                rng.uniform(-1, 1, s) * np.sqrt(2 / np.prod(s[1:])))}),
            Wrong("uniform-limit", {"he_normal": lambda s, rng: (
                rng.uniform(-1, 1, s) * np.sqrt(6 / np.prod(s[1:])))}),
            Wrong("mean-not-zero", {"he_normal": lambda s, rng: (
                rng.random(s) * np.sqrt(2 / np.prod(s[1:])))}),
            Wrong("not-random", {"he_normal": lambda s, rng: (
                np.random.default_rng(0).standard_normal(s) * np.sqrt(2 / np.prod(s[1:])))}),
            Wrong("returns-none", {"he_normal": lambda s, rng: None}),
        ),
    ),
    "batch_norm_layer": Check(
        batch_norm_layer,
        wrong=(
            Wrong("eval-uses-batch", _layer(use_batch=lambda training: True)),
            Wrong("train-uses-running", _layer(use_batch=lambda training: False)),
            Wrong("eval-moves-running", _layer(move=lambda training: True)),
            Wrong("running-not-moved", _layer(move=lambda training: False)),
            Wrong("running-not-moved", _layer(own=False)),
            Wrong("momentum-swapped", _layer(share=lambda m: (m, 1 - m))),
            Wrong("running-replaced", _layer(share=lambda m: (0, 1))),
            Wrong("running-biased", _layer(ddof=0)),
            Wrong("running-std", _layer(root=0.5)),
            Wrong("unbiased-variance", _layer(normal_ddof=1)),
        ),
    ),
}  # fmt: skip
