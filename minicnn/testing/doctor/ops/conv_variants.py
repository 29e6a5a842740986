"""Wrong calls of a convolution: the right rule on these gives what a typical mistake gives."""

from collections.abc import Iterator

import numpy as np

from ..case import Case
from ..op import Call
from ..report import Sign
from .sliding.mistakes import changed
from .sliding.values import matching, reordered

Array = np.ndarray
Variant = tuple[str, Call, str]


def of_kernel(c: Call) -> Iterator[Variant]:
    """Kernels turned round, transposed, or in another order of axes."""
    w = c.weight
    for axes, what in (((2, 3), "kernel"), ((2,), "kernel's rows"), ((3,), "kernel's columns")):
        yield (
            "kernel-flipped",
            changed(c, weight=np.flip(w, axes)),
            f"that is with the {what} in reverse",
        )
    if w.shape[2] == w.shape[3]:
        yield "kernel-transposed", changed(c, weight=w.swapaxes(2, 3)), "kh and kw are exchanged"
    if w.shape[0] == w.shape[1]:
        swapped = changed(c, weight=w.swapaxes(0, 1))
        yield "filters-for-channels", swapped, "filters and channels are exchanged"
    for bug, read, _ in reordered(w):
        yield bug, changed(c, weight=read), "the kernel is read with its axes in another order"


def in_gradient(c: Call) -> Iterator[Variant]:
    """What gx looks like with a wrong kernel, or with one filter of each group."""
    yield from of_kernel(c)
    per_group = len(c.weight) // c.groups
    for kept in range(per_group if per_group > 1 else 0):
        alone = np.where(np.arange(len(c.weight)) % per_group == kept, 1.0, 0.0)
        weight = c.weight * alone[:, None, None, None]
        yield "filters-not-summed", changed(c, weight=weight), "that comes through one filter alone"


def in_output(c: Call) -> Iterator[Variant]:
    """What y looks like with a wrong kernel, bias, or channels."""
    for bug, call, why in of_kernel(c):
        yield "convolution-for-correlation" if bug == "kernel-flipped" else bug, call, why
    yield "bias-missing", changed(c, bias=0 * c.bias), "the bias is missing"
    yield "bias-twice", changed(c, bias=2 * c.bias), "the bias is added twice"
    yield "bias-of-another-filter", changed(c, bias=c.bias[::-1]), "another filter's bias is added"
    for shift in range(1, len(c.bias)):
        rolled = changed(c, bias=np.roll(c.bias, shift))
        yield "bias-of-another-filter", rolled, "another filter's bias is added"
    size = c.weight[0].size
    yield "mean-for-sum", changed(c, weight=c.weight / size), "the window is averaged, not summed"
    for kept in range(c.weight.shape[1] if c.weight.shape[1] > 1 else 0):
        alone = np.zeros_like(c.weight)
        alone[:, kept] = c.weight[:, kept]
        yield "channels-not-summed", changed(c, weight=alone), "one channel alone is used"
    if c.groups > 1:
        dense = changed(c, weight=np.tile(c.weight, (1, c.groups, 1, 1)), groups=1)
        yield "groups-ignored", dense, "every filter is used on all groups"
    for group in range(1, c.groups):
        x = np.roll(c.x, group * (c.x.shape[1] // c.groups), 1)
        yield "wrong-group", changed(c, x=x), "another group's channels are used"


def bias_signs(case: Case) -> Iterator[Sign]:
    """gbias from a wrong sum: each entry should add up its own filter's pixels of gy."""
    if "bias" not in case.wrong():
        return
    given, right = case.given["bias"], case.right["bias"]
    yield from matching(case, "gbias", given, right, _wrong_sums(case.gy))


def _wrong_sums(gy: Array) -> Iterator[tuple[str, Array, str]]:
    yield "first-only:N", gy[0].sum((1, 2)), "that is the sum over the first sample alone"
    filters = gy.shape[1]
    last = gy.reshape(-1, filters).sum(0)
    yield "reshape-for-transpose", last, "that comes from gy read as (N, H', W', O)"
    why = "that is the sum over other axes"
    for axes in ((0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 1), (0, 2), (0, 3), (0,), (1,)):
        yield "bias-wrong-axes", np.resize(gy.sum(axes), filters), why
    for bug, other, _ in reordered(gy):
        yield bug, other.sum((0, 2, 3)), "that comes from gy with its axes in another order"
