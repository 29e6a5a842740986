"""The rules of pooling: each output entry looks at one window of one channel.

max:      y[n,c,i,j] = the window's largest entry; gy goes to the pixel that it came from
average:  y[n,c,i,j] = the window's mean; every pixel of it gets gy / (kh*kw)
nearest:  y[n,c,p,q] = x[n, c, p // sh, q // sw]; every pixel adds up the gy of its copies
"""

import numpy as np

from ..op import Call
from .sliding import Axis, axes, fold, pair, unfold

Array = np.ndarray


def place(c: Call) -> None:
    """Finds the windows; a stride that is not given is the kernel size."""
    stride = getattr(c, "stride", None) or c.kernel_size
    c.rows, c.cols = axes(c.x.shape, c.kernel_size, stride, getattr(c, "padding", 0))


def max_forward(c: Call) -> Array:
    place(c)
    c.mask = chosen(windows(c), getattr(c, "ties", "first"))
    return max_output(c)


def max_output(c: Call) -> Array:
    """The largest of each window; 0 for a window that lies wholly outside x."""
    largest = windows(c).max((2, 3))
    return np.where(np.isfinite(largest), largest, 0.0)


def windows(c: Call) -> Array:
    """(N, C, kh, kw, H', W'), the padding -inf, which never is the largest"""
    inside = unfold(np.ones_like(c.x), c.rows, c.cols)
    return np.where(inside > 0, unfold(c.x, c.rows, c.cols), -np.inf)


def chosen(columns: Array, ties: str) -> Array:
    """1 for the largest entry of each window, 0 elsewhere; of equal ones the first or the last."""
    n, ch, kh, kw, oh, ow = columns.shape
    entries = columns.reshape(n, ch, kh * kw, oh, ow)
    turned = entries if ties == "first" else entries[:, :, ::-1]
    place = turned.argmax(2)
    place = place if ties == "first" else kh * kw - 1 - place
    return one_hot(place, kh * kw).reshape(columns.shape)


def one_hot(places: Array, count: int) -> Array:
    """(N, C, H', W') -> (N, C, count, H', W')"""
    return (places[:, :, None] == np.arange(count)[:, None, None]).astype(float)


def max_gradient(gy: Array, c: Call) -> Array:
    return fold(c.mask * gy[:, :, None, None], c.rows, c.cols)


def average_forward(c: Call) -> Array:
    place(c)
    return average_output(c)


def average_output(c: Call) -> Array:
    return unfold(c.x, c.rows, c.cols).mean((2, 3))


def average_gradient(gy: Array, c: Call) -> Array:
    return fold(spread(gy, c), c.rows, c.cols)


def spread(gy: Array, c: Call) -> Array:
    """gcolumns[n,c,u,v,i,j] = gy[n,c,i,j] / (kh*kw)"""
    kh, kw = c.rows.kernel, c.cols.kernel
    return np.ones((kh, kw, 1, 1)) * gy[:, :, None, None] / (kh * kw)


def global_forward(c: Call) -> Array:
    """(N, C, H, W) -> (N, C, 1, 1): one window, the whole image"""
    c.rows, c.cols = axes(c.x.shape, c.x.shape[2:])
    return average_output(c)


def nearest_forward(c: Call) -> Array:
    """(N, C, H, W) -> (N, C, sh*H, sw*W)

    The windows are those of y: block (i, j) of y is pixel (i, j) of x.
    """
    (h, w), (sh, sw) = c.x.shape[2:], pair(c.scale_factor)
    c.rows, c.cols = Axis(h * sh, h, sh, sh), Axis(w * sw, w, sw, sw)
    return nearest_output(c)


def nearest_output(c: Call) -> Array:
    blocks = np.ones((c.rows.kernel, c.cols.kernel, 1, 1)) * c.x[:, :, None, None]
    return fold(blocks, c.rows, c.cols)


def nearest_gradient(gy: Array, c: Call) -> Array:
    return unfold(gy, c.rows, c.cols).sum((2, 3))
