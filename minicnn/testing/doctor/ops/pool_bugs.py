"""Typical bugs of pooling and upsampling. Each replaces one step of the rules."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..op import Call, Gradient, Mutant
from .pool_rules import (
    average_forward,
    average_gradient,
    average_output,
    chosen,
    global_forward,
    max_forward,
    max_gradient,
    max_output,
    nearest_forward,
    nearest_gradient,
    spread,
    windows,
)  # fmt: skip
from .sliding import fold, unfold
from .sliding.assigned import by_tap, by_window, winners
from .sliding.mistakes import MISTAKES, Mistake, changed, moved

Array = np.ndarray


def on_x(name: str, bug: str, rule: Gradient, *also: str) -> Mutant:
    return Mutant(f"gx_{name}", bug, gradients={"x": rule}, also=also)


def with_mask(change: Callable[[Array, Call], Array]) -> Gradient:
    """The rule of max pooling with other winners."""
    return lambda gy, c: max_gradient(gy, changed(c, mask=change(c.mask, c)))


def column_first(mask: Array, c: Call) -> Array:
    """The winner's number u*kw + v read as if it were v*kh + u."""
    n, ch, kh, kw, oh, ow = mask.shape
    return mask.reshape(n, ch, kw, kh, oh, ow).swapaxes(2, 3)


def first_entry(mask: Array, c: Call) -> Array:
    """The top left pixel, whatever won."""
    corner = np.zeros_like(mask)
    corner[:, :, 0, 0] = 1
    return corner


def only(a: Array, index: Any) -> Array:
    kept = np.zeros_like(a)
    kept[index] = a[index]
    return kept


def of_batch(rule: Gradient) -> tuple[Mutant, ...]:
    """Bugs that mix or lose samples, channels, or windows, whatever the rule."""
    return (
        on_x("first_sample_alone", "first-only:N", lambda gy, c: only(rule(gy, c), np.s_[:1]),
             "constant-off:N,C"),
        on_x("batch_summed", "mixes-batch",
             lambda gy, c: rule(gy.sum(0, keepdims=True) + 0 * gy, c),
             "constant-over:N", "constant-off:N,C"),
        on_x("channels_reversed", "mixes-channels", lambda gy, c: rule(gy, c)[:, ::-1],
             "flipped:C", "rolled:C"),
        on_x("channels_averaged", "channels-collapsed",
             lambda gy, c: rule(gy, c).mean(1, keepdims=True).repeat(c.x.shape[1], 1),
             "constant-over:C"),
        on_x("read_as_channels_last", "reshape-for-transpose",
             lambda gy, c: rule(gy, c).transpose(0, 2, 3, 1).reshape(c.x.shape), "permuted"),
        on_x("over_N", "ratio:1/N", lambda gy, c: rule(gy, c) / len(gy)),
    )  # fmt: skip


def in_place(rule: Gradient, mistake: Mistake) -> Gradient:
    return lambda gy, c: rule(gy, moved(c, mistake))


def of_windows(rule: Gradient) -> tuple[Mutant, ...]:
    """Windows at wrong places, and the last ones lost."""
    places = [MISTAKES[key] for key in ("stride_ignored", "stride_is_kernel", "stride_swapped")]
    return (
        *(on_x(f"place_{n}", bug, in_place(rule, to))
          for n, (bug, to) in enumerate(places)),
        on_x("last_row_lost", "last-windows-dropped",
             lambda gy, c: rule(only(gy, np.s_[:, :, :-1]), c), "dropped"),
        on_x("last_windows_lost", "last-windows-dropped",
             lambda gy, c: rule(only(gy, np.s_[:, :, :-1, :-1]), c), "dropped"),
    )  # fmt: skip


def moved_forward(
    forward: Callable[[Call], Array], output: Callable[[Call], Array], key: str
) -> Mutant:
    def wrong(c: Call) -> Array:
        forward(c)
        return output(moved(c, MISTAKES[key][1]))

    return Mutant(key, MISTAKES[key][0], forward=wrong)


def swapped_window(c: Call) -> Call:
    """kh and kw exchanged."""
    rows, cols = c.rows, c.cols
    return changed(
        c, rows=replace(rows, kernel=cols.kernel), cols=replace(cols, kernel=rows.kernel)
    )


def zero_padded_max(c: Call) -> Array:
    max_forward(c)
    return unfold(c.x, c.rows, c.cols).max((2, 3))


def tiled(gy: Array, c: Call) -> Array:
    """gy laid side by side instead of every entry repeated."""
    image = np.tile(gy, (1, 1, c.rows.kernel, c.cols.kernel)) / (c.rows.kernel * c.cols.kernel)
    gx = np.zeros_like(c.x)
    part = image[:, :, : gx.shape[2], : gx.shape[3]]
    gx[:, :, : part.shape[2], : part.shape[3]] = part
    return gx


MAX_BUGS = (
    Mutant("padding_with_zero", "padding-value", forward=zero_padded_max),
    Mutant("average", "average-for-max", forward=lambda c: (max_forward(c), average_output(c))[1]),
    Mutant("minimum", "min-for-max",
           forward=lambda c: (max_forward(c), -max_output(changed(c, x=-c.x)))[1]),
    moved_forward(max_forward, max_output, "stride_is_kernel"),
    moved_forward(max_forward, max_output, "stride_ignored"),
    *of_windows(max_gradient),
    on_x("padding_ignored", "padding-ignored",
         in_place(max_gradient, MISTAKES["padding_ignored"][1])),
    on_x("padding_one_less", "padding-off-by-one",
         in_place(max_gradient, MISTAKES["padding_one_less"][1])),
    on_x("all_ties", "all-ties", with_mask(
        lambda mask, c: (windows(c) == c.y[:, :, None, None]).astype(float)), "only-kinks"),
    on_x("overlap_assigned_by_window", "col2im-assigns",
         lambda gy, c: by_window(c.mask * gy[:, :, None, None], c.rows, c.cols), "assigns"),
    on_x("overlap_assigned_by_tap", "col2im-assigns",
         lambda gy, c: by_tap(c.mask * gy[:, :, None, None], c.rows, c.cols), "assigns"),
    on_x("winner_assigned", "col2im-assigns",
         lambda gy, c: winners(gy, c.mask, c.rows, c.cols), "assigns"),
    on_x("column_first", "winner-transposed", with_mask(column_first)),
    on_x("winner_mirrored", "winner-mirrored", with_mask(lambda mask, c: mask[:, :, ::-1, ::-1])),
    on_x("first_entry", "one-pixel-per-window", with_mask(first_entry)),
    on_x("average_rule", "average-for-max", average_gradient),
    on_x("every_pixel", "average-for-max", with_mask(lambda mask, c: np.ones_like(mask))),
    on_x("smallest", "min-for-max", with_mask(lambda mask, c: chosen(-windows(c), "first"))),
    on_x("winner_of_channel_0", "winner-of-another-channel",
         with_mask(lambda mask, c: mask[:, :1].repeat(mask.shape[1], 1))),
    on_x("winner_of_sample_0", "winner-of-another-sample",
         with_mask(lambda mask, c: mask[:1].repeat(len(mask), 0))),
    *of_batch(max_gradient),
)  # fmt: skip
AVERAGE_BUGS = (
    Mutant("sum", "average-not-divided", also=("forward-ratio:kh*kw",),
           forward=lambda c: average_forward(c) * c.rows.kernel * c.cols.kernel),
    Mutant("max", "max-for-average", forward=lambda c: (average_forward(c), max_output(c))[1]),
    Mutant("window_transposed", "height-width-swapped",
           forward=lambda c: (average_forward(c), average_output(swapped_window(c)))[1]),
    moved_forward(average_forward, average_output, "stride_is_kernel"),
    moved_forward(average_forward, average_output, "stride_ignored"),
    *of_windows(average_gradient),
    on_x("not_divided", "average-not-divided",
         lambda gy, c: average_gradient(gy, c) * c.rows.kernel * c.cols.kernel, "ratio:kh*kw"),
    on_x("divided_by_k", "average-divided-once",
         lambda gy, c: average_gradient(gy, c) * c.rows.kernel, "ratio:kh", "ratio:kw"),
    on_x("assigned_by_window", "col2im-assigns",
         lambda gy, c: by_window(spread(gy, c), c.rows, c.cols), "assigns"),
    on_x("assigned_by_tap", "col2im-assigns",
         lambda gy, c: by_tap(spread(gy, c), c.rows, c.cols), "assigns"),
    on_x("first_entry", "one-pixel-per-window",
         lambda gy, c: fold(only(spread(gy, c), np.s_[:, :, :1, :1]), c.rows, c.cols)),
    on_x("max_rule", "max-for-average",
         lambda gy, c: max_gradient(gy, changed(c, mask=chosen(windows(c), "first")))),
    on_x("tiled", "tile-for-repeat", tiled),
    on_x("window_transposed", "height-width-swapped",
         lambda gy, c: average_gradient(gy, swapped_window(c))),
    *of_batch(average_gradient),
)  # fmt: skip
GLOBAL_BUGS = (
    Mutant("sum", "average-not-divided", also=("forward-ratio:H*W",),
           forward=lambda c: global_forward(c) * c.x[0, 0].size),
    Mutant("max", "max-for-average", forward=lambda c: (global_forward(c), max_output(c))[1]),
    Mutant("over_all_channels", "channels-collapsed",
           forward=lambda c: global_forward(c).mean(1, keepdims=True).repeat(c.x.shape[1], 1)),
    on_x("not_divided", "average-not-divided",
         lambda gy, c: average_gradient(gy, c) * c.x[0, 0].size, "ratio:H*W"),
    on_x("divided_by_H", "average-divided-once",
         lambda gy, c: average_gradient(gy, c) * c.x.shape[3], "ratio:W", "ratio:kw"),
    on_x("divided_by_size", "ratio:1/C", lambda gy, c: average_gradient(gy, c) / c.x.shape[1]),
    on_x("first_entry", "one-pixel-per-window",
         lambda gy, c: only(average_gradient(gy, c), np.s_[:, :, :1, :1])),
    *(bug for bug in of_batch(average_gradient) if bug.name != "gx_read_as_channels_last"),
)  # fmt: skip
NEAREST_BUGS = (
    Mutant("tiled", "tile-for-repeat", forward=lambda c: np.tile(
        (nearest_forward(c), c.x)[1], (1, 1, c.rows.kernel, c.cols.kernel))),
    on_x("first_entry", "one-pixel-per-window",
         lambda gy, c: unfold(gy, c.rows, c.cols)[:, :, 0, 0]),
    on_x("averaged", "mean-for-sum", lambda gy, c: unfold(gy, c.rows, c.cols).mean((2, 3)),
         "ratio:1/(kh*kw)"),
    on_x("tiles_added", "tile-for-repeat", lambda gy, c: gy.reshape(
        *c.x.shape[:2], c.rows.kernel, c.x.shape[2], c.cols.kernel, c.x.shape[3]).sum((2, 4))),
    on_x("stride_ignored", "stride-ignored",
         lambda gy, c: nearest_gradient(gy, moved(c, MISTAKES["stride_ignored"][1]))),
    on_x("rows_alone", "one-pixel-per-window",
         lambda gy, c: unfold(gy, c.rows, c.cols)[:, :, :, 0].sum(2)),
    *of_batch(nearest_gradient),
)  # fmt: skip
