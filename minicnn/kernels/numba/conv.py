"""The three kernels of a convolution, as `convolve` and `weight_grad` compute them.

Here each is put in the form that these want: channels-last memory, weights in panels, and 1x1
convolutions as what they are, one product of the pixels with the weights.
"""

from collections.abc import Callable
from functools import wraps
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from minicnn.kernels import kernels_for
from minicnn.kernels.reference import conv as reference
from minicnn.kernels.reference.conv import Padding, Pair, out_size

from . import depthwise, winograd
from .bands import Windows
from .columns import col2im, im2col
from .compiled import overlays, plain
from .convolve import Target, convolve, is_complete, longest_run
from .panels import Panels, packed
from .weight_grad import weight_grad

Array = Any


def _overlays(given: Callable) -> Callable[[Callable], Callable]:
    """As `overlays`; but the reference serves empty arrays, and where a learner's im2col or col2im
    is in place (`override`), because it calls them.
    """

    def lay(kernel: Callable) -> Callable:
        @overlays(given)
        @wraps(kernel)
        def choose(*args: Any) -> Array:
            kernels = kernels_for(args[0])
            ours = kernels.im2col in _WINDOWS and kernels.col2im in _WINDOWS
            return (kernel if ours and args[0].size and args[1].size else given)(*args)

        return choose

    return lay


_WINDOWS = (im2col, col2im, reference.im2col, reference.col2im)


@_overlays(reference.conv2d)
def conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Array:  # fmt: skip
    """y[n,o,i,j] = b[o] + sum over c,u,v of x[n, c, i*sh+u*dh-top, j*sw+v*dw-left] w[o,c,u,v]"""
    if _is_depthwise(weight.shape, groups):
        how = stride, padding, dilation
        return depthwise.depthwise_conv2d_limited(x, weight, bias, *how, None, None, {})
    here = _placed(x, weight.shape, stride, padding, dilation)
    if winograd.wins(weight, here.shape, stride, dilation, groups):
        corner = padding[0][0], padding[1][0]
        return winograd.conv2d(x, winograd.transformed(weight), bias, here.shape[1:], corner)
    panels = _panels(weight, groups, here)
    if not np.isfinite(panels.data.sum()):  # the zeros of the padding count: 0 * inf is NaN
        return reference.conv2d(x, weight, bias, stride, padding, dilation, groups)
    return _convolved(here, panels, bias)


def _is_depthwise(weight_shape: tuple[int, ...], groups: int) -> bool:
    """Every input channel has filters of its own: panels of one channel would be nearly empty."""
    return groups > 1 and weight_shape[1] == 1


class _Placed(NamedTuple):
    """x (N, H, W, C) in channels-last memory, its windows, where y lies, and y's (N, H, W)."""

    x: Array
    windows: Windows
    target: Target
    shape: tuple[int, int, int]


def _placed(
    x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> _Placed:
    (n, _, h, w), (o, _, kh, kw) = x.shape, weight_shape
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    windows = Windows(*stride, *dilation, padding[0][0], padding[1][0], oh, ow, kh, kw)
    target = Target(0, oh * ow * o, ow * o, o)
    x, windows, target = _as_rows(plain(x.transpose(0, 2, 3, 1)), windows, target, padding)
    return _Placed(x, windows, target, (n, oh, ow))


def _panels(weight: Array, groups: int, here: _Placed) -> Panels:
    taps = (0, 1, here.windows.kh), (0, 1, here.windows.kw)
    return packed(weight, taps, groups, longest_run(here.windows, here.x.shape), False)


def _convolved(
    here: _Placed, panels: Panels, bias: Array | None, low: float = -np.inf, high: float = np.inf,
    start: Array | None = None,
) -> Array:  # fmt: skip
    """start + bias + the convolution, limited to [low, high]"""
    x, windows, target, shape = here
    o = panels.channels.groups * panels.channels.outputs
    y = np.empty((*shape, o), x.dtype)
    start = None if start is None else plain(start.transpose(0, 2, 3, 1))
    if not is_complete(windows, x.shape[1:3]):  # pixels that no tap reaches
        y[...] = 0 if start is None else start
        y[...] = np.clip(y if bias is None else y + bias, low, high)
    flat_start = None if start is None else start.reshape(-1)
    convolve(x, panels, bias, windows, y.reshape(-1), target, low, high, flat_start)
    return y.transpose(0, 3, 1, 2)


def _as_rows(
    x: Array, windows: Windows, target: Target, padding: Padding
) -> tuple[Array, Windows, Target]:
    """1x1 with stride 1: images of one pixel a row, whose rows can be divided as one likes."""
    one = (windows.kh, windows.kw, windows.sh, windows.sw) == (1, 1, 1, 1)
    if not one or padding != ((0, 0), (0, 0)):
        return x, windows, target
    pixels, o = x.size // max(x.shape[3], 1), target.pixel
    x = x.reshape(1, pixels, 1, x.shape[3])
    return x, Windows(1, 1, 1, 1, 0, 0, pixels, 1, 1, 1), Target(0, pixels * o, o, o)


@_overlays(reference.conv2d_limited)
def conv2d_limited(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    groups: int, residual: Array | None, limits: tuple[float, float] | None, memory: dict[str, Any],
) -> Array:  # fmt: skip
    """conv2d + residual, limited to [low, high]; panels of weights that stay are kept in memory"""
    if _is_depthwise(weight.shape, groups):
        return depthwise.depthwise_conv2d_limited(
            x, weight, bias, stride, padding, dilation, residual, limits, memory
        )
    here = _placed(x, weight.shape, stride, padding, dilation)
    y_shape = (here.shape[0], weight.shape[0], *here.shape[1:])
    fits = residual is None or residual.shape == y_shape
    if fits and winograd.wins(weight, here.shape, stride, dilation, groups, kept=True):
        size = here.shape[1:]
        return winograd.conv2d_limited(x, weight, bias, size, padding, residual, limits, memory)
    if memory.get("weight") is not weight:
        memory.update(weight=weight, panels=_panels(weight, groups, here))
        memory["is_finite"] = bool(np.isfinite(memory["panels"].data.sum()))
    if not (memory["is_finite"] and fits):
        how = stride, padding, dilation, groups
        return reference.conv2d_limited(x, weight, bias, *how, residual, limits, memory)
    low, high = limits or (-np.inf, np.inf)
    return _convolved(here, memory["panels"], bias, low, high, residual)


@_overlays(reference.conv2d_input_grad)
def conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum over o,i,j,u,v whose window position is (p,q) of gy[n,o,i,j] w[o,c,u,v]

    Only taps u with (p + top - u*dh) divisible by sh lead to row p. So the rows p of one remainder
    by sh, and columns likewise, are a convolution of gy with stride 1 and some of the taps.
    """
    if _is_depthwise(weight.shape, groups):
        how = x_shape, stride, padding, dilation
        return depthwise.depthwise_conv2d_input_grad(gy, weight, *how)
    (n, c, h, w), (kh, kw) = x_shape, weight.shape[2:]
    if winograd.wins(weight, (n, h, w), stride, dilation, groups):
        return winograd.conv2d_input_grad(gy, weight, (h, w), padding)
    rows = plain(gy.transpose(0, 2, 3, 1))
    pieces, complete = [], True
    for p, q in np.ndindex(stride):
        u, oh, dh, top = _phase(p, h, kh, stride[0], padding[0][0], dilation[0])
        v, ow, dw, left = _phase(q, w, kw, stride[1], padding[1][0], dilation[1])
        windows = Windows(1, 1, dh, dw, top, left, oh, ow, u[2], v[2])
        target = Target((p * w + q) * c, h * w * c, stride[0] * w * c, stride[1] * c)
        complete &= is_complete(windows, rows.shape[1:3])
        pieces.append(((u, v), windows, target))
    gx = (np.empty if complete else np.zeros)((n, h, w, c), gy.dtype)
    for taps, windows, target in pieces:
        if windows.kh and windows.kw:
            x, windows, target = (
                _as_rows(rows, windows, target, padding)
                if stride == (1, 1)
                else (rows, windows, target)
            )
            panels = packed(weight, taps, groups, longest_run(windows, x.shape), True)
            convolve(x, panels, None, windows, gx.reshape(-1), target)
    return gx.transpose(0, 3, 1, 2)


def _phase(
    p: int, size: int, kernel: int, stride: int, before: int, dilation: int
) -> tuple[tuple[int, int, int], int, int, int]:
    """The taps (first, step, count) of the pixels p, p + stride, ..., how many these are, and where
    in gy the taps lie: the distance between them, and how far before the pixel the first one is.
    """
    taps = [u for u in range(kernel) if (p + before - u * dilation) % stride == 0][::-1]
    count = max(0, -(-(size - p) // stride))
    if not taps:
        return (0, 1, 0), count, 1, 0
    step = stride // gcd(stride, dilation)
    first = (p + before - taps[0] * dilation) // stride
    return (taps[0], -step, len(taps)), count, step * dilation // stride, -first


@_overlays(reference.conv2d_weight_grad)
def conv2d_weight_grad(
    gy: Array, x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """gw[o,c,u,v] = sum over n,i,j of gy[n,o,i,j] * (the x that met w[o,c,u,v] there)"""
    if _is_depthwise(weight_shape, groups):
        how = weight_shape, stride, padding, dilation
        return depthwise.depthwise_conv2d_weight_grad(gy, x, *how)
    kh, kw = weight_shape[2:]
    rows, g = plain(x.transpose(0, 2, 3, 1)), plain(gy.transpose(0, 2, 3, 1))
    oh, ow = g.shape[1:3]
    windows = Windows(*stride, *dilation, padding[0][0], padding[1][0], oh, ow, kh, kw)
    rows, windows, _ = _as_rows(rows, windows, Target(0, 0, 0, 0), padding)
    g = g.reshape(len(rows), windows.oh, windows.ow, g.shape[3])
    gw = weight_grad(g, rows, windows, groups).transpose(3, 2, 0, 1)
    if not np.isfinite(gw.sum()):  # as in conv2d
        return reference.conv2d_weight_grad(gy, x, weight_shape, stride, padding, dilation, groups)
    return gw
