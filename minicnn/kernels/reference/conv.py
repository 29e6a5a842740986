"""Convolution as a matrix product: im2col and GEMM (Chellapilla, Puri, Simard, 2006).

    y[n,o,i,j] = b[o] + sum over c,u,v of  x[n, c, i*sh + u*dh - top, j*sw + v*dw - left] w[o,c,u,v]

Every output pixel is a dot product of one window of x with one filter. `im2col` writes the
windows as rows of a matrix, so that all dot products are one product of matrices. `col2im`, its
adjoint, adds the rows back to where they came from.

Shapes are NCHW; memory is channels-last: arrays are made as (N, H, W, C) and seen through
`transpose(0, 3, 1, 2)`. ``padding`` is ((top, bottom), (left, right)); ``stride`` and ``dilation``
are (height, width).
"""

from typing import Any

from .. import array_module, kernels_for

Array = Any
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Array:  # fmt: skip
    """y = columns(x) @ w^T + b, group by group"""
    n, _, h, w = x.shape
    o, cg, kh, kw = weight.shape
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    columns = kernels_for(x).im2col(x, (kh, kw), stride, padding, dilation)
    y = _joined(
        [
            _matrix(columns[..., ins]) @ _filters(weight[outs]).T
            for outs, ins in _groups(groups, o, cg * groups)
        ],
        1,
    )
    y = y if bias is None else y + bias
    return y.reshape(n, oh, ow, o).transpose(0, 3, 1, 2)


def conv2d_limited(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Padding, dilation: Pair,
    groups: int, residual: Array | None, limits: tuple[float, float] | None, memory: dict[str, Any],
) -> Array:  # fmt: skip
    """conv2d + residual, limited to [low, high]; kernels keep in ``memory`` what weights become"""
    y = kernels_for(x).conv2d(x, weight, bias, stride, padding, dilation, groups)
    return limited(y, residual, limits)


def limited(y: Array, residual: Array | None, limits: tuple[float, float] | None) -> Array:
    y = y if residual is None else y + residual
    return y if limits is None else kernels_for(y).hardtanh(y, *limits)


def conv2d_input_grad(
    gy: Array, weight: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """gx[n,c,p,q] = sum over all o,i,j,u,v whose window position is (p,q) of gy[n,o,i,j] w[o,c,u,v]

    That is columns(gx) = gy @ w, added up by col2im.
    """
    n, o, oh, ow = gy.shape
    _, cg, kh, kw = weight.shape
    rows = gy.transpose(0, 2, 3, 1)
    columns = _joined(
        [
            (rows[..., outs].reshape(n * oh * ow, o // groups) @ _filters(weight[outs])).reshape(
                n, oh, ow, kh, kw, cg
            )
            for outs, _ in _groups(groups, o, cg * groups)
        ],
        5,
    )
    return kernels_for(gy).col2im(columns, x_shape, stride, padding, dilation)


def conv2d_weight_grad(
    gy: Array, x: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """gw[o,c,u,v] = sum over n,i,j of gy[n,o,i,j] * (the x that met w[o,c,u,v] there)

    That is gw^T = columns(x)^T @ gy. (Not gw = gy^T @ columns(x): with few filters BLAS divides
    that product badly between threads.)
    """
    (o, cg, kh, kw), (n, _, oh, ow) = weight_shape, gy.shape
    columns = kernels_for(x).im2col(x, (kh, kw), stride, padding, dilation)
    rows = gy.transpose(0, 2, 3, 1).reshape(n * oh * ow, o)
    gw = _joined(
        [
            _matrix(columns[..., ins]).T @ rows[:, outs]
            for outs, ins in _groups(groups, o, cg * groups)
        ],
        1,
    )
    return gw.reshape(kh, kw, cg, o).transpose(3, 2, 0, 1)


def im2col(x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """columns[n,i,j,u,v,c] = x[n, c, i*sh + u*dh - top, j*sw + v*dw - left], zero outside x"""
    (n, c, h, w), (kh, kw) = x.shape, kernel
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(w, kw, stride[1], padding[1], dilation[1])
    padded = pad_nhwc(x, padding)
    columns = array_module(x).empty((n, oh, ow, kh, kw, c), x.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            columns[:, :, :, u, v] = padded[:, rows, cols]
    return columns


def col2im(
    columns: Array, x_shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The adjoint of im2col: x[n,c,p,q] = sum of all columns[n,i,j,u,v,c] taken from (p, q)"""
    n, c, h, w = x_shape
    _, oh, ow, kh, kw, _ = columns.shape
    (top, bottom), (left, right) = padding
    padded = array_module(columns).zeros((n, h + top + bottom, w + left + right, c), columns.dtype)
    for u in range(kh):
        for v in range(kw):
            rows, cols = tap(u, oh, stride[0], dilation[0]), tap(v, ow, stride[1], dilation[1])
            padded[:, rows, cols] += columns[:, :, :, u, v]
    return padded[:, top : top + h, left : left + w].transpose(0, 3, 1, 2)


def out_size(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> int:
    """How many windows fit: (size + before + after - dilation*(kernel-1) - 1) // stride + 1"""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def tap(u: int, windows: int, stride: int, dilation: int) -> slice:
    """The positions, one per window, that meet entry ``u`` of the filter."""
    return slice(u * dilation, u * dilation + stride * (windows - 1) + 1 if windows else 0, stride)


def pad_nhwc(x: Array, padding: Padding) -> Array:
    """x as (N, H, W, C) with a border of zeros."""
    (top, bottom), (left, right) = padding
    x = x.transpose(0, 2, 3, 1)
    if not (top or bottom or left or right):
        return x
    n, h, w, c = x.shape
    padded = array_module(x).zeros((n, h + top + bottom, w + left + right, c), x.dtype)
    padded[:, top : top + h, left : left + w] = x
    return padded


def _groups(groups: int, outs: int, ins: int) -> list[tuple[slice, slice]]:
    """The output and input channels of each group."""
    o, c = outs // groups, ins // groups
    return [(slice(g * o, (g + 1) * o), slice(g * c, (g + 1) * c)) for g in range(groups)]


def _joined(parts: list[Array], axis: int) -> Array:
    """The groups' results side by side; a single one needs no copy."""
    return parts[0] if len(parts) == 1 else array_module(parts[0]).concatenate(parts, axis)


def _matrix(columns: Array) -> Array:
    """(N, OH, OW, kh, kw, C) -> (N*OH*OW, kh*kw*C)"""
    n, oh, ow, kh, kw, c = columns.shape
    return columns.reshape(n * oh * ow, kh * kw * c)


def _filters(weight: Array) -> Array:
    """(O, C, kh, kw) -> (O, kh*kw*C), the order of a row of columns"""
    o, c, kh, kw = weight.shape
    return weight.transpose(0, 2, 3, 1).reshape(o, kh * kw * c)
