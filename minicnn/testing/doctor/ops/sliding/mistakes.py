"""Wrong places for windows: a stride forgotten, a padding one too small, height for width."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ...op import Call
from .axis import Axis

Mistake = Callable[[Axis, Axis], tuple[Axis, Axis]]


def changed(c: Call, **new: Any) -> Call:
    """A copy of the call with some of its values replaced."""
    return Call(**{**vars(c), **new})


def moved(c: Call, mistake: Mistake) -> Call:
    rows, cols = mistake(c.rows, c.cols)
    return changed(c, rows=rows, cols=cols)


def on_both(**new: Callable[[Axis], int]) -> Mistake:
    """The mistake that gives rows and columns alike another stride, padding, ..."""

    def mistake(rows: Axis, cols: Axis) -> tuple[Axis, Axis]:
        first, second = (replace(a, **{key: f(a) for key, f in new.items()}) for a in (rows, cols))
        return first, second

    return mistake


def swapped(key: str) -> Mistake:
    """The mistake that takes the height's option for the width, and the width's for the height."""

    def mistake(rows: Axis, cols: Axis) -> tuple[Axis, Axis]:
        down, across = getattr(rows, key), getattr(cols, key)
        return replace(rows, **{key: across}), replace(cols, **{key: down})

    return mistake


MISTAKES: dict[str, tuple[str, Mistake]] = {
    "stride_ignored": ("stride-ignored", on_both(stride=lambda a: 1)),
    "stride_is_kernel": ("stride-is-kernel", on_both(stride=lambda a: a.kernel)),
    "stride_swapped": ("height-width-swapped", swapped("stride")),
    "padding_ignored": ("padding-ignored", on_both(padding=lambda a: 0)),
    "padding_one_less": ("padding-off-by-one", on_both(padding=lambda a: max(0, a.padding - 1))),
    "padding_one_more": (
        "padding-off-by-one", on_both(padding=lambda a: a.padding + bool(a.padding))),
    "padding_swapped": ("height-width-swapped", swapped("padding")),
    "dilation_ignored": ("dilation-ignored", on_both(dilation=lambda a: 1)),
}  # fmt: skip


def misplaced(rows: Axis, cols: Axis) -> Iterator[tuple[str, Axis, Axis]]:
    """One mistake on rows alone, on columns alone, or on both, with its name."""
    down, across = list(others(rows, cols)), list(others(cols, rows))
    yield from ((name, wrong, cols) for name, wrong in down)
    yield from ((name, rows, wrong) for name, wrong in across)
    yield from ((a, first, second) for a, first in down for b, second in across if a == b)


def others(axis: Axis, cross: Axis) -> Iterator[tuple[str, Axis]]:
    """The axis with one wrong number, and the name of that mistake; ``cross`` is the other axis.

    One wrong number may have several names: a stride of 1 may be forgotten or be the other axis's.
    """
    reach = max(axis.kernel, cross.kernel) * axis.dilation + 2
    for stride in range(1, max(axis.stride, reach) + 1):
        if stride != axis.stride:
            yield from _named(axis, cross, "stride", stride)
    for padding in range(axis.padding + reach):
        if padding != axis.padding:
            yield from _named(axis, cross, "padding", padding)
    for dilation in range(1, max(axis.dilation, axis.stride, cross.dilation) + 2):
        if dilation != axis.dilation and axis.kernel > 1:
            yield from _named(axis, cross, "dilation", dilation)


def _named(axis: Axis, cross: Axis, key: str, value: int) -> Iterator[tuple[str, Axis]]:
    wrong, right = replace(axis, **{key: value}), getattr(axis, key)
    none = 0 if key == "padding" else 1
    names = {
        f"{key}-ignored": value == none,
        "height-width-swapped": value == getattr(cross, key),
        "stride-is-kernel": key == "stride" and value == axis.kernel,
        "padding-off-by-one": key == "padding" and abs(value - right) == 1,
    }
    other = "window-origin" if key == "padding" else "window-spacing"
    said = [name for name, holds in names.items() if holds] or [other]
    yield from ((name, wrong) for name in said)
