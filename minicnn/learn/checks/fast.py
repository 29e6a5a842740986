"""Lesson 12: a kernel for one part of the work, the parts, and the roof over a kernel."""

from typing import Any

import numpy as np

from ...testing.doctor import Diagnosis
from .examination import Check, Examination, Functions
from .fast_bugs import BUGS
from .fast_wrong import DEPTHWISE_PART, PARTS, ROOFLINE

__all__ = ["BUGS", "CHECKS"]

CASES = {  # (N, H, W, C), (kh, kw), the part
    "all rows": ((2, 6, 7, 3), (3, 2), (0, 4)),
    "the first rows": ((2, 7, 5, 3), (2, 3), (0, 2)),
    "rows in the middle": ((2, 8, 6, 3), (3, 3), (2, 4)),
    "the last row": ((1, 5, 6, 4), (2, 2), (3, 4)),
    "no row": ((1, 5, 5, 2), (2, 2), (2, 2)),
    "one pixel, 1x1": ((1, 1, 1, 1), (1, 1), (0, 1)),
}


def depthwise_part(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("depthwise_part", "y", "other rows")
    rng = np.random.default_rng(seed)
    for name, ((n, h, w, c), (kh, kw), (start, stop)) in CASES.items():
        x, weight = rng.standard_normal((n, h, w, c)), rng.standard_normal((kh, kw, c))
        old = rng.standard_normal((n, h - kh + 1, w - kw + 1, c))
        with exam.probe(name):
            mine, y = (x.copy(), weight.copy()), old.copy()
            functions["depthwise_part"](*mine, y, start, stop)
            exam.unchanged(x, mine[0], "x")
            exam.unchanged(weight, mine[1], "weight")
            _judge(exam, y, old, x, weight, slice(start, stop))
    return exam.diagnosis()


def _judge(
    exam: Examination, y: np.ndarray, old: np.ndarray, x: np.ndarray, weight: np.ndarray,
    part: slice,
) -> None:  # fmt: skip
    rest = np.ones(old.shape[1], bool)
    rest[part] = False
    touched = np.flatnonzero(rest & (y != old).any((0, 2, 3)))
    exam.require(
        not touched.size, "outside-its-part", "other rows",
        f"rows {touched.tolist()} were written, the part is {part.start} to {part.stop}",
    )  # fmt: skip
    if touched.size or part.start == part.stop:
        return
    right = correlated(x, weight)
    turned = correlated(x, weight[::-1, ::-1])
    known = {
        "not-written": old[:, part],
        "adds-to-old": (old + right)[:, part],
        "filter-turned": turned[:, part],
        "channels-mixed": np.broadcast_to(right.sum(3, keepdims=True), right.shape)[:, part],
        "part-from-zero": _moved(right, part),
    }
    if weight.shape[0] == weight.shape[1] > 1:
        known["taps-transposed"] = correlated(x, weight.transpose(1, 0, 2))[:, part]
    known = {bug: value for bug, value in known.items() if not np.allclose(value, right[:, part])}
    exam.equal("y", y[:, part], right[:, part], known)


def _moved(right: np.ndarray, part: slice) -> np.ndarray:
    """The rows that belong to the part that begins at 0."""
    return right[:, : part.stop - part.start]


def correlated(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """All of y, from windows: independent of the loops."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[:2], (1, 2))
    return np.einsum("nijcuv,uvc->nijc", windows, weight)


def parts(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("parts", "rows", "sizes")
    rng = np.random.default_rng(seed)
    fixed = [(10, 4), (12, 4), (7, 7), (3, 5), (0, 2), (1, 1), (17, 3), (100, 1), (11, 6)]
    for count, workers in [*fixed, *map(tuple, rng.integers(1, 60, (6, 2)).tolist())]:
        with exam.probe(f"{count} rows, {workers} workers"):
            found = functions["parts"](count, workers)
            if found is None:
                exam.wrong("returns-none", "rows", "nothing was returned", 0)
                continue
            _cut(exam, [(int(a), int(b)) for a, b in found], count, workers)
    return exam.diagnosis()


def _cut(exam: Examination, pairs: list[tuple[int, int]], count: int, workers: int) -> None:
    told = f"{count} rows for {workers}: {str(pairs[:5])[1:-1]}"
    rows = [i for a, b in pairs for i in range(a, b)]
    if outside := [i for i in rows if not 0 <= i < count]:
        exam.wrong("no-such-row", "rows", f"{told}; row {outside[0]} does not exist")
    elif len(set(rows)) < len(rows):
        exam.wrong("parts-overlap", "rows", f"{told}; {len(rows) - len(set(rows))} rows twice")
    elif len(rows) < count:
        exam.wrong("rows-left-out", "rows", f"{told}; {count - len(rows)} rows are in no part")
    elif len(pairs) != workers or any(b < a for a, b in pairs):
        exam.wrong("not-one-each", "sizes", f"{told}; {len(pairs)} parts")
    elif rows != sorted(rows):
        exam.wrong("not-in-order", "rows", told)
    else:
        sizes = [b - a for a, b in pairs]
        exam.require(max(sizes) - min(sizes) <= 1, "unbalanced", "sizes",
                     f"{told}; the sizes go from {min(sizes)} to {max(sizes)}")  # fmt: skip


def roofline(functions: Functions, seed: int) -> Diagnosis:
    exam = Examination("roofline", "GFLOP/s")
    rng = np.random.default_rng(seed)
    layers = [(3136, 64, 64, 9, 1), (3136, 64, 64, 9, 64), (100, 48, 24, 1, 1), (7, 512, 96, 25, 4),
              (int(rng.integers(2, 90)), 30, 12, 9, 6)]  # fmt: skip
    for p, c, o, t, g in layers:
        for peak, bandwidth in ((100.0, 15.0), (1e9, 7.0), (0.25, 20.0)):
            with exam.probe(
                f"p={p} c={c} o={o} t={t} g={g}, peak {peak:g}, bandwidth {bandwidth:g}"
            ):
                found = functions["roofline"](p, c, o, t, g, peak, bandwidth)
                products, pixels = o * t * c / g, p * (c + o)
                right = _roof(p * products, pixels + products, peak, bandwidth)
                known = _known(p, c, o, t, g, peak, bandwidth)
                known = {k: v for k, v in known.items() if not np.isclose(v, right, 1e-9)}
                exam.equal("GFLOP/s", found, right, known)
    return exam.diagnosis()


def _roof(products: float, numbers: float, peak: float, bandwidth: float) -> float:
    return min(peak, bandwidth * 2 * products / (4 * numbers))


def _known(p: int, c: int, o: int, t: int, g: int, peak: float, bandwidth: float) -> dict[str, Any]:
    each = o * t * c / g
    work, moved = p * each, p * (c + o) + each
    slope = bandwidth * work / (2 * moved)
    return {
        "one-operation": _roof(work / 2, moved, peak, bandwidth),
        "numbers-for-bytes": _roof(work, moved / 4, peak, bandwidth),
        "groups-ignored": _roof(work * g, p * (c + o) + each * g, peak, bandwidth),
        "weight-not-moved": _roof(work, moved - each, peak, bandwidth),
        "x-not-moved": _roof(work, moved - p * c, peak, bandwidth),
        "y-not-moved": _roof(work, moved - p * o, peak, bandwidth),
        "no-peak": slope,
        "larger-limit": max(peak, slope),
        "bytes-per-operation": min(peak, bandwidth * 2 * moved / work),
    }


CHECKS = {
    "depthwise_part": Check(depthwise_part, DEPTHWISE_PART),
    "parts": Check(parts, PARTS),
    "roofline": Check(roofline, ROOFLINE),
}
