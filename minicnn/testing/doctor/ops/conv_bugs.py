"""Typical bugs of convolution. Each replaces one step of the rules."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..op import Call, Gradient, Mutant
from .conv_rules import (
    bias_gradient,
    by_group,
    columns_gradient,
    correlate,
    forward,
    input_gradient,
    joined,
    output,
    weight_gradient,
)  # fmt: skip
from .sliding import unfold
from .sliding.assigned import by_tap, by_window
from .sliding.mistakes import MISTAKES, Mistake, changed, moved
from .sliding.values import without_border

Array = np.ndarray
RULES = {"x": input_gradient, "weight": weight_gradient, "bias": bias_gradient}


def on_x(name: str, bug: str, rule: Gradient, *also: str) -> Mutant:
    return Mutant(f"gx_{name}", bug, gradients={"x": rule}, also=also)


def on_weight(name: str, bug: str, rule: Gradient, *also: str) -> Mutant:
    return Mutant(f"gweight_{name}", bug, gradients={"weight": rule}, also=also)


def on_call(name: str, bug: str, change: Callable[[Call], Call], *also: str) -> Mutant:
    """The forward pass and all gradients, consistently, of another call."""

    def wrong_forward(c: Call) -> Array:
        forward(c)
        return output(change(c))

    rules: dict[str, Gradient] = {key: with_call(rule, change) for key, rule in RULES.items()}
    return Mutant(f"all_{name}", bug, wrong_forward, rules, also)


def in_forward(name: str, bug: str, rule: Callable[[Call], Array], *also: str) -> Mutant:
    """The forward pass alone."""

    def wrong_forward(c: Call) -> Array:
        forward(c)
        return rule(c)

    return Mutant(name, bug, wrong_forward, also=also)


def after(rule: Gradient, change: Callable[..., Any]) -> Gradient:
    """The right gradient, spoilt at the end."""
    return lambda gy, c: change(rule(gy, c))


def before(rule: Gradient, change: Callable[[Array], Array]) -> Gradient:
    """The right rule, given a spoilt upstream gradient."""
    return lambda gy, c: rule(change(gy), c)


def with_call(rule: Gradient, change: Callable[[Call], Call]) -> Gradient:
    return lambda gy, c: rule(gy, change(c))


def in_place(rule: Gradient, mistake: Mistake) -> Gradient:
    return lambda gy, c: rule(gy, moved(c, mistake))


def only(a: Array, index: Any) -> Array:
    """a with zeros everywhere but at the index."""
    kept = np.zeros_like(a)
    kept[index] = a[index]
    return kept


def flipped(c: Call) -> Call:
    return changed(c, weight=c.weight[:, :, ::-1, ::-1])


def square_transposed(a: Array) -> Array:
    """Kernels transposed where they are square."""
    return a.swapaxes(2, 3) if a.shape[2] == a.shape[3] else a


def channels_last_as_first(a: Array) -> Array:
    """(N, C, H, W) transposed to (N, H, W, C), and then called (N, C, H, W)."""
    return a.transpose(0, 2, 3, 1).reshape(a.shape)


def batch_read_as_channels(a: Array) -> Array:
    return a.swapaxes(0, 1).reshape(a.shape)


def padded_with(mode: str, **how: Any) -> Callable[[Call], Array]:
    """The forward pass with other numbers around x than zeros."""

    def rule(c: Call) -> Array:
        top, left = c.rows.padding, c.cols.padding
        widths = ((0, 0), (0, 0), (top, top), (left, left))
        x = np.pad(c.x, widths, mode, **how)  # type: ignore[call-overload]
        rows = replace(c.rows, padding=0, size=x.shape[2])
        return output(changed(c, x=x, rows=rows, cols=replace(c.cols, padding=0, size=x.shape[3])))

    return rule


def where_padded(rule: Gradient, change: Callable[[Array], Array]) -> Gradient:
    return lambda gy, c: change(rule(gy, c)) if c.rows.padding else rule(gy, c)


def other_group(c: Call) -> Call:
    """Every group's filters on the next group's channels."""
    return changed(c, x=np.roll(c.x, c.x.shape[1] // c.groups, 1))


def groups_ignored(gy: Array, c: Call) -> Array:
    """Every filter as if it saw the first channels, or all channels where one filter's are all."""
    weight = np.tile(c.weight, (1, c.groups, 1, 1))
    return input_gradient(gy, changed(c, weight=weight, groups=1))


def first_channels(gy: Array, c: Call) -> Array:
    """Every filter's gradient from the first group's channels."""
    first = c.x[:, : c.weight.shape[1]]
    return weight_gradient(gy, changed(c, x=first, groups=1))


def last_filter(gy: Array, c: Call) -> Array:
    """The sum over the filters of a group assigned instead of added."""
    weight = by_group(c.weight, c.groups, 0).copy()
    weight[:, :-1] = 0
    return input_gradient(gy, changed(c, weight=joined(weight, 0)))


def channel_sum(gy: Array, c: Call) -> Array:
    columns = unfold(c.x, c.rows, c.cols).sum(1, keepdims=True).repeat(c.weight.shape[1], 1)
    return np.einsum("noij,ncuvij->ocuv", gy, columns)


def patch_order(gy: Array, c: Call) -> Array:
    """Rows of the patch matrix in the order (kh, kw, C), called (C, kh, kw)."""
    gweight = weight_gradient(gy, c)
    return gweight.transpose(0, 2, 3, 1).reshape(gweight.shape)


FORWARD_BUGS = (
    in_forward("bias_missing", "bias-missing", lambda c: output(c) - c.bias[:, None, None]),
    in_forward("bias_twice", "bias-twice", lambda c: output(c) + c.bias[:, None, None]),
    in_forward("bias_reversed", "bias-of-another-filter",
               lambda c: correlate(c, c.weight) + c.bias[::-1, None, None]),
    on_call("flip", "convolution-for-correlation", flipped),
    in_forward("flip_forward", "convolution-for-correlation", lambda c: output(flipped(c))),
    in_forward("kernel_transposed", "kernel-transposed",
               lambda c: output(changed(c, weight=square_transposed(c.weight)))),
    in_forward("padding_with_ones", "padding-value", padded_with("constant", constant_values=1.0)),
    in_forward("padding_with_edge", "padding-value", padded_with("edge")),
    in_forward("padding_reflects", "padding-value", padded_with("reflect")),
    on_call("stride_ignored", "stride-ignored", lambda c: moved(c, MISTAKES["stride_ignored"][1])),
    on_call("dilation_ignored", "dilation-ignored",
            lambda c: moved(c, MISTAKES["dilation_ignored"][1])),
    on_call("padding_one_less", "padding-off-by-one",
            lambda c: moved(c, MISTAKES["padding_one_less"][1])),
    on_call("stride_swapped", "height-width-swapped",
            lambda c: moved(c, MISTAKES["stride_swapped"][1])),
    in_forward("patch_order", "reshape-for-transpose", lambda c: output(
        changed(c, weight=c.weight.transpose(0, 2, 3, 1).reshape(c.weight.shape)))),
    in_forward("output_channels_last", "reshape-for-transpose", lambda c: np.reshape(
        output(c).transpose(0, 2, 3, 1), output(c).shape)),
    in_forward("mean_for_sum", "mean-for-sum",
               lambda c: correlate(c, c.weight) / c.weight[0].size + c.bias[:, None, None]),
    in_forward("first_channel_alone", "channels-not-summed", lambda c: output(
        changed(c, weight=only(c.weight, np.s_[:, :1])))),
)  # fmt: skip

INPUT_BUGS = (
    *(on_x(name, bug, in_place(input_gradient, mistake))
      for name, (bug, mistake) in MISTAKES.items()),
    on_x("flipped", "kernel-flipped", with_call(input_gradient, flipped)),
    on_x("rows_flipped", "kernel-flipped",
         with_call(input_gradient, lambda c: changed(c, weight=c.weight[:, :, ::-1]))),
    on_x("kernel_transposed", "kernel-transposed",
         with_call(input_gradient, lambda c: changed(c, weight=square_transposed(c.weight)))),
    on_x("assigned_by_window", "col2im-assigns",
         lambda gy, c: by_window(columns_gradient(gy, c, c.weight), c.rows, c.cols), "assigns"),
    on_x("assigned_by_tap", "col2im-assigns",
         lambda gy, c: by_tap(columns_gradient(gy, c, c.weight), c.rows, c.cols), "assigns"),
    on_x("border_zeroed", "border-dropped", where_padded(input_gradient, without_border),
         "only-border", "dropped"),
    on_x("last_row_of_windows_lost", "last-windows-dropped",
         before(input_gradient, lambda gy: only(gy, np.s_[:, :, :-1])), "dropped"),
    on_x("last_windows_lost", "last-windows-dropped",
         before(input_gradient, lambda gy: only(gy, np.s_[:, :, :-1, :-1])), "dropped"),
    on_x("channels_averaged", "channels-collapsed", after(
        input_gradient, lambda gx: gx.mean(1, keepdims=True) + 0 * gx), "constant-over:C",
        "groups-ignored"),
    on_x("channels_reversed", "mixes-channels", after(input_gradient, lambda gx: gx[:, ::-1]),
         "flipped:C", "rolled:C", "wrong-group"),
    on_x("last_filter_alone", "filters-not-summed", last_filter),
    on_x("batch_summed", "mixes-batch", before(
        input_gradient, lambda gy: gy.sum(0, keepdims=True) + 0 * gy), "constant-over:N"),
    on_x("first_sample_alone", "first-only:N",
         before(input_gradient, lambda gy: only(gy, np.s_[:1])), "dropped"),
    on_x("read_as_channels_last", "reshape-for-transpose",
         after(input_gradient, channels_last_as_first), "permuted"),
    on_x("written_to_a_copy", "zero-gradient", after(input_gradient, np.zeros_like)),
    on_x("over_N", "ratio:1/N", lambda gy, c: input_gradient(gy, c) / len(gy)),
)  # fmt: skip

WEIGHT_BUGS = (
    *(on_weight(name, bug, in_place(weight_gradient, mistake))
      for name, (bug, mistake) in MISTAKES.items()),
    on_weight("flipped", "patch-flipped", after(
        weight_gradient, lambda g: g[:, :, ::-1, ::-1]), "flipped:kh,kw"),
    on_weight("transposed", "patch-transposed", after(weight_gradient, square_transposed),
              "transposed"),
    on_weight("patch_order", "reshape-for-transpose", patch_order, "permuted"),
    on_weight("first_sample", "first-only:N", before(
        weight_gradient, lambda gy: only(gy, np.s_[:1]))),
    on_weight("last_sample", "gweight-assigned", before(
        weight_gradient, lambda gy: only(gy, np.s_[-1:]))),
    on_weight("last_window", "gweight-assigned", before(
        weight_gradient, lambda gy: only(gy, np.s_[:, :, -1:, -1:]))),
    on_weight("last_windows_lost", "last-windows-dropped", before(
        weight_gradient, lambda gy: only(gy, np.s_[:, :, :-1, :-1]))),
    on_weight("batch_averaged", "mixes-batch", with_call(
        weight_gradient, lambda c: changed(c, x=c.x.mean(0, keepdims=True) + 0 * c.x)),
        "upstream-moved"),
    on_weight("batch_reversed", "mixes-batch", with_call(
        weight_gradient, lambda c: changed(c, x=c.x[::-1])), "upstream-moved"),
    on_weight("channels_reversed", "mixes-channels", after(
        weight_gradient, lambda g: g[:, ::-1]), "flipped:C", "rolled:C"),
    on_weight("channels_summed", "channels-collapsed", channel_sum, "constant-over:C"),
    on_weight("gy_batch_as_channels", "reshape-for-transpose",
              before(weight_gradient, batch_read_as_channels)),
    on_weight("over_N", "ratio:1/N", lambda gy, c: weight_gradient(gy, c) / len(gy)),
)  # fmt: skip

BIAS_BUGS = (
    Mutant("gbias_over_N", "ratio:1/N",
           gradients={"bias": lambda gy, c: gy.sum((0, 2, 3)) / len(gy)}),
    Mutant("gbias_over_pixels", "ratio:1/(H'*W')",
           gradients={"bias": lambda gy, c: gy.mean((2, 3)).sum(0)}),
    Mutant("gbias_first_sample", "first-only:N",
           gradients={"bias": lambda gy, c: gy[0].sum((1, 2))}),
    Mutant("gbias_gy_channels_last", "reshape-for-transpose", gradients={
        "bias": lambda gy, c: gy.reshape(-1, gy.shape[1]).sum(0)}),
    Mutant("gbias_wrong_axes", "bias-wrong-axes", gradients={
        "bias": lambda gy, c: np.resize(gy.sum((0, 1, 2)), gy.shape[1])}),
)  # fmt: skip

GROUP_BUGS = (
    on_x("groups_ignored", "groups-ignored", groups_ignored),
    on_x("next_group", "wrong-group", (
        lambda gy, c: np.roll(input_gradient(gy, c), c.x.shape[1] // c.groups, 1)), "rolled:C"),
    on_weight("first_group", "groups-ignored", first_channels, "wrong-group"),
    on_weight("next_group", "wrong-group", with_call(weight_gradient, other_group)),
    in_forward("next_group", "wrong-group", lambda c: output(other_group(c))),
)  # fmt: skip
DEPTHWISE_BUGS = (
    in_forward("all_channels", "groups-ignored", lambda c: output(
        changed(c, weight=np.tile(c.weight, (1, c.groups, 1, 1)), groups=1))),
)  # fmt: skip
