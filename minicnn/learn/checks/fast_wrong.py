"""Lesson 12: the typical mistakes, which the checks must reject and name."""
# mypy: allow-untyped-defs

import numpy as np

from .examination import Wrong


def _rows(x, weight, y, start, stop, *, first=0, keep=False, turn=False, swap=False):
    """Rows of y, as the loops would write them, with one mistake or another."""
    kh, kw, _ = weight.shape
    for i in range(start, stop):
        if not keep:
            y[:, i] = 0
        for u in range(kh):
            for v in range(kw):
                a, b = (kh - 1 - u, kw - 1 - v) if turn else (v, u) if swap else (u, v)
                y[:, i] += x[:, i + u - first, v : v + y.shape[2]] * weight[a, b]


def _all_rows(x, weight, y, start, stop):
    _rows(x, weight, y, 0, y.shape[1])


def _cleared(x, weight, y, start, stop):
    y[...] = 0
    _rows(x, weight, y, start, stop)


def _one_more(x, weight, y, start, stop):
    _rows(x, weight, y, start, min(stop + 1, y.shape[1]))


def _rebound(x, weight, y, start, stop):
    y = np.zeros_like(y)
    _rows(x, weight, y, start, stop)
    return y


def _at_zero(x, weight, y, start, stop):
    part = np.zeros_like(y)
    _rows(x, weight, part, start, stop)
    y[:, : stop - start] = part[:, start:stop]


def _mixed(x, weight, y, start, stop):
    _rows(x, weight, y, start, stop)
    y[:, start:stop] = y[:, start:stop].sum(3, keepdims=True)


def _spoils_x(x, weight, y, start, stop):
    _rows(x, weight, y, start, stop)
    x *= 2


def _part(bug, function, *also):
    return Wrong(bug, {"depthwise_part": function}, also)


DEPTHWISE_PART = (
    _part("outside-its-part", _all_rows),
    _part("outside-its-part", _cleared),
    _part("outside-its-part", _one_more),
    _part("outside-its-part", _at_zero),
    _part("not-written", _rebound),
    _part("adds-to-old", lambda *given: _rows(*given, keep=True)),
    _part("filter-turned", lambda *given: _rows(*given, turn=True)),
    _part("taps-transposed", lambda *given: _rows(*given, swap=True)),
    _part("channels-mixed", _mixed),
    _part("part-from-zero", lambda *given: _rows(*given, first=given[3])),
    _part("changes-input", _spoils_x),
)


def _sized(size):
    """Parts of a fixed size."""

    def cut(count, workers):
        step = size(count, workers)
        return [(p * step, (p + 1) * step) for p in range(workers)]

    return cut


def _rest_to_last(count, workers):
    step = count // workers
    return [(p * step, count if p == workers - 1 else (p + 1) * step) for p in range(workers)]


def _rounded_up(count, workers):
    step = -(-count // workers)
    return [(min(p * step, count), min((p + 1) * step, count)) for p in range(workers)]


def _right(count, workers):
    return [(count * p // workers, count * (p + 1) // workers) for p in range(workers)]


def _parts(bug, function):
    return Wrong(bug, {"parts": function})


PARTS = (
    _parts("rows-left-out", _sized(lambda count, workers: count // workers)),
    _parts("no-such-row", _sized(lambda count, workers: -(-count // workers))),
    _parts("unbalanced", _rest_to_last),
    _parts("unbalanced", _rounded_up),
    _parts("parts-overlap", lambda c, w: [(max(a - 1, 0), b) for a, b in _right(c, w)]),
    _parts("rows-left-out", lambda c, w: [(a, max(a, b - 1)) for a, b in _right(c, w)]),
    _parts("not-one-each", lambda c, w: [(a, b) for a, b in _right(c, w) if a < b]),
    _parts("not-in-order", lambda c, w: _right(c, w)[::-1]),
    _parts("returns-none", lambda c, w: None),
)


def _speed(p, c, o, t, g, peak, bandwidth, *, flops=2, size=4, terms="xwy", limit=min):
    products = o * t * c / g
    moved = sum({"x": p * c, "w": products, "y": p * o}[term] for term in terms)
    return limit(peak, bandwidth * flops * p * products / (size * moved))


def _roof(bug, function):
    return Wrong(bug, {"roofline": function})


ROOFLINE = (
    _roof("one-operation", lambda *a: _speed(*a, flops=1)),
    _roof("numbers-for-bytes", lambda *a: _speed(*a, size=1)),
    _roof("groups-ignored", lambda p, c, o, t, g, peak, b: _speed(p, c, o, t, 1, peak, b)),
    _roof("weight-not-moved", lambda *a: _speed(*a, terms="xy")),
    _roof("x-not-moved", lambda *a: _speed(*a, terms="wy")),
    _roof("y-not-moved", lambda *a: _speed(*a, terms="xw")),
    _roof("no-peak", lambda *a: _speed(*a, limit=lambda peak, slope: slope)),
    _roof("larger-limit", lambda *a: _speed(*a, limit=max)),
    _roof("bytes-per-operation",
          lambda p, c, o, t, g, peak, b: min(peak, b * b / _speed(p, c, o, t, g, 1e99, b))),
    _roof("returns-none", lambda *a: None),
)  # fmt: skip
