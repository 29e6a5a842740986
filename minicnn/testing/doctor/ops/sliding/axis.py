"""How windows lie along an axis, and the two maps that follow: windows out of x, and back.

A tap table T[i, u, p] is 1 where entry u of window i meets pixel p, 0 elsewhere. Windows outside
the image meet nothing: that is zero padding on the way out, and cropping on the way back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Axis:
    """Entry u of window i lies at pixel i*stride + u*dilation - padding, of ``size`` pixels."""

    size: int
    windows: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def table(self) -> Array:
        """T[i, u, p] = [i*stride + u*dilation - padding = p]   (windows, kernel, size)"""
        return _table(self)

    def pixel(self, i, u):  # type: ignore[no-untyped-def]  # ints or arrays of them
        return i * self.stride + u * self.dilation - self.padding

    def pixels(self, i: int, entries: Iterable[int]) -> list[int]:
        """The pixels that these entries of window i meet."""
        return [p for p in (self.pixel(i, u) for u in entries) if 0 <= p < self.size]

    @property
    def unused(self) -> int:
        """How many pixels at the end, padding included, no window meets."""
        return self.size + self.padding - self.pixel(self.windows - 1, self.kernel - 1) - 1


@lru_cache(maxsize=1024)
def _table(axis: Axis) -> Array:
    i, u = np.arange(axis.windows)[:, None, None], np.arange(axis.kernel)[:, None]
    table = (axis.pixel(i, u) == np.arange(axis.size)).astype(float)
    table.flags.writeable = False
    return table


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """An option as (height, width)."""
    return value if isinstance(value, tuple) else (value, value)


def axes(
    shape: tuple[int, ...], kernel: int | tuple[int, int], stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0, dilation: int | tuple[int, int] = 1,
) -> tuple[Axis, Axis]:  # fmt: skip
    """Rows and columns of an image: H' = (H + 2*padding - dilation*(k-1) - 1) // stride + 1"""
    sizes = zip(shape[-2:], pair(kernel), pair(stride), pair(padding), pair(dilation), strict=True)
    rows, cols = (Axis(n, (n + 2 * p - d * (k - 1) - 1) // s + 1, k, s, p, d)
                  for n, k, s, p, d in sizes)  # fmt: skip
    return rows, cols


def unfold(x: Array, rows: Axis, cols: Axis) -> Array:
    """columns[n,c,u,v,i,j] = x[n, c, rows.pixel(i,u), cols.pixel(j,v)], zero outside

    (N, C, H, W) -> (N, C, kh, kw, H', W')
    """
    lines = np.einsum("nchw,iuh->ncuiw", x, rows.table())
    return np.einsum("ncuiw,jvw->ncuvij", lines, cols.table())


def fold(columns: Array, rows: Axis, cols: Axis) -> Array:
    """The adjoint: x[n,c,p,q] = sum of all columns[n,c,u,v,i,j] that come from (p, q)

    (N, C, kh, kw, H', W') -> (N, C, H, W)
    """
    lines = np.einsum("ncuvij,jvw->ncuiw", columns, cols.table())
    return np.einsum("ncuiw,iuh->nchw", lines, rows.table())
