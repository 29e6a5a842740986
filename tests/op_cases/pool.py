"""Pooling."""

import numpy as np

from . import naive
from .table import case, normal, usual

GEOMETRY = (
    {"kernel_size": 2},
    {"kernel_size": 3},  # leaves rows and columns over
    {"kernel_size": (2, 3)},
    {"kernel_size": 1},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 2, "stride": 3},  # gaps between windows
    {"kernel_size": (3, 2), "stride": (2, 1)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 3), "stride": 1, "padding": (1, 0)},
    {"kernel_size": 2, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": (3, 2), "padding": (1, 1), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
)


def rows():
    for op, f in (("max_pool2d", naive.max_pool2d), ("avg_pool2d", naive.avg_pool2d)):
        yield usual(op, f)
        for options in GEOMETRY:
            yield case(op, (normal(2, 2, 5, 4),), f, **options)
        yield case(op, (normal(1, 1, 7, 6),), f, kernel_size=3, stride=2, label="odd and even")
        yield case(op, (normal(1, 2, 1, 1),), f, kernel_size=1, label="one pixel")
        yield case(op, (normal(1, 2, 3, 4),), f, kernel_size=(3, 4), label="whole image")
        yield case(op, (normal(0, 2, 4, 4),), f, kernel_size=2, label="no samples")
    yield from maxima()
    yield from averages()
    yield from adaptive()


def maxima():
    for options in (
        {"kernel_size": 2, "dilation": 2, "stride": 1},
        {"kernel_size": (3, 2), "dilation": (1, 3), "stride": 2, "padding": 1},
        {"kernel_size": 2, "dilation": (2, 1), "stride": 2, "ceil_mode": True},
    ):
        yield case("max_pool2d", (normal(1, 2, 6, 5),), naive.max_pool2d, **options)
    tie = np.array([[[[1.0, 1, 0, 2], [1, 1, 2, 2], [0, 2, 1, 1]]]])
    for options in (
        {"kernel_size": 2}, {"kernel_size": 2, "stride": 1}, {"kernel_size": 3, "padding": 1},
    ):  # fmt: skip
        yield case("max_pool2d", (tie,), naive.max_pool2d, kinks=True, **options)
    yield case("max_pool2d", (-5 - abs(normal(1, 1, 3, 3)),), naive.max_pool2d, kernel_size=2,
               padding=1, label="padding never wins")  # fmt: skip


def averages():
    for options in (
        {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
        {"kernel_size": (2, 3), "padding": (1, 1), "ceil_mode": True, "count_include_pad": False},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": False},
        {"kernel_size": 2, "divisor_override": 3},
        {"kernel_size": 3, "stride": 2, "padding": 1, "divisor_override": 2},
    ):
        yield case("avg_pool2d", (normal(2, 2, 5, 4),), naive.avg_pool2d, **options)


def adaptive():
    reduce = {"adaptive_avg_pool2d": np.mean, "adaptive_max_pool2d": np.max}
    for op, f in reduce.items():

        def reference(x, output_size, f=f):
            return naive.adaptive_pool2d(x, output_size, f)

        yield usual(op, reference)
        for size in (1, 2, (3, 1), (4, 3), (4, 2), (5, 4)):
            yield case(op, (normal(1, 2, 4, 3),), reference, output_size=size)
        yield case(op, (normal(1, 1, 1, 1),), reference, output_size=2, label="one pixel")
    for op, f in (("global_avg_pool2d", np.mean), ("global_max_pool2d", np.max)):

        def whole(x, f=f):
            return np.array([[f(plane) for plane in image] for image in x])[:, :, None, None]

        peer = op.replace("global", "adaptive")
        yield usual(op, whole, lambda torch, x, peer=peer: getattr(torch.nn.functional, peer)(x, 1))
        yield case(op, (normal(1, 3, 1, 5),), whole, torch=None)
