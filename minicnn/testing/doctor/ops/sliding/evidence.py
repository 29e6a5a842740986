"""Lines of numbers that show a bug, and the one-hot upstream gradients that find them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ...case import Case

Array = np.ndarray
Index = tuple[int, ...]


def one_hots(shape: tuple[int, ...]) -> Iterator[tuple[Index, Array]]:
    """Upstream gradients with a single 1: at the first entry, the last, and some between."""
    first, last = tuple(0 for _ in shape), tuple(n - 1 for n in shape)
    second, middle = tuple(min(1, n - 1) for n in shape), tuple(n // 2 for n in shape)
    corner = (*last[:1], *first[1:])
    for index in dict.fromkeys((first, second, middle, corner, last)):
        gy = np.zeros(shape)
        gy[index] = 1.0
        yield index, gy


def place(name: str, index: Sequence[int]) -> str:
    """gx[0, 1, 2, 3]"""
    return f"{gradient(name)}[{', '.join(str(int(i)) for i in index)}]"


def gradient(name: str) -> str:
    """How an input's gradient is called."""
    return name if name in ("y", "gy", "gx") else f"g{name}"


def span(numbers: Iterable[int], what: str) -> str:
    """ "rows 2..4", "row 3", "columns 0, 2, 4", "no rows" """
    found = sorted({int(n) for n in numbers})
    if not found:
        return f"no {what}s"
    if len(found) == 1:
        return f"{what} {found[0]}"
    gaps = set(np.diff(found))
    listed = f"{found[0]}..{found[-1]}" if gaps == {1} else ", ".join(map(str, found))
    return f"{what}s {listed}"


def difference(name: str, given: Array, right: Array) -> str:
    """The entry that is most wrong: "gx[0, 1, 2, 3] is 0.5, right is 1.25" """
    index = np.unravel_index(np.argmax(np.abs(given - right)), right.shape)
    at = place(name, [int(i) for i in index])
    return f"{at} is {given[index]:.4g}, right is {right[index]:.4g}"


def at_the_end(windows: Mapping[tuple[int, int], bool]) -> bool:
    """Whether the windows marked False are just those of the last row, the last column, or both."""
    empty = {w for w, full in windows.items() if not full}
    last_row, last_col = (max(w[a] for w in windows) for a in (0, 1))
    down = {w for w in windows if w[0] == last_row}
    across = {w for w in windows if w[1] == last_col}
    return bool(empty) and empty != set(windows) and empty in (down, across, down | across)


def support(case: Case, a: Array) -> Array:
    """Where it is more than rounding."""
    size = np.abs(a)
    return size > max(case.atol, 1e-12) * size.max(initial=1e-300)


def alike(case: Case, given: Array, expected: Array) -> bool:
    """Equal, or one a multiple of the other where there are numbers enough to tell."""
    if case.close(given, expected):
        return True
    if np.count_nonzero(expected) < 4:
        return False
    scale = float((given * expected).sum() / (expected * expected).sum())
    return abs(scale) > 1e-6 and case.close(given, scale * expected)
