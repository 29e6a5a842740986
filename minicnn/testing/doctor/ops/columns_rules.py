"""The rules of im2col and col2im.

    columns[n, (c,u,v), (i,j)] = x[n, c, i*sh + u*dh - ph, j*sw + v*dw - pw], zero outside

(N, C, H, W) -> (N, C*kh*kw, H'*W'). col2im adds every entry to the pixel that it was taken from.
Each is the gradient of the other.
"""

import numpy as np

from ..op import Call
from .sliding import axes, fold, unfold

Array = np.ndarray


def place(c: Call, shape: tuple[int, ...]) -> None:
    """Finds the windows on images of this shape."""
    options = {key: getattr(c, key) for key in ("stride", "padding", "dilation") if hasattr(c, key)}
    c.rows, c.cols = axes(shape, c.kernel_size, **options)


def im2col_forward(c: Call) -> Array:
    place(c, c.x.shape)
    return taken_out(c.x, c)


def col2im_forward(c: Call) -> Array:
    place(c, c.output_size)
    return put_back(c.columns, c)


def taken_out(x: Array, c: Call) -> Array:
    """(N, C, H, W) -> (N, C*kh*kw, H'*W')"""
    return joined(unfold(x, c.rows, c.cols))


def put_back(columns: Array, c: Call) -> Array:
    """(N, C*kh*kw, H'*W') -> (N, C, H, W)"""
    return fold(by_entry(columns, c), c.rows, c.cols)


def by_entry(columns: Array, c: Call) -> Array:
    """(N, C*kh*kw, H'*W') -> (N, C, kh, kw, H', W')"""
    rows, cols = c.rows, c.cols
    return columns.reshape(len(columns), -1, rows.kernel, cols.kernel, rows.windows, cols.windows)


def joined(parts: Array) -> Array:
    """(N, C, kh, kw, H', W') -> (N, C*kh*kw, H'*W')"""
    n, ch, kh, kw, oh, ow = parts.shape
    return parts.reshape(n, ch * kh * kw, oh * ow)
