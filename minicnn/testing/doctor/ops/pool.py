"""Pooling, and its opposite: nearest neighbour upsampling."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..op import Call, Op, Probe
from .pool_bugs import AVERAGE_BUGS, GLOBAL_BUGS, MAX_BUGS, NEAREST_BUGS
from .pool_rules import (
    average_forward,
    average_gradient,
    average_output,
    global_forward,
    max_forward,
    max_gradient,
    max_output,
    nearest_forward,
    nearest_gradient,
)  # fmt: skip
from .pool_variants import (
    assigned_signs,
    average_signs,
    in_average_gradient,
    in_max_gradient,
    in_output,
    nearest_signs,
    statistic_signs,
    tie_signs,
)  # fmt: skip
from .sliding.evidence import Index
from .sliding.numbers import signed, spaced
from .sliding.outputs import output_signs
from .sliding.touched import Meeting, touched_signs
from .sliding.values import input_value_signs

INPUTS = {"x": "N C H W"}
DEFAULTS = {"stride": lambda options: options["kernel_size"], "padding": 0}
ALIASES = {
    "kernel": "kernel_size", "k": "kernel_size", "size": "kernel_size", "pool_size": "kernel_size",
    "window": "kernel_size", "s": "stride", "strides": "stride", "pad": "padding",
}  # fmt: skip


def _meets_window(c: Call, index: Index) -> Meeting:
    n, ch, i, j = index
    return Meeting(n, [ch], i, j, range(c.rows.kernel), range(c.cols.kernel))


def _meets_winner(c: Call, index: Index) -> Meeting:
    """Of a window only the pixel that won."""
    n, ch, i, j = index
    u, v = (int(a[0]) for a in np.nonzero(c.mask[n, ch, :, :, i, j]))
    return Meeting(n, [ch], i, j, [u], [v])


def _constants(c: Call) -> dict[str, float]:
    kh, kw = c.rows.kernel, c.cols.kernel
    return {"kh*kw": kh * kw, "kh": kh, "kw": kw, "H'*W'": c.y.shape[2] * c.y.shape[3]}


def _probe(
    rng: np.random.Generator,
    name: str,
    x: tuple[int, ...],
    size: Any,
    stride: Any,
    padding: int = 0,
) -> Probe:
    how = {"kernel_size": size, "stride": stride, "padding": padding}
    kind = "pairs" if isinstance(size, tuple) else "usual"
    return Probe(name, {"x": spaced(rng, *x)}, how, kind)


def average_probes(seed: int) -> Iterator[Probe]:
    for probe in _usual_probes(np.random.default_rng(seed)):
        options = {key: probe.options[key] for key in ("kernel_size", "stride")}
        yield replace(probe, options=options)


def _usual_probes(rng: np.random.Generator) -> Iterator[Probe]:
    yield _probe(rng, "2", (3, 2, 4, 6), 2, 2)
    yield _probe(rng, "2, last row and column unused", (2, 3, 5, 7), 2, 2)
    yield _probe(rng, "3, stride 2", (2, 3, 7, 9), 3, 2)
    yield _probe(rng, "3, stride 1", (2, 2, 5, 6), 3, 1)
    yield _probe(rng, "2, stride 3", (2, 2, 8, 9), 2, 3)
    yield _probe(rng, "square", (2, 2, 4, 4), 2, 2)
    yield _probe(rng, "2x3", (2, 2, 6, 9), (2, 3), (2, 3))
    yield _probe(rng, "3x4, stride 2x3", (2, 2, 7, 10), (3, 4), (2, 3))


def max_probes(seed: int) -> Iterator[Probe]:
    rng = np.random.default_rng(seed)
    yield from _usual_probes(rng)
    padded = _probe(rng, "3, stride 2, padding 1, all negative", (2, 2, 6, 7), 3, 2, 1)
    yield replace(padded, inputs={"x": padded.inputs["x"] - 1 - padded.inputs["x"].max()})
    yield _probe(rng, "5, stride 2, padding 2", (2, 2, 7, 6), 5, 2, 2)
    equal = _probe(rng, "ties", (2, 2, 4, 6), 2, 2)
    yield replace(equal, inputs={"x": rng.integers(0, 2, (2, 2, 4, 6)) + 0.5}, kind="kink")


def global_probes(seed: int) -> Iterator[Probe]:
    rng = np.random.default_rng(seed)
    yield Probe("5x7", {"x": signed(rng, 2, 3, 5, 7)})
    yield Probe("square", {"x": signed(rng, 3, 2, 4, 4)})


def nearest_probes(seed: int) -> Iterator[Probe]:
    rng = np.random.default_rng(seed)
    yield Probe("2", {"x": signed(rng, 2, 3, 4, 5)}, {"scale_factor": 2})
    yield Probe("3", {"x": signed(rng, 5, 2, 2, 3)}, {"scale_factor": 3})
    yield Probe("square", {"x": signed(rng, 2, 2, 3, 3)}, {"scale_factor": 2})
    yield Probe("2x3", {"x": signed(rng, 2, 2, 3, 4)}, {"scale_factor": (2, 3)}, "pairs")


max_pool2d = Op(
    "max_pool2d", INPUTS, "N C H' W'", max_forward, {"x": max_gradient}, max_probes,
    mutants=MAX_BUGS, constants=_constants, aliases=ALIASES, defaults=DEFAULTS,
    conventions={"ties": ("first", "last")},
    names={"gx assigns": "col2im-assigns", "gx only-kinks": "all-ties"},
    detectors=(output_signs(max_output, in_output), statistic_signs,
               touched_signs(_meets_winner), tie_signs, assigned_signs,
               input_value_signs(max_gradient, in_max_gradient)),
)  # fmt: skip
avg_pool2d = Op(
    "avg_pool2d", INPUTS, "N C H' W'", average_forward, {"x": average_gradient}, average_probes,
    mutants=AVERAGE_BUGS, constants=_constants, aliases=ALIASES, defaults=DEFAULTS,
    names={"gx ratio:kh*kw": "average-not-divided", "forward-ratio:kh*kw": "average-not-divided",
           "gx ratio:kh": "average-divided-once", "gx ratio:kw": "average-divided-once",
           "gx assigns": "col2im-assigns"},
    detectors=(output_signs(average_output, in_output), statistic_signs,
               touched_signs(_meets_window), average_signs,
               input_value_signs(average_gradient, in_average_gradient)),
)  # fmt: skip
global_avg_pool2d = Op(
    "global_avg_pool2d", INPUTS, "N C 1 1", global_forward, {"x": average_gradient}, global_probes,
    mutants=GLOBAL_BUGS, constants=_constants,
    names={"gx ratio:H*W": "average-not-divided", "gx ratio:kh*kw": "average-not-divided",
           "forward-ratio:H*W": "average-not-divided"},
    detectors=(output_signs(average_output, in_output), statistic_signs,
               touched_signs(_meets_window), average_signs,
               input_value_signs(average_gradient, in_average_gradient)),
)  # fmt: skip
upsample_nearest2d = Op(
    "upsample_nearest2d", INPUTS, "N C H' W'", nearest_forward, {"x": nearest_gradient},
    nearest_probes, mutants=NEAREST_BUGS, constants=_constants, detectors=(nearest_signs,),
    names={"gx ratio:1/(kh*kw)": "mean-for-sum"},
    aliases={"scale": "scale_factor", "factor": "scale_factor"},
)  # fmt: skip

OPS = (max_pool2d, avg_pool2d, global_avg_pool2d, upsample_nearest2d)
