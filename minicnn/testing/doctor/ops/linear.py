"""The dense layer, in torch's layout: y = x weight^T + bias."""

from collections.abc import Callable, Iterator

import numpy as np

from ..case import Case
from ..op import Array, Call, Gradient, Mutant, Op, Probe
from ..report import Sign
from .detect import equals, forward_equals, forward_is_right, proportional
from .draw import usual


def _probes(seed: int) -> list[Probe]:
    """The square ones let a lost transpose through, one sample shows a lost axis."""
    rng = np.random.default_rng(seed)
    sizes = {"N 5, D 3, O 7": (5, 3, 7), "square weight": (5, 3, 3), "cube": (3, 3, 3),
             "one sample": (1, 5, 2)}  # fmt: skip
    return [
        Probe(name, {"x": usual(rng, n, d), "weight": usual(rng, o, d), "bias": usual(rng, o)})
        for name, (n, d, o) in sizes.items()
    ]


def _forward(c: Call) -> Array:
    return c.x @ c.weight.T + c.bias


def _gx(gy: Array, c: Call) -> Array:
    return gy @ c.weight


def _gweight(gy: Array, c: Call) -> Array:
    return gy.T @ c.x


def _gbias(gy: Array, c: Call) -> Array:
    return gy.sum(axis=0)


RULES: dict[str, Gradient] = {"x": _gx, "weight": _gweight, "bias": _gbias}


# Tests: the wrong way to put gy, x and weight together


def _wrong_products(case: Case) -> Iterator[Sign]:
    c, gy = case.call, case.gy
    if not forward_is_right(case):
        return
    n, (o, d) = len(c.x), c.weight.shape
    wrong = set(case.wrong())
    for name in wrong:
        ignored = RULES[name](np.ones_like(gy), c)
        yield from proportional(case, name, {"ignores-upstream": ignored})
    if "x" in wrong:
        yield from proportional(case, "x", {"absolute-value": gy @ np.abs(c.weight)})
    if "x" in wrong and o == d:
        yield from proportional(case, "x", {"transposed-once-too-often": gy @ c.weight.T})
    if "bias" in wrong:
        total = np.full(o, gy.sum())
        for divisor in (1, n, o, n * o):
            yield from equals(case, "bias", {"bias-summed-over-everything": total / divisor})
        if n == o:
            yield from proportional(case, "bias", {"bias-summed-over-wrong-axis": gy.sum(axis=1)})
    if "weight" in wrong:
        yield from proportional(case, "weight", {
            "batch-averaged-input": np.outer(gy.sum(axis=0), c.x.sum(axis=0)),
            "absolute-value": np.abs(gy).T @ np.abs(c.x),
        })  # fmt: skip
        yield from equals(case, "weight", {"absolute-value": gy.T @ np.abs(c.x)})
        if o == d:
            yield from proportional(case, "weight", {"output-for-input": gy.T @ c.y})


def _one_sample(case: Case) -> Iterator[Sign]:
    """The gradient of one sample, where all count."""
    c, gy = case.call, case.gy
    for i in range(len(c.x) if len(c.x) > 1 and forward_is_right(case) else 0):
        single = {"weight": np.outer(gy[i], c.x[i]), "bias": gy[i], "x": 0 * c.x}
        single["x"][i] = gy[i] @ c.weight
        for name in case.wrong():
            yield from proportional(case, name, {"one-sample-only": single[name]})


def _wrong_outputs(case: Case) -> Iterator[Sign]:
    c = case.call
    product = c.y - c.bias
    wrong = {"bias-lost": product}
    if c.weight.shape[0] == c.weight.shape[1]:
        wrong["weight-not-transposed"] = c.x @ c.weight + c.bias
    if len(c.x) == len(c.bias):
        wrong["bias-along-wrong-axis"] = product + c.bias[:, None]
    yield from forward_equals(case, wrong)


def _by(name: str, bug: str, also: tuple[str, ...] = (), **gradients: Gradient) -> Mutant:
    return Mutant(name, bug, gradients=gradients, also=also)


def _all(name: str, bug: str, change: Callable[[Gradient], Gradient]) -> Mutant:
    return Mutant(name, bug, gradients={of: change(rule) for of, rule in RULES.items()})


def _of_rows(rule: Gradient) -> Gradient:
    return lambda gy, c: rule(np.reshape(gy, (len(c.x), -1)), c)


def _scaled(c: Call) -> Array:
    """The forward pass changes the caller's x."""
    c.x *= 0.5
    return 2 * c.x @ c.weight.T + c.bias


def _first_only(gy: Array, c: Call) -> Array:
    return np.outer(gy[0], c.x[0])


_AVERAGED = "divided-by-batch"

linear = Op(
    "linear", {"x": "N D", "weight": "O D", "bias": "O"}, "N O",
    forward=_forward, gradients=RULES, probes=_probes,
    aliases={"w": "weight", "W": "weight", "b": "bias"},
    names={
        "gweight ratio:1/N": _AVERAGED, "gbias ratio:1/N": _AVERAGED, "gx ratio:1/N": _AVERAGED,
        "gweight transposed": "weight-gradient-transposed",
        "gbias missing-sum:": "bias-not-summed", "gbias missing-sum:N": "bias-not-summed",
        "gx transposed": "transposed-once-too-often",
        "gweight first-only:N": "one-sample-only", "gx first-only:N": "one-sample-only",
        "ratio:-1": "sign-flipped",
    },
    detectors=(_wrong_products, _one_sample, _wrong_outputs),
    mutants=(
        _by("gweight_transposed", "weight-gradient-transposed", weight=lambda gy, c: c.x.T @ gy,
            also=("wrong-shape", "transposed")),
        _by("gweight_over_n", _AVERAGED, weight=lambda gy, c: gy.T @ c.x / len(c.x)),
        _all("all_over_n", _AVERAGED, lambda rule: lambda gy, c: rule(gy, c) / len(c.x)),
        _by("gbias_not_summed", "bias-not-summed", bias=lambda gy, c: gy, also=("wrong-shape",)),
        _by("gbias_mean", _AVERAGED, bias=lambda gy, c: gy.mean(axis=0)),
        _by("gbias_axis_1", "bias-summed-over-wrong-axis", bias=lambda gy, c: gy.sum(axis=1),
            also=("wrong-shape",)),
        _by("gbias_total", "bias-summed-over-everything",
            bias=lambda gy, c: np.full_like(c.bias, gy.sum())),
        _by("gbias_counts_samples", "ignores-upstream",
            bias=lambda gy, c: np.full_like(c.bias, len(gy))),
        _by("gbias_kept_2d", "wrong-shape", bias=lambda gy, c: gy.sum(axis=0, keepdims=True),
            also=("reshaped",)),
        _by("gx_weight_transposed", "transposed-once-too-often", x=lambda gy, c: gy @ c.weight.T,
            also=("raises",)),
        _by("gx_detached", "zero-gradient", x=lambda gy, c: np.zeros_like(c.x)),
        _by("mean_input", "batch-averaged-input",
            weight=lambda gy, c: np.outer(gy.sum(axis=0), c.x.mean(axis=0))),
        _by("first_sample", "one-sample-only", weight=_first_only),
        _by("last_sample_bias", "one-sample-only", bias=lambda gy, c: gy[-1]),
        _by("absolute", "absolute-value", weight=lambda gy, c: gy.T @ np.abs(c.x)),
        _by("gweight_sign", "sign-flipped", weight=lambda gy, c: -gy.T @ c.x),
        _by("output_for_input", "output-for-input", weight=lambda gy, c: gy.T @ c.y,
            also=("wrong-shape",)),
        _all("upstream_ignored", "ignores-upstream",
             lambda rule: lambda gy, c: rule(np.ones_like(gy), c)),
        Mutant("input_halved", "changes-input", also=("random",), forward=_scaled),
        Mutant("bias_lost", "bias-lost", forward=lambda c: c.x @ c.weight.T),
        Mutant("weight_not_transposed", "weight-not-transposed", also=("raises",),
               forward=lambda c: c.x @ c.weight + c.bias),
        Mutant("bias_as_column", "bias-along-wrong-axis", also=("raises",),
               forward=lambda c: c.x @ c.weight.T + c.bias[:, None]),
        Mutant("squeezed", "forward-shape", forward=lambda c: np.squeeze(_forward(c)), gradients={
            of: _of_rows(rule) for of, rule in RULES.items()}),
    ),
)  # fmt: skip

OPS = (linear,)
