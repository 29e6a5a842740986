"""Matrix products and convolutions."""

import numpy as np

from . import naive
from .table import case, normal, usual


def rows():
    yield from matrices()
    yield from convolutions()
    yield from transposed()
    yield from depthwise()


def linear(x, weight, bias=None):
    y = np.array([[(row * w).sum() for w in weight] for row in x.reshape(-1, x.shape[-1])])
    y = y.reshape(*x.shape[:-1], len(weight))
    return y if bias is None else y + bias


def matrices():
    def product(a, b):
        """Vectors become a row on the left and a column on the right."""
        left, right = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
        y = np.einsum("...ik,...kj->...ij", left, right)
        y = y[..., 0, :] if a.ndim == 1 else y
        return y[..., 0] if b.ndim == 1 else y

    yield usual("matmul", product)
    for a, b in (
        ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((1, 3), (3, 1)), ((2, 2, 3), (3, 4)),
        ((2, 3), (4, 3, 2)), ((2, 1, 2, 3), (4, 3, 2)), ((3, 2, 3), (3, 3, 2)), ((2, 2, 3), (3,)),
        ((0, 3), (3, 2)), ((3,), (2, 3, 2)),
    ):  # fmt: skip
        yield case("matmul", (normal(*a), normal(*b)), product)
    yield usual("linear", linear)
    for x in ((2, 3), (3,), (2, 2, 3), (1, 3)):
        yield case("linear", (normal(*x), normal(4, 3)), linear)
    yield case("linear", (normal(2, 2, 3), normal(4, 3), normal(4)), linear)


def conv_in_torch(name):
    """F.conv2d after F.pad, which knows one padding per side."""

    def call(torch, x, weight, bias=None, padding=0, **options):
        functional = torch.nn.functional
        if isinstance(padding, tuple) and isinstance(padding[0], tuple):
            (top, bottom), (left, right) = padding
            x, padding = functional.pad(x, (left, right, top, bottom)), 0
        if name == "depthwise_conv2d":
            options["groups"] = x.shape[1]
        return functional.conv2d(x, weight, bias, padding=padding, **options)

    return call


GEOMETRY = (
    {},
    {"padding": 1},
    {"padding": (2, 0)},
    {"padding": "same"},
    {"padding": "valid"},
    {"padding": ((1, 2), (0, 1))},
    {"stride": 2},
    {"stride": 3, "padding": 1},
    {"stride": (1, 2)},
    {"stride": (2, 1), "padding": (1, 0)},
    {"dilation": 2},
    {"dilation": (1, 2), "padding": (0, 1)},
    {"dilation": 2, "padding": "same"},
    {"stride": 2, "dilation": (2, 1), "padding": ((0, 1), (2, 0))},
)


def convolutions():
    peer = conv_in_torch("conv2d")
    yield usual("conv2d", naive.conv2d, peer)
    for options in GEOMETRY:
        inputs = (normal(2, 2, 5, 4), normal(3, 2, 3, 2))
        yield case("conv2d", inputs, naive.conv2d, torch=peer, **options)
    shapes = {
        "bias": ((1, 2, 4, 3), (2, 2, 2, 3), (2,)),
        "1x1": ((2, 3, 2, 2), (4, 3, 1, 1), (4,)),
        "one pixel": ((1, 2, 1, 1), (2, 2, 1, 1), (2,)),
        "kernel as large as the image": ((1, 2, 3, 4), (2, 2, 3, 4), (2,)),
        "no samples": ((0, 2, 3, 3), (2, 2, 2, 2), (2,)),
        "even kernel": ((1, 1, 6, 5), (1, 1, 4, 2), (1,)),
    }
    for label, sizes in shapes.items():
        inputs = tuple(normal(*s) for s in sizes)
        yield case("conv2d", inputs, naive.conv2d, torch=peer, label=label)
    even = (normal(1, 2, 4, 3), normal(2, 2, 2, 4))
    yield case("conv2d", even, naive.conv2d, torch=peer, label="same, even", padding="same")
    stripes = (normal(1, 1, 8, 7), normal(2, 1, 2, 2))
    yield case("conv2d", stripes, naive.conv2d, torch=peer, label="last rows unused", stride=3)
    yield case("conv2d", (normal(1, 2, 5, 4), normal(2, 2, 1, 1)), naive.conv2d, torch=peer,
               label="1x1, stride 2", stride=2)  # fmt: skip
    for groups, weight in ((2, (4, 2, 2, 3)), (4, (4, 1, 2, 2)), (4, (8, 1, 2, 1))):
        inputs = (normal(1, 4, 4, 3), normal(*weight), normal(weight[0]))
        yield case("conv2d", inputs, naive.conv2d, torch=peer, groups=groups, padding=(0, 1))
        yield case("conv2d", inputs, naive.conv2d, torch=peer, groups=groups, padding=1,
                   stride=(2, 1), dilation=(1, 2))  # fmt: skip


def transposed():
    yield usual("conv_transpose2d", naive.conv_transpose2d)
    for options in (
        {}, {"stride": 2}, {"stride": (1, 3)}, {"padding": (1, 0)}, {"dilation": 2},
        {"stride": 2, "output_padding": 1},
        {"stride": (3, 2), "padding": 1, "output_padding": (2, 0)},
        {"stride": 2, "dilation": (1, 3), "output_padding": (0, 1)},
    ):  # fmt: skip
        inputs = (normal(2, 2, 3, 2), normal(2, 3, 2, 3), normal(3))
        yield case("conv_transpose2d", inputs, naive.conv_transpose2d, **options)
    inputs = (normal(1, 4, 2, 3), normal(4, 2, 3, 2))
    yield case("conv_transpose2d", inputs, naive.conv_transpose2d, groups=2, stride=2)
    yield case("conv_transpose2d", (normal(0, 1, 2, 2), normal(1, 1, 2, 2)), naive.conv_transpose2d)


def depthwise():
    peer = conv_in_torch("depthwise_conv2d")
    yield usual("depthwise_conv2d", naive.depthwise_conv2d, peer)
    for options in GEOMETRY:
        inputs = (normal(2, 2, 5, 4), normal(4, 1, 3, 2), normal(4))
        yield case("depthwise_conv2d", inputs, naive.depthwise_conv2d, torch=peer, **options)
    for m in (1, 3):
        inputs = (normal(1, 3, 4, 3), normal(3 * m, 1, 2, 2))
        yield case("depthwise_conv2d", inputs, naive.depthwise_conv2d, torch=peer)
    stripes = (normal(1, 1, 8, 7), normal(2, 1, 2, 2))
    yield case("depthwise_conv2d", stripes, naive.depthwise_conv2d, torch=peer,
               label="last rows unused", stride=3)  # fmt: skip
    empty = (normal(0, 2, 3, 3), normal(2, 1, 2, 2))
    yield case("depthwise_conv2d", empty, naive.depthwise_conv2d, torch=peer, label="no samples")
