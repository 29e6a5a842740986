"""Convolution, and convolution channel by channel (depthwise)."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..op import Call, Op, Probe
from .conv_bugs import BIAS_BUGS, DEPTHWISE_BUGS, FORWARD_BUGS, GROUP_BUGS, INPUT_BUGS, WEIGHT_BUGS
from .conv_rules import bias_gradient, forward, input_gradient, output, weight_gradient
from .conv_variants import bias_signs, in_gradient, in_output
from .sliding.numbers import signed
from .sliding.outputs import output_signs
from .sliding.patches import weight_signs
from .sliding.touched import Meeting, touched_signs
from .sliding.values import input_value_signs

ALIASES = {"pad": "padding", "s": "stride", "p": "padding", "strides": "stride"}
DEFAULTS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
PAIRS: tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]] = (
    "stride 2x3, padding 2x0", (2, 2, 8, 9), (3, 2, 3, 4), {"stride": (2, 3), "padding": (2, 0)},
)  # fmt: skip
GRADIENTS = {"x": input_gradient, "weight": weight_gradient, "bias": bias_gradient}


def _meets(c: Call, index: tuple[int, ...]) -> Meeting:
    """An output pixel meets the whole window, in all channels of its group."""
    n, o, i, j = index
    per_group = c.x.shape[1] // c.groups
    first = o // (len(c.weight) // c.groups) * per_group
    kh, kw = c.weight.shape[2:]
    return Meeting(n, range(first, first + per_group), i, j, range(kh), range(kw))


def _constants(c: Call) -> dict[str, float]:
    kh, kw = c.weight.shape[2:]
    h, w = c.y.shape[2:]
    return {
        "kh*kw": kh * kw, "C*kh*kw": c.weight[0].size, "groups": c.groups,
        "H'*W'": h * w, "N*H'*W'": len(c.y) * h * w,
    }  # fmt: skip


def _probe(
    rng: np.random.Generator, name: str, x: tuple[int, ...], weight: tuple[int, ...], **options: Any
) -> Probe:
    kind = "pairs" if isinstance(options["stride"], tuple) else "usual"
    inputs = {"x": signed(rng, *x), "weight": signed(rng, *weight), "bias": signed(rng, weight[0])}
    return Probe(name, inputs, options, kind)


def conv_probes(seed: int) -> Iterator[Probe]:
    """One option at a time, then all; axes of different lengths, and one case where all agree."""
    for name, x, weight, options in (
        ("plain", (5, 3, 4, 7), (2, 3, 3, 2), {}),
        ("1x1 kernel", (5, 3, 2, 4), (2, 3, 1, 1), {}),
        ("padding 1", (2, 3, 5, 7), (2, 3, 3, 2), {"padding": 1}),
        ("stride 2", (2, 3, 7, 6), (5, 3, 3, 2), {"stride": 2}),
        ("stride 3, last rows unused", (2, 2, 9, 10), (3, 2, 2, 2), {"stride": 3}),
        ("stride 2, padding 2", (3, 2, 6, 5), (2, 2, 3, 4), {"stride": 2, "padding": 2}),
        ("square", (3, 3, 5, 5), (3, 3, 3, 3), {"padding": 1}),
        ("dilation 2", (2, 2, 7, 9), (3, 2, 3, 2), {"dilation": 2}),
        ("groups 2", (3, 4, 4, 5), (6, 2, 2, 3), {"groups": 2}),
        PAIRS,
        ("stride 2, padding 1, dilation 2, groups 2", (2, 4, 8, 7), (2, 2, 3, 2),
         {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ):  # fmt: skip
        yield _probe(np.random.default_rng(seed), name, x, weight, **{**DEFAULTS, **options})


def depthwise_probes(seed: int) -> Iterator[Probe]:
    usual = {key: value for key, value in DEFAULTS.items() if key != "groups"}
    for name, x, weight, options in (
        ("plain", (5, 3, 4, 7), (3, 1, 3, 2), {}),
        ("padding 1", (2, 3, 5, 7), (3, 1, 3, 2), {"padding": 1}),
        ("stride 2", (2, 3, 7, 6), (3, 1, 3, 2), {"stride": 2}),
        ("stride 3, last rows unused", (2, 2, 9, 10), (2, 1, 2, 2), {"stride": 3}),
        ("stride 2, padding 2", (3, 5, 6, 5), (5, 1, 3, 4), {"stride": 2, "padding": 2}),
        ("square", (3, 3, 5, 5), (3, 1, 3, 3), {"padding": 1}),
        ("dilation 2", (2, 2, 7, 9), (2, 1, 3, 2), {"dilation": 2}),
        (PAIRS[0], PAIRS[1], (2, 1, 3, 4), PAIRS[3]),
    ):
        yield _probe(np.random.default_rng(seed), name, x, weight, **{**usual, **options})


DETECTORS = (
    output_signs(output, in_output), touched_signs(_meets),
    input_value_signs(input_gradient, in_gradient), weight_signs, bias_signs,
)  # fmt: skip
NAMES = {
    "gweight flipped:kh,kw": "patch-flipped",
    "gx assigns": "col2im-assigns",
    "forward-ratio:1/C*kh*kw": "mean-for-sum",
}

_DENSE = (  # bugs that need more than one channel per filter
    "gx_last_filter_alone", "gweight_patch_order", "gweight_channels_reversed", "patch_order",
    "first_channel_alone",
)  # fmt: skip
_DEPTHWISE_BUGS = DEPTHWISE_BUGS + tuple(
    bug for bug in FORWARD_BUGS + INPUT_BUGS + WEIGHT_BUGS + BIAS_BUGS + GROUP_BUGS
    if bug.name not in _DENSE
)  # fmt: skip

conv2d = Op(
    "conv2d", {"x": "N C H W", "weight": "O C kh kw", "bias": "O"}, "N O H' W'",
    forward, GRADIENTS, conv_probes,
    mutants=FORWARD_BUGS + INPUT_BUGS + WEIGHT_BUGS + BIAS_BUGS + GROUP_BUGS,
    constants=_constants, names=NAMES, detectors=DETECTORS, aliases=ALIASES,
    defaults=DEFAULTS,
)  # fmt: skip

depthwise_conv2d = Op(
    "depthwise_conv2d", {"x": "N C H W", "weight": "C 1 kh kw", "bias": "C"}, "N C H' W'",
    forward, GRADIENTS, depthwise_probes,
    mutants=_DEPTHWISE_BUGS,
    constants=_constants, names=NAMES, detectors=DETECTORS, aliases=ALIASES,
    defaults=DEFAULTS,
)  # fmt: skip

OPS = (conv2d, depthwise_conv2d)
