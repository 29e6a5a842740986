"""Lesson 12: other right answers, and changes of the solutions that make no difference."""

import numpy as np


def part_with_slices(x, weight, y, start, stop):
    y[:, start:stop] = 0
    for u in range(weight.shape[0]):
        for v in range(weight.shape[1]):
            rows = x[:, start + u : stop + u, v : v + y.shape[2]]
            y[:, start:stop] += rows * weight[u, v]


def part_by_sums(x, weight, y, start, stop):
    for n, i, j, c in np.ndindex(len(y), stop - start, *y.shape[2:]):
        i += start
        window = x[n, i : i + weight.shape[0], j : j + weight.shape[1], c]
        y[n, i, j, c] = (window * weight[:, :, c]).sum()


def parts_with_the_rest_first(count, workers):
    size, rest = divmod(count, workers)
    found, start = [], 0
    for p in range(workers):
        stop = start + size + (p < rest)
        found.append((start, stop))
        start = stop
    return found


def parts_of_split(count, workers):
    pieces = np.array_split(np.arange(count), workers)
    stops = np.cumsum([len(piece) for piece in pieces])
    return np.stack([stops - [len(piece) for piece in pieces], stops], 1)


def roofline_in_seconds(p, c, o, t, g, peak, bandwidth):
    """The work in 10^9 operations, by the longer of two times."""
    gflop = 2e-9 * p * o * t * (c / g)
    gigabytes = 4e-9 * (p * c + p * o + o * (c / g) * t)
    return gflop / max(gflop / peak, gigabytes / bandwidth)


ALTERNATIVES = {
    "12.1": [{"depthwise_part": f} for f in (part_with_slices, part_by_sums)],
    "12.2": [{"parts": f} for f in (parts_with_the_rest_first, parts_of_split)],
    "12.3": [{"roofline": roofline_in_seconds}],
}
SURVIVORS = {
    "12.3: return min(peak, bandwidth * operations / (4 * numbers))  ->  "
    "return min(bandwidth * operations / (4 * numbers), peak)": "the smaller of two is the same",
}
