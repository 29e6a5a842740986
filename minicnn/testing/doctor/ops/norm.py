"""Batch norm in training and layer norm: one rule, with statistics over other axes.

y = weight * xhat + bias,  xhat = (x - mean) / sqrt(var + eps), with the biased variance. The input
acts on y by three paths: itself, through the mean, and through the variance:

    gx = (g - mean(g) - xhat * mean(g * xhat)) / sqrt(var + eps),  g = gy * weight

Source: Ioffe and Szegedy 2015, section 3; Ba, Kiros and Hinton 2016, equation 4.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..op import Call, Forward, Gradient, Op, Probe
from .norm_bugs import BATCH_MUTANTS, LAYER_MUTANTS
from .norm_rule import batch, count, gbias, gweight, layer, norm, paths
from .norm_signs import backward_axes, forward_axes, forward_steps, parameters, three_paths

GRADIENTS: dict[str, Gradient] = {"x": paths(), "weight": gweight, "bias": gbias}
DETECTORS = (three_paths, backward_axes, forward_steps, forward_axes, parameters)
NAMES = {
    "gx ratio:M": "sum-for-mean",
    "gx ratio:D": "sum-for-mean",
    "gweight ratio:1/M": "parameter-gradient-averaged",
    "gbias ratio:1/M": "parameter-gradient-averaged",
    "gweight missing-sum:N": "parameter-gradient-not-summed",
    "gbias missing-sum:N": "parameter-gradient-not-summed",
}


def constants(c: Call) -> dict[str, float]:
    m, rows = count(c), c.x.size // c.weight.size
    found = {"M": m, "1/M": 1 / m, "M/(M-1)": m / (m - 1), "(M-1)/M": (m - 1) / m}
    return {**found, "sqrt((M-1)/M)": np.sqrt((m - 1) / m), "rows": rows, "1/rows": 1 / rows}


def probe(
    name: str, seed: int, shape: tuple[int, ...], channels: int, at: tuple[float, float], eps: float
) -> Probe:
    """x of one mean and spread per probe; weights of both signs, none near 0 or 1."""
    random = np.random.default_rng([seed, *name.encode()])
    mean, spread = at
    weight = random.uniform(1.2, 1.9, channels) * np.where(np.arange(channels) % 2, -1, 1)
    x = mean + spread * random.standard_normal(shape)
    inputs = {"x": x, "weight": weight, "bias": random.uniform(0.3, 0.9, channels)}
    return Probe(name, inputs, {"eps": eps})


def batch_probes(seed: int) -> Iterator[Probe]:
    yield probe("features", seed, (7, 3), 3, (0.4, 2.0), 1e-3)
    yield probe("images", seed, (5, 3, 2, 7), 3, (0.7, 1.5), 1e-5)
    yield probe("small variance", seed, (7, 3), 3, (0.2, 0.02), 1e-5)
    yield probe("far from 0", seed, (11, 2), 2, (40.0, 3.0), 1e-5)


def layer_probes(seed: int) -> Iterator[Probe]:
    yield probe("rows", seed, (5, 7), 7, (0.4, 2.0), 1e-3)
    yield probe("sequences", seed, (3, 2, 7), 7, (0.7, 1.5), 1e-5)
    yield probe("small variance", seed, (3, 11), 11, (0.2, 0.02), 1e-5)
    yield probe("far from 0", seed, (2, 3, 5), 5, (40.0, 3.0), 1e-5)


def norm_op(
    name: str, inputs: dict[str, str], forward: Forward, probes: Callable[[int], Iterator[Probe]],
    mutants: tuple,
) -> Op:  # fmt: skip
    return Op(
        name, inputs, inputs["x"], forward, GRADIENTS, probes, mutants, constants,
        names=NAMES, detectors=DETECTORS, aliases={"epsilon": "eps"}, defaults={"eps": 1e-5},
    )  # fmt: skip


IMAGES = {"x": "N C H W", "weight": "C", "bias": "C"}
ROWS = {"x": "", "weight": "D", "bias": "D"}
batch_norm = norm_op("batch_norm", IMAGES, norm(batch), batch_probes, BATCH_MUTANTS)
layer_norm = norm_op("layer_norm", ROWS, norm(layer), layer_probes, LAYER_MUTANTS)
OPS = (batch_norm, layer_norm)
