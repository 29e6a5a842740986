"""Wrong calls of pooling: the right rule on these gives what a typical mistake gives."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from ..case import Case
from ..op import Call
from ..report import Sign
from .pool_rules import chosen, max_gradient, max_output, nearest_gradient, spread, windows
from .sliding import fold, unfold
from .sliding.assigned import by_tap, by_window
from .sliding.mistakes import changed, misplaced
from .sliding.values import Expected, matching, reordered

Array = np.ndarray
Variant = tuple[str, Call, str]


def in_output(c: Call) -> Iterator[Variant]:
    """Windows of another form."""
    rows, cols = c.rows, c.cols
    if rows.kernel != cols.kernel:
        down, across = replace(rows, kernel=cols.kernel), replace(cols, kernel=rows.kernel)
        yield "height-width-swapped", changed(c, rows=down, cols=across), "kh and kw are exchanged"


def in_max_gradient(c: Call) -> Iterator[Variant]:
    """Other winners: read in another order, another channel's, the smallest entry."""
    yield from _elsewhere(c)
    for bug, mask, why in chain(_in_window(c), _elsewhere_in_batch(c.mask)):
        yield bug, changed(c, mask=mask), why


def _in_window(c: Call) -> Expected:
    """Masks that choose another entry of the same window."""
    n, ch, kh, kw, oh, ow = c.mask.shape
    order = "the winner's number is read with rows and columns exchanged"
    yield "winner-transposed", c.mask.reshape(n, ch, kw, kh, oh, ow).swapaxes(2, 3), order
    if kh == kw:
        yield "winner-transposed", c.mask.swapaxes(2, 3), order
    for axes in ((2, 3), (2,), (3,)):
        yield "winner-mirrored", np.flip(c.mask, axes), "the opposite pixel gets it"
    yield "min-for-max", chosen(-windows(c), "first"), "the smallest entry gets it"
    for u, v in np.ndindex(kh, kw):
        fixed = np.zeros_like(c.mask)
        fixed[:, :, u, v] = 1
        yield "one-pixel-per-window", fixed, "the same place of every window gets it"
    whole = np.ones_like(c.mask)
    yield "average-for-max", whole, "every pixel of the window gets it"
    yield "average-for-max", whole / (kh * kw), "every pixel of the window gets a part"


def _elsewhere_in_batch(mask: Array) -> Expected:
    """One channel's winners for all channels, one sample's for all samples."""
    n, ch = mask.shape[:2]
    for channel in range(ch if ch > 1 else 0):
        same = np.repeat(mask[:, channel : channel + 1], ch, 1)
        yield "winner-of-another-channel", same, "another channel's winner gets it"
    for sample in range(n if n > 1 else 0):
        same = np.repeat(mask[sample : sample + 1], n, 0)
        yield "winner-of-another-sample", same, "another sample's winner gets it"


def in_average_gradient(c: Call) -> Iterator[Variant]:
    yield from _elsewhere(c)
    yield from in_output(c)


def average_signs(case: Case) -> Iterator[Sign]:
    """gx of average pooling with parts that are not gy / (kh*kw), or not everywhere."""
    if "x" in case.wrong():
        yield from matching(case, "gx", case.given["x"], case.right["x"], _average_gradients(case))


def _average_gradients(case: Case) -> Expected:
    c, right = case.call, case.right["x"]
    kh, kw = c.rows.kernel, c.cols.kernel
    parts = spread(case.gy, c)
    yield "average-not-divided", right * (kh * kw), f"it is not divided by kh*kw = {kh * kw}"
    yield "average-divided-once", right * kh, f"it is divided by {kw} alone, not by {kh * kw}"
    yield "average-divided-once", right * kw, f"it is divided by {kh} alone, not by {kh * kw}"
    for u, v in np.ndindex(kh, kw):
        place = np.zeros_like(parts)
        place[:, :, u, v] = parts[:, :, u, v]
        for scale in (1, kh * kw):
            alone = fold(scale * place, c.rows, c.cols)
            yield "one-pixel-per-window", alone, "one place of every window alone gets it"
    winner = changed(c, mask=chosen(windows(c), "first"))
    yield "max-for-average", max_gradient(case.gy, winner), "the largest entry alone gets it"
    if case.gy[0, 0].size == 1:
        return
    tiles = np.zeros_like(c.x)
    part = np.tile(case.gy, (1, 1, kh, kw))[:, :, : c.x.shape[2], : c.x.shape[3]]
    tiles[:, :, : part.shape[2], : part.shape[3]] = part
    why = "whole images of gy lie side by side"
    yield "tile-for-repeat", tiles / (kh * kw), why
    yield "tile-for-repeat", tiles, why


def assigned_signs(case: Case) -> Iterator[Sign]:
    """Windows of max pooling written back whole, zeros included, over what was there."""
    if "x" not in case.wrong():
        return
    c = case.call
    parts = c.mask * case.gy[:, :, None, None]
    why = "a window that overlaps is written over it"
    written = ((("col2im-assigns", how(parts, c.rows, c.cols), why)) for how in (by_window, by_tap))
    yield from matching(case, "gx", case.given["x"], case.right["x"], written)


def statistic_signs(case: Case) -> Iterator[Sign]:
    """A forward pass that takes something else of each window."""
    given, right, c = case.y, case.call.y, case.call
    if given.shape != right.shape or case.close(given, right):
        return
    entries = unfold(c.x, c.rows, c.cols)
    smallest = -max_output(changed(c, x=-c.x))
    same = right.mean(1, keepdims=True) + 0 * right
    expected: Expected = iter((
        ("average-for-max", entries.mean((2, 3)), "that is the window's mean"),
        ("max-for-average", max_output(c), "that is the window's largest entry"),
        ("min-for-max", smallest, "that is the window's smallest entry"),
        ("average-not-divided", entries.sum((2, 3)), "that is the window's sum"),
        ("channels-collapsed", same, "all channels are the same"),
    ))  # fmt: skip
    for sign in matching(case, "y", given, right, expected):
        yield case.sign(sign.bug, "forward", sign.evidence, 2)


def _elsewhere(c: Call) -> Iterator[Variant]:
    for bug, rows, cols in misplaced(c.rows, c.cols):
        yield bug, changed(c, rows=rows, cols=cols), "that is with windows at other places"


def tie_signs(case: Case) -> Iterator[Sign]:
    """Where entries of a window are equal: all get gy, or another one than was agreed."""
    if "x" not in case.wrong():
        return
    c, given, right = case.call, case.given["x"], case.right["x"]
    columns = windows(c)
    equal = (columns == columns.max((2, 3), keepdims=True)).astype(float)
    if equal.sum() == c.mask.sum():
        return
    last = "first" if getattr(c, "ties", "first") == "last" else "last"
    expected = (
        ("all-ties", equal, "every one of the equal largest gets all of gy"),
        ("ties-shared", equal / equal.sum((2, 3), keepdims=True), "the equal largest share gy"),
        ("other-tie", chosen(columns, last), f"the {last} of the equal largest gets gy"),
    )
    calls = (
        (bug, max_gradient(case.gy, changed(c, mask=mask)), why) for bug, mask, why in expected
    )
    yield from matching(case, "gx", given, right, calls)


def nearest_signs(case: Case) -> Iterator[Sign]:
    """Upsampling: copies laid side by side, or only some of them added up."""
    c = case.call
    kh, kw = c.rows.kernel, c.cols.kernel
    if case.y.shape == c.y.shape and not case.close(case.y, c.y):
        tiles = ("tile-for-repeat", np.tile(c.x, (1, 1, kh, kw)), "whole images are repeated")
        expected = chain([tiles], reordered(c.y))
        for sign in matching(case, "y", case.y, c.y, expected):
            yield case.sign(sign.bug, "forward", sign.evidence, 2)
    if "x" in case.wrong():
        yield from matching(case, "gx", case.given["x"], case.right["x"], _nearest_gradients(case))


def _nearest_gradients(case: Case) -> Expected:
    c, gy = case.call, case.gy
    kh, kw = c.rows.kernel, c.cols.kernel
    n, ch, h, w = c.x.shape
    blocks = unfold(gy, c.rows, c.cols)
    yield "tile-for-repeat", gy.reshape(n, ch, kh, h, kw, w).sum((2, 4)), "that adds up whole tiles"
    yield "mean-for-sum", blocks.mean((2, 3)), "that is the mean over the copies"
    for u, v in np.ndindex(kh, kw):
        yield "one-pixel-per-window", blocks[:, :, u, v], "that is one copy alone"
    for u in range(kh):
        yield "one-pixel-per-window", blocks[:, :, u].sum(2), "that is one row of copies alone"
    for v in range(kw):
        yield (
            "one-pixel-per-window",
            blocks[:, :, :, v].sum(2),
            "that is one column of copies alone",
        )
    for bug, rows, cols in misplaced(c.rows, c.cols):
        other = nearest_gradient(gy, changed(c, rows=rows, cols=cols))
        yield bug, other, "that adds up copies at other places"
    yield from ((bug, nearest_gradient(other, c), why) for bug, other, why in reordered(gy))
    yield from _mixed(case.right["x"])


def _mixed(right: Array) -> Expected:
    """Samples or channels of gx that are another's, or everyone's."""
    yield from reordered(right)
    another = "that is another channel's number"
    yield "mixes-channels", right[:, ::-1], another
    yield "mixes-channels", np.roll(right, 1, 1), another
    same = right.mean(1, keepdims=True) + 0 * right
    yield "channels-collapsed", same, "all channels are the same"
    first = np.zeros_like(right)
    first[0] = right[0]
    yield "first-only:N", first, "other samples are zero"
    yield "mixes-batch", right.sum(0, keepdims=True) + 0 * right, "the samples are added up"
