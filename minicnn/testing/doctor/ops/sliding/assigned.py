"""Writing windows back with `=` for `+=`: what overlaps keeps one contribution of many."""

import numpy as np

from .axis import Axis

Array = np.ndarray


def by_window(columns: Array, rows: Axis, cols: Axis) -> Array:
    """Window after window, each over what was there."""
    gx = np.zeros((*columns.shape[:2], rows.size, cols.size))
    for i, j, u, v in np.ndindex(rows.windows, cols.windows, rows.kernel, cols.kernel):
        _write(gx, columns[:, :, u, v, i, j], rows.pixel(i, u), cols.pixel(j, v))
    return gx


def by_tap(columns: Array, rows: Axis, cols: Axis) -> Array:
    """One entry of all windows after the other, each over what was there."""
    gx = np.zeros((*columns.shape[:2], rows.size, cols.size))
    for u, v, i, j in np.ndindex(rows.kernel, cols.kernel, rows.windows, cols.windows):
        _write(gx, columns[:, :, u, v, i, j], rows.pixel(i, u), cols.pixel(j, v))
    return gx


def _write(gx: Array, value: Array, p: int, q: int) -> None:
    if 0 <= p < gx.shape[2] and 0 <= q < gx.shape[3]:
        gx[:, :, p, q] = value


def winners(gy: Array, mask: Array, rows: Axis, cols: Axis) -> Array:
    """The winners' pixels alone, the last window's over what was there."""
    gx = np.zeros((*gy.shape[:2], rows.size, cols.size))
    for n, c, i, j in np.ndindex(*gy.shape):
        u, v = np.argwhere(mask[n, c, :, :, i, j])[0]
        gx[n, c, rows.pixel(i, u), cols.pixel(j, v)] = gy[n, c, i, j]
    return gx
