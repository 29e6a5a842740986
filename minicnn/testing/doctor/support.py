"""Tier 1: what does one entry of gy touch? The support of B(one-hot) beside the right one.

A one-hot at sample n touches that sample alone, in the channels of its group, in one window: rows
and columns with an origin, a spacing and an extent. So a wrong stride, padding, dilation, grouping
or a mixed batch shows at once.
"""

from collections.abc import Iterator

import numpy as np

from .case import Array, Case
from .report import Sign

Indices = list[int]


def signs(case: Case) -> Iterator[Sign]:
    """For the inputs with wrong gradients: one sign per bug and input, over a few one-hots."""
    names = case.wrong()
    seen: set[tuple[str, str]] = set()
    if not names or np.ndim(case.gy) < 2:
        return
    for place in _places(np.shape(case.gy)):
        one_hot = np.zeros_like(case.gy)
        one_hot[place] = 1
        try:
            given, right = case.backward(one_hot.copy()), case.rule(one_hot)
        except Exception:  # tier 0 speaks of rules that fail
            return
        for name in names:
            for bug, evidence in _compare(case, name, place, given.get(name), right.get(name)):
                if (bug, name) not in seen:
                    seen.add((bug, name))
                    yield case.sign(bug, f"g{name}", evidence, 1)


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The middle, one from the first corner, two corners, and a place at random."""
    rng = np.random.default_rng(6)
    places = [tuple(n // 2 for n in shape), tuple(min(1, n - 1) for n in shape)]
    places += [tuple(n - 1 for n in shape), (0,) * len(shape)]
    places += [tuple(int(rng.integers(n)) for n in shape)]
    return list(dict.fromkeys(places)) if 0 not in shape else []


def _compare(
    case: Case, name: str, place: tuple[int, ...], given: Array | None, right: Array | None
) -> Iterator[tuple[str, str]]:
    """What differs between the two supports, axis by axis."""
    if given is None or right is None or np.shape(given) != np.shape(right):
        return
    mine, true = _touched(given, case.atol), _touched(right, case.atol)
    if not mine.any() or not true.any():
        return
    at = f"a single 1 in gy[{', '.join(map(str, place))}]"
    for axis, role in _roles(case, name, true.ndim):
        a, b = _along(mine, axis), _along(true, axis)
        if a != b:
            named = case.axis(name, axis)
            bug = _window(a, b) if role == "window" else _mixed(a, b, role)
            if bug:
                evidence = (
                    f"{at} touches {named} = {_shown(a)} of g{name}; it should touch {_shown(b)}"
                )
                yield bug, evidence
    windows = tuple(axis for axis, role in _roles(case, name, true.ndim) if role == "window")
    if windows and (mine == true).all() and _is_flipped(given, right, true, windows, case):
        axes = ",".join(case.axis(name, i) for i in windows)
        evidence = f"{at} gives the right window of g{name} read backwards along {axes}"
        yield "window-flipped", evidence


def _roles(case: Case, name: str, ndim: int) -> Iterator[tuple[int, str]]:
    """What the axes are: the batch, channels, or (after these, where there is a batch) a window."""
    names = case.axes.get(name, ())[:ndim]
    batch = "N" in names and "N" in case.axes.get("y", ())
    for axis, axis_name in enumerate(names):
        if axis_name == "N" and batch:
            yield axis, "batch"
        elif axis_name in ("C", "O"):
            yield axis, "channels"
        elif batch and axis >= 2 and ndim > 2:
            yield axis, "window"


def _touched(a: Array, atol: float) -> Array:
    return np.abs(a) > atol * np.abs(a).max(initial=0.0)


def _along(touched: Array, axis: int) -> Indices:
    """The indices that are touched along one axis."""
    others = tuple(i for i in range(touched.ndim) if i != axis)
    return [int(i) for i in np.flatnonzero(touched.any(others))]


def _mixed(given: Indices, right: Indices, role: str) -> str:
    """Others than the right ones are touched; or (as by a norm over them) some are missed."""
    return f"misses-{role}" if set(given) < set(right) else f"mixes-{role}"


def _window(given: Indices, right: Indices) -> str | None:
    """The name for a window that touches these indices instead of those."""
    steps, right_steps = np.diff(given), np.diff(right)
    if len(given) != len(right):
        return "window-extent" if len(given) > 1 and len(right) > 1 else None
    if np.array_equal(steps, right_steps):
        return "window-origin"
    return "window-spacing"


def _shown(indices: Indices) -> str:
    """0..3 for a run; all of them where they are few."""
    if len(indices) > 2 and indices[-1] - indices[0] == len(indices) - 1:
        return f"{indices[0]}..{indices[-1]}"
    return ", ".join(map(str, indices[:6])) + (", ..." if len(indices) > 6 else "")


def _is_flipped(
    given: Array, right: Array, touched: Array, windows: tuple[int, ...], case: Case
) -> bool:
    """Whether the values inside the window, and not their places, are in the reverse order."""
    box = tuple(
        slice(min(i), max(i) + 1) for i in (_along(touched, axis) for axis in range(touched.ndim))
    )
    return not case.close(given, right) and case.close(given[box], np.flip(right[box], windows))
