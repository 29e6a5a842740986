"""im2col and its adjoint col2im, with the shapes of torch's ``unfold`` and ``fold``."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from ..case import Case
from ..op import Call, Op, Probe
from ..report import Sign
from .columns_bugs import COL2IM_BUGS, IM2COL_BUGS
from .columns_rules import (
    by_entry,
    col2im_forward,
    im2col_forward,
    joined,
    put_back,
    taken_out,
)  # fmt: skip
from .sliding.evidence import difference
from .sliding.mistakes import changed, misplaced
from .sliding.numbers import signed
from .sliding.values import Expected, kept_one, matching, near, reordered, without_border

Array = np.ndarray
ALIASES = {
    "kernel": "kernel_size", "k": "kernel_size", "pad": "padding", "size": "output_size",
}  # fmt: skip
DEFAULTS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1}
ORDER = "the entries of a patch are in another order than (C, kh, kw)"


def _other_orders(columns: Array, c: Call) -> Iterator[Array]:
    """The columns with entries of a patch, or windows, in another order: (N, K, L) each."""
    parts = by_entry(columns, c)
    for patch in permutations((1, 2, 3)):
        for windows in ((4, 5), (5, 4)):
            order = (0, *patch, *windows)
            if order != tuple(range(6)):
                yield parts.transpose(order).reshape(columns.shape)
                yield joined(
                    columns.reshape([parts.shape[a] for a in order]).transpose(np.argsort(order))
                )


def image_signs(case: Case) -> Iterator[Sign]:
    """An image put together from columns, as im2col's gradient or as col2im's y."""
    c = case.call
    given: Array | None
    right: Array | None
    if hasattr(c, "columns"):
        name, where, given, right, columns = "y", "forward", case.y, c.y, c.columns
    else:
        name, where, given, right = "gx", "gx", case.given.get("x"), case.right.get("x")
        columns = case.gy
    if given is None or right is None or given.shape != right.shape or case.close(given, right):
        return
    for sign in matching(case, name, given, right, _wrong_images(columns, right, c)):
        yield case.sign(sign.bug, where, sign.evidence, 2)
    count = columns.shape[2]
    parts = np.stack([put_back(columns * (np.arange(count) == n), c) for n in range(count)])
    yield from kept_one(case, name, where, given, right, parts)


def _wrong_images(columns: Array, right: Array, c: Call) -> Expected:
    for bug, rows, cols in misplaced(c.rows, c.cols):
        other = put_back(columns, changed(c, rows=rows, cols=cols))
        yield bug, other, "that is with windows at other places"
    for order in _other_orders(columns, c):
        yield "reshape-for-transpose", put_back(order, c), ORDER
    yield from reordered(right)
    counts = np.maximum(1, put_back(np.ones_like(columns), c))
    yield "overlap-averaged", right / counts, "that is divided by the number of windows there"
    i, j = np.divmod(np.arange(columns.shape[2]), c.cols.windows)
    ends = (i == c.rows.windows - 1, j == c.cols.windows - 1)
    for end in (*ends, ends[0] | ends[1]):
        yield "last-windows-dropped", put_back(columns * ~end, c), "the last windows are missing"
    yield "border-dropped", without_border(right), "the outermost pixels are zero"


def column_signs(case: Case) -> Iterator[Sign]:
    """Columns, as im2col's y or as col2im's gradient, that hold other pixels, or in other order."""
    c = case.call
    given: Array | None
    right: Array | None
    if hasattr(c, "columns"):
        given, right = case.given.get("columns"), case.right.get("columns")
        where, image = "gcolumns", case.gy
    else:
        given, right, where, image = case.y, c.y, "forward", c.x
    if given is None or right is None or given.shape != right.shape or case.close(given, right):
        return
    name = "y" if where == "forward" else where

    for sign in matching(case, name, given, right, _wrong_columns(image, right, c)):
        yield case.sign(sign.bug, where, sign.evidence, 2)
    outside = taken_out(np.ones_like(image), c) == 0
    wrong = ~near(case, given, right)
    if wrong.any() and not (wrong & ~outside).any():
        line = f"{difference(name, given, right)}: wrong only where the patch lies in the padding"
        yield case.sign("padding-value", where, line, 2)


def _wrong_columns(image: Array, right: Array, c: Call) -> Expected:
    for bug, rows, cols in misplaced(c.rows, c.cols):
        other = taken_out(image, changed(c, rows=rows, cols=cols))
        yield bug, other, "that is the pixel of another place"
    yield from (("reshape-for-transpose", other, ORDER) for other in _other_orders(right, c))
    yield from reordered(right)
    for axes in ((2, 3), (2,), (3,)):
        turned = joined(np.flip(by_entry(right, c), axes))
        yield "patch-flipped", turned, "the patch is in reverse order"


def im2col_probes(seed: int) -> Iterator[Probe]:
    rng = np.random.default_rng(seed)
    for name, x, size, options in (
        ("plain", (2, 3, 4, 7), (3, 2), {}),
        ("square", (2, 3, 4, 4), 2, {}),
        ("stride 2", (2, 2, 7, 5), 3, {"stride": 2}),
        ("stride 3, last rows unused", (2, 2, 9, 7), 2, {"stride": 3}),
        ("padding 1", (2, 2, 3, 4), 3, {"padding": 1}),
        ("padding 2", (2, 2, 4, 3), 3, {"padding": 2, "stride": 2}),
        ("dilation 3", (2, 2, 5, 6), 2, {"dilation": 3}),
        ("stride 2, padding 2", (2, 2, 6, 5), (3, 4), {"stride": 2, "padding": 2}),
        ("dilation 2", (2, 2, 7, 6), (3, 2), {"dilation": 2}),
        ("stride 2x3, padding 2x0", (2, 2, 6, 9), (3, 4), {"stride": (2, 3), "padding": (2, 0)}),
    ):
        given = {"kernel_size": size, **DEFAULTS, **options}
        kind = "pairs" if isinstance(size, tuple) else "usual"
        yield Probe(name, {"x": signed(rng, *x)}, given, kind)


def col2im_probes(seed: int) -> Iterator[Probe]:
    """The columns that im2col's probes make, with other numbers in them."""
    rng = np.random.default_rng(seed)
    for probe in im2col_probes(seed):
        c = Call(**probe.inputs, **probe.options)
        columns = signed(rng, *im2col_forward(c).shape)
        options = {"output_size": probe.inputs["x"].shape[2:], **probe.options}
        yield replace(probe, inputs={"columns": columns}, options=options)


def _constants(c: Call) -> dict[str, float]:
    windows = c.rows.windows * c.cols.windows
    return {"kh*kw": c.rows.kernel * c.cols.kernel, "H'*W'": windows}


def _gx(gy: Array, c: Call) -> Array:
    return put_back(gy, c)


im2col = Op(
    "im2col", {"x": "N C H W"}, "N C*kh*kw H'*W'", im2col_forward, {"x": _gx}, im2col_probes,
    mutants=IM2COL_BUGS, constants=_constants,
    detectors=(image_signs, column_signs),
    aliases=ALIASES, defaults=DEFAULTS,
)  # fmt: skip
col2im = Op(
    "col2im", {"columns": "N C*kh*kw H'*W'"}, "N C H W", col2im_forward, {"columns": taken_out},
    col2im_probes, mutants=COL2IM_BUGS, constants=_constants,
    detectors=(image_signs, column_signs),
    aliases=ALIASES, defaults=DEFAULTS,
)  # fmt: skip

OPS = (im2col, col2im)
