"""Typical bugs of im2col and col2im. Each replaces one step of the rules."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import Call, Gradient, Mutant
from .columns_rules import by_entry, col2im_forward, im2col_forward, joined, put_back, taken_out
from .sliding import unfold
from .sliding.assigned import by_tap, by_window
from .sliding.mistakes import MISTAKES, Mistake, moved
from .sliding.values import without_border

Array = np.ndarray
PLACES = tuple(MISTAKES.items())


def patch_last(columns: Array, c: Call) -> Array:
    """The entries of a patch in the order (kh, kw, C)."""
    return by_entry(columns, c).transpose(0, 2, 3, 1, 4, 5).reshape(columns.shape)


def windows_down(columns: Array, c: Call) -> Array:
    """The windows column by column."""
    return by_entry(columns, c).transpose(0, 1, 2, 3, 5, 4).reshape(columns.shape)


def flipped(columns: Array, c: Call) -> Array:
    return joined(by_entry(columns, c)[:, :, ::-1, ::-1])


def without_last(columns: Array, c: Call) -> Array:
    """The last row of windows left out."""
    parts = by_entry(columns, c).copy()
    parts[:, :, :, :, -1] = 0
    return joined(parts)


def padded_with(value: float) -> Callable[[Array, Call], Array]:
    def rule(columns: Array, c: Call) -> Array:
        inside = joined(unfold(np.ones_like(c.x), c.rows, c.cols))
        return np.where(inside > 0, columns, value)

    return rule


def averaged(columns: Array, c: Call) -> Array:
    return put_back(columns, c) / np.maximum(1, put_back(np.ones_like(columns), c))


def assigned(how: Callable[..., Array]) -> Callable[[Array, Call], Array]:
    return lambda columns, c: how(by_entry(columns, c), c.rows, c.cols)


def _wrong_columns(name: str, bug: str, spoil: Callable[..., Any]) -> tuple[Mutant, Mutant]:
    """The columns wrong where im2col gives them, and where they are col2im's gradient."""
    return (
        Mutant(name, bug, forward=lambda c: spoil(im2col_forward(c), c)),
        Mutant(name, bug, gradients={"columns": lambda gy, c: spoil(taken_out(gy, c), c)}),
    )


def _wrong_image(
    name: str, bug: str, build: Callable[..., Any], *also: str
) -> tuple[Mutant, Mutant]:
    """The image wrong where it is im2col's gradient, and where col2im gives it."""

    def forward(c: Call) -> Array:
        col2im_forward(c)
        return build(c.columns, c)

    return (
        Mutant(f"gx_{name}", bug, gradients={"x": build}, also=also),
        Mutant(f"y_{name}", bug, forward=forward, also=also),
    )


def in_place(rule: Gradient, mistake: Mistake) -> Gradient:
    return lambda gy, c: rule(gy, moved(c, mistake))


def _moved_columns(key: str) -> Callable[[Call], Array]:
    def forward(c: Call) -> Array:
        im2col_forward(c)
        return taken_out(c.x, moved(c, MISTAKES[key][1]))

    return forward


_COLUMNS = (
    _wrong_columns("patch_order", "reshape-for-transpose", patch_last),
    _wrong_columns("window_order", "reshape-for-transpose", windows_down),
    _wrong_columns("flipped", "patch-flipped", flipped),
)
_IMAGES = (
    *(_wrong_image(name, bug, in_place(put_back, to))
      for name, (bug, to) in PLACES),
    _wrong_image("assigned_by_window", "col2im-assigns", assigned(by_window), "assigns"),
    _wrong_image("assigned_by_tap", "col2im-assigns", assigned(by_tap), "assigns"),
    _wrong_image("averaged", "overlap-averaged", averaged),
    _wrong_image("patch_order", "reshape-for-transpose",
                 lambda columns, c: put_back(patch_last(columns, c), c), "permuted"),
    _wrong_image("last_row_lost", "last-windows-dropped",
                 lambda columns, c: put_back(without_last(columns, c), c), "dropped"),
    _wrong_image("border_zeroed", "border-dropped",
                 lambda columns, c: without_border(put_back(columns, c)) if c.rows.padding
                 else put_back(columns, c), "only-border", "dropped"),
)  # fmt: skip

IM2COL_BUGS = (
    *(Mutant(name, bug, forward=_moved_columns(name))
      for name, (bug, _) in PLACES),
    Mutant("padding_with_ones", "padding-value",
           forward=lambda c: padded_with(1.0)(im2col_forward(c), c)),
    *(first for first, _ in _COLUMNS),
    *(first for first, _ in _IMAGES),
)  # fmt: skip
COL2IM_BUGS = (
    *(Mutant(f"gcolumns_{name}", bug,
             gradients={"columns": in_place(taken_out, to)})
      for name, (bug, to) in PLACES),
    *(second for _, second in _COLUMNS),
    *(second for _, second in _IMAGES),
)  # fmt: skip
