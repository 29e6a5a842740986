"""Which samples, channels, rows, and columns of gx one upstream entry touches.

One upstream entry is the gradient through one window: it may change that window's pixels of gx, no
others. Where the touched rows lie tells which stride, padding, and dilation were used, whatever
the values are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from ...bugs import GENERIC
from ...case import Case
from ...op import Call
from ...report import Sign
from .axis import Axis
from .evidence import Index, at_the_end, one_hots, place, span, support
from .mistakes import misplaced

Array = np.ndarray


@dataclass(frozen=True)
class Meeting:
    """What an output entry meets: a sample, its channels, window (i, j), entries us x vs of it."""

    sample: int
    channels: Sequence[int]
    i: int
    j: int
    us: Sequence[int]
    vs: Sequence[int]


@dataclass(frozen=True)
class Look:
    """The gx of one upstream entry: where it is not zero, and what the entry may meet."""

    index: Index
    touched: Array
    right: Array
    meeting: Meeting

    def seen(self, axis: int) -> list[int]:
        """The samples (0), channels (1), rows (2), or columns (3) that are touched."""
        return _along(self.touched, axis)

    def due(self, axis: int) -> list[int]:
        return _along(self.right, axis)


def _along(mask: Array, axis: int) -> list[int]:
    return np.flatnonzero(mask.any(tuple(a for a in range(4) if a != axis))).tolist()


Meets = Callable[[Call, Index], Meeting]


def touched_signs(meets: Meets) -> Callable[[Case], Iterator[Sign]]:
    """The detector of an op whose output entries meet what ``meets`` says."""

    def detect(case: Case) -> Iterator[Sign]:
        if "x" not in case.wrong():
            return
        looks = [
            Look(index, support(case, case.backward(gy)["x"]), support(case, case.rule(gy)["x"]),
                 meets(case.call, index))
            for index, gy in one_hots(case.gy.shape)
        ]  # fmt: skip
        if any(look.touched.any() for look in looks):
            looks = [look for look in looks if look.right.any()]
            batch = list(_samples(case, looks))
            yield from batch or chain(_channels(case, looks), _places(case, looks))

    return detect


def _sign(case: Case, bug: str, look: Look, axis: int, seen: list[int], due: list[int]) -> Sign:
    what = ("sample", "channel", "row", "column")[axis]
    line = (
        f"{_options(case, axis)}a single 1 in {place('gy', look.index)} touches "
        f"{span(seen, what)} of gx; it should touch {span(due, what)}"
    )
    return case.sign(bug, "gx", line, 1)


def _options(case: Case, axis: int) -> str:
    """The options that matter along the axis: "stride 2, padding 1: "."""
    if axis == 1:
        groups = getattr(case.call, "groups", 1)
        return f"groups {groups}: " if groups > 1 else ""
    if axis == 0:
        return ""
    a = case.call.rows if axis == 2 else case.call.cols
    said = [("stride", a.stride, 1), ("padding", a.padding, 0), ("dilation", a.dilation, 1)]
    named = ", ".join(f"{name} {value}" for name, value, usual in said if value != usual)
    return named and f"{named}: "


def _samples(case: Case, looks: list[Look]) -> Iterator[Sign]:
    for look in looks:
        if set(look.seen(0)) - {look.meeting.sample}:
            yield _sign(case, "mixes-batch", look, 0, look.seen(0), look.due(0))
            return
    empty = [look for look in looks if not look.touched.any()]
    first = [look for look in looks if look.meeting.sample == 0]
    kept = all(np.array_equal(look.touched, look.right) for look in first)
    if first and kept and len(empty) == len(looks) - len(first) > 0:
        yield _sign(case, "first-only:N", empty[0], 0, [], empty[0].due(0))


def _channels(case: Case, looks: list[Look]) -> Iterator[Sign]:
    """Channels outside the entry's own: all of them, or another group's."""
    groups = getattr(case.call, "groups", 1)
    for look in looks:
        seen, due = look.seen(1), look.due(1)
        if set(seen) - set(look.meeting.channels):
            wide = len(seen) == look.right.shape[1]
            grouped = "groups-ignored" if wide else "wrong-group"
            alone = "channels-collapsed" if wide else "mixes-channels"
            bug = grouped if groups > 1 else alone
            yield _sign(case, bug, look, 1, seen, due)
            return


def _places(case: Case, looks: list[Look]) -> Iterator[Sign]:
    """Rows and columns: names of the mistakes that explain every look."""
    off = [axis for axis in (2, 3) if any(look.seen(axis) != look.due(axis) for look in looks)]
    if not off or case.call.rows.windows == case.call.cols.windows == 1:
        return
    places = misplaced(case.call.rows, case.call.cols)
    names = {name for name, rows, cols in places if _fits(looks, rows, cols)}
    look = next(look for look in looks if look.seen(off[0]) != look.due(off[0]))
    named = names - GENERIC.keys() | _left_out(looks)
    for name in sorted(named or names):
        yield _sign(case, name, look, off[0], look.seen(off[0]), look.due(off[0]))


def _fits(looks: list[Look], rows: Axis, cols: Axis) -> bool:
    """Whether windows laid along these axes touch just what was seen, in every look."""
    for look in looks:
        m = look.meeting
        down, across = set(rows.pixels(m.i, m.us)), set(cols.pixels(m.j, m.vs))
        if not down or not across:
            down = across = set()
        if sorted(down) != look.seen(2) or sorted(across) != look.seen(3):
            return False
    return True


def _left_out(looks: list[Look]) -> set[str]:
    """Right but for what is missing: the border of the image, or all of the last windows."""
    if all(_inner(look) == (look.seen(2), look.seen(3)) for look in looks):
        return {"border-dropped"}
    if all(not look.touched.any() or np.array_equal(look.touched, look.right) for look in looks):
        windows = {(look.meeting.i, look.meeting.j): bool(look.touched.any()) for look in looks}
        return {"last-windows-dropped"} if at_the_end(windows) else set()
    return set()


def _inner(look: Look) -> tuple[list[int], list[int]]:
    """The rows and columns due, without the outermost of the image."""
    rows, cols = ([n for n in look.due(a) if 0 < n < look.right.shape[a] - 1] for a in (2, 3))
    return (rows, cols) if rows and cols else ([], [])
