"""Which patch of x the gradient of a filter is.

One upstream entry gy[n,o,i,j] = 1 makes gweight[o] the very patch of x that window (i, j) of sample
n shows, and all other filters' gradients zero. So a wrong one can be recognised: another sample's
patch, another place's, the same one upside down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from ...case import Case
from ...op import Call
from ...report import Sign
from .evidence import Index, alike, at_the_end, one_hots, place, support
from .mistakes import changed, misplaced
from .values import matching, reordered

Array = np.ndarray
Hypothesis = tuple[str, Call, str]


@dataclass(frozen=True)
class Look:
    """gweight for a single 1 in gy, and where the 1 is."""

    index: Index
    given: Array
    right: Array


def weight_signs(case: Case) -> Iterator[Sign]:
    """The detector for gweight of a convolution."""
    if "weight" not in case.wrong():
        return
    given, right = case.given["weight"], case.right["weight"]
    yield from matching(case, "gweight", given, right, chain(_turned(right), _upstream(case)))
    looks = [
        Look(index, case.backward(gy)["weight"], case.rule(gy)["weight"])
        for index, gy in one_hots(case.gy.shape)
    ]
    looks = [look for look in looks if look.right.any()]
    yield from _empty(case, looks)
    yield from _recognised(case, [look for look in looks if support(case, look.given).any()])


def _turned(right: Array) -> Iterator[tuple[str, Array, str]]:
    for axes, what in (((2, 3), "kernel"), ((2,), "kernel's rows"), ((3,), "kernel's columns")):
        yield "patch-flipped", np.flip(right, axes), f"the right numbers with the {what} reversed"
    if right.shape[2] == right.shape[3]:
        why = "the right numbers with kh and kw exchanged"
        yield "patch-transposed", right.swapaxes(2, 3), why
    for shift in range(1, right.shape[1]):
        yield "mixes-channels", np.roll(right, shift, 1), "that is another channel's number"
    yield "mixes-channels", right[:, ::-1], "that is another channel's number"
    yield from reordered(right)


def _upstream(case: Case) -> Iterator[tuple[str, Array, str]]:
    for bug, gy, _ in reordered(case.gy):
        yield bug, case.rule(gy)["weight"], "that comes from gy with its axes in another order"


def _empty(case: Case, looks: list[Look]) -> Iterator[Sign]:
    """Upstream entries that change nothing: other samples' than the first, or other windows'."""
    full = {look.index: bool(support(case, look.given).any()) for look in looks}
    last = tuple(n - 1 for n in case.gy.shape)
    lost = sorted(index for index in full if not full[index])
    if not lost or len(lost) == len(full):
        return
    bug, at = "", lost[0]
    if all(full[index] == (index[0] == 0) for index in full):
        bug = "first-only:N"
    elif at_the_end({(i, j): full[n, o, i, j] for n, o, i, j in full}) and all(
        alike(case, look.given, look.right) for look in looks if full[look.index]
    ):
        bug, at = "last-windows-dropped", lost[-1]
    elif full.get(last) and all(i[0] == last[0] or i[2:] == last[2:] for i in full if full[i]):
        bug = "gweight-assigned"
    if bug:
        some = max(index for index in full if full[index])
        nothing = f"a single 1 in {place('gy', at)} changes nothing in gweight"
        yield case.sign(bug, "gweight", f"{nothing}, one in {place('gy', some)} does", 1)


def _recognised(case: Case, looks: list[Look]) -> Iterator[Sign]:
    """Wrong patches that a wrong call gives in every look."""
    wrong = [look for look in looks if not alike(case, look.given, look.right)]
    said: set[str] = set()
    if not wrong:
        return
    for bug, call, why in _hypotheses(case.call):
        if bug not in said and all(alike(case, look.given, _patch(call, look)) for look in looks):
            said.add(bug)
            yield case.sign(bug, "gweight", _shown(wrong[0], why), 1)


def _shown(look: Look, why: str) -> str:
    o = look.index[1]
    u, v = np.unravel_index(
        np.argmax(np.abs(look.given - look.right)[o].max(0)), look.right.shape[2:]
    )
    at = (o, int(np.argmax(np.abs(look.given - look.right)[o, :, u, v])), int(u), int(v))
    return (
        f"a single 1 in {place('gy', look.index)} makes {place('weight', at)} "
        f"{look.given[at]:.4g}, right is {look.right[at]:.4g}: {why}"
    )


def _patch(call: Call, look: Look) -> Array:
    """The gradient that this call gives for a single 1: one patch of x in one filter."""
    n, o, i, j = look.index
    per_group = look.right.shape[1]
    first = o // (len(look.right) // call.groups) * per_group
    image = call.x[n, first : first + per_group]
    patch = np.einsum("chw,uh,vw->cuv", image, call.rows.table()[i], call.cols.table()[j])
    expected = np.zeros_like(look.right)
    expected[o] = patch
    return expected


def _hypotheses(c: Call) -> Iterator[Hypothesis]:
    """Calls that show other patches, with their names."""
    for bug, rows, cols in misplaced(c.rows, c.cols):
        yield bug, changed(c, rows=rows, cols=cols), "that is the pixel of another place"
    sample = "that is the pixel of another sample"
    yield "mixes-batch", changed(c, x=c.x[:1] + 0 * c.x), sample
    yield "mixes-batch", changed(c, x=c.x[-1:] + 0 * c.x), sample
    yield "mixes-batch", changed(c, x=c.x[::-1]), sample
    yield "mixes-batch", changed(c, x=np.roll(c.x, 1, 0)), sample
    yield "mixes-batch", changed(c, x=np.roll(c.x, -1, 0)), sample
    mean = c.x.mean(0, keepdims=True) + 0 * c.x
    yield "mixes-batch", changed(c, x=mean), "that is the mean over the samples"
    if c.x.shape[1] > 1:
        total = c.x.sum(1, keepdims=True) + 0 * c.x
        yield "channels-collapsed", changed(c, x=total), "that is the sum over the channels"
    width = c.x.shape[1] // c.groups
    for group in range(1, c.groups):
        rolled = np.roll(c.x, group * width, 1)
        yield "wrong-group", changed(c, x=rolled), "that is the pixel of another group's channel"
    if c.groups > 1:
        first = np.tile(c.x[:, :width], (1, c.groups, 1, 1))
        yield (
            "groups-ignored",
            changed(c, x=first),
            "that is the pixel of the first group's channel",
        )
