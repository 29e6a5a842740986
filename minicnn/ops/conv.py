"""Convolutions. conv2d, its input gradient and its weight gradient are each other's gradients:
the three are bilinear and differ only in which of x, w, y is the result.

``padding`` is a number, a pair (height, width), "same", "valid", or ((top, bottom), (left, right)).
"""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from ..kernels import kernels_for
from ..tensor import Tensor, TensorLike, record
from .elementwise import add, astype, check_device
from .linear import matching
from .reduce import sum as sum_over
from .shape import pad, reshape

Pair = tuple[int, int]
Size = int | tuple[int, int]
Padding = int | str | tuple[int, int] | tuple[Pair, Pair]


def conv2d(
    x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: Size = 1,
    padding: Padding = 0, dilation: Size = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """y[n,o,i,j] = b[o] + sum over c,u,v of x[n, c, i*sh+u*dh-top, j*sw+v*dw-left] w[o,c,u,v]

    Shapes: (N, C, H, W), (O, C/groups, kh, kw), (O,) -> (N, O, H', W') with
    H' = (H + top + bottom - dh (kh - 1) - 1) // sh + 1. This is correlation: w is not flipped.
    Raises ValueError where shapes, groups or the image's size do not fit.
    """
    x, weight = matching("conv2d", x, weight)
    _check_images("conv2d", x, weight)
    if _bad(groups) or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"conv2d: groups * weight.shape[1] must equal x's channels and groups divide the "
            f"filters, got x {x.shape}, weight {weight.shape}, groups={groups}"
        )
    how = geometry("conv2d", x, weight, stride, padding, dilation)
    bias = None if bias is None else _bias("conv2d", bias, weight.shape[0], x)
    return _conv2d(x, weight, bias, *how, groups)


def _conv2d(x: Tensor, w: Tensor, b: Tensor | None, *how: Any) -> Tensor:
    sx, sw = x.shape, w.shape

    def backward(gy: Tensor) -> Any:
        grads = (
            lambda: _input_grad(gy, w, sx, *how),
            lambda: _weight_grad(gy, x, sw, *how),
            lambda: sum_over(gy, (0, 2, 3)),
        )
        return grads if b is not None else grads[:2]

    y = kernels_for(x.data).conv2d(x.data, w.data, None if b is None else b.data, *how)
    options = dict(zip(("stride", "padding", "dilation", "groups"), how, strict=True))
    return record("conv2d", y, (x, w) if b is None else (x, w, b), backward, **options)


def _input_grad(gy: Tensor, w: Tensor, sx: tuple[int, ...], *how: Any) -> Tensor:
    """The gx that sends every gy[n,o,i,j] w[o,c,u,v] back to the pixel it came from."""
    sw = w.shape

    def backward(g: Tensor) -> Any:
        return lambda: _conv2d(g, w, None, *how), lambda: _weight_grad(gy, g, sw, *how)

    gx = kernels_for(gy.data).conv2d_input_grad(gy.data, w.data, sx, *how)
    return record("conv2d_input_grad", gx, (gy, w), backward)


def _weight_grad(gy: Tensor, x: Tensor, sw: tuple[int, ...], *how: Any) -> Tensor:
    """gw[o,c,u,v] = sum of gy[n,o,i,j] times the pixel that met w[o,c,u,v] there."""
    sx = x.shape

    def backward(g: Tensor) -> Any:
        return lambda: _conv2d(x, g, None, *how), lambda: _input_grad(gy, g, sx, *how)

    gw = kernels_for(gy.data).conv2d_weight_grad(gy.data, x.data, sw, *how)
    return record("conv2d_weight_grad", gw, (gy, x), backward)


def conv_transpose2d(
    x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: Size = 1,
    padding: Size = 0, output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Tensor:  # fmt: skip
    """The input gradient of conv2d as an op of its own (Zeiler et al., 2010).

    Shapes: (N, C, H, W), (C, O/groups, kh, kw), (O,) -> (N, O, H', W') with
    H' = (H - 1) sh - 2 ph + dh (kh - 1) + output_padding + 1.
    """
    x, weight = matching("conv_transpose2d", x, weight)
    _check_images("conv_transpose2d", x, weight)
    if _bad(groups) or x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise ValueError(
            f"conv_transpose2d: x's channels must equal weight.shape[0] and be a multiple of "
            f"groups, got x {x.shape}, weight {weight.shape}, groups={groups}"
        )
    s, p, d = pair("stride", stride, 1), pair("padding", padding, 0), pair("dilation", dilation, 1)
    extra = pair("output_padding", output_padding, 0)
    kernel = weight.shape[2:]
    size = tuple(
        (x.shape[2 + i] - 1) * s[i] - 2 * p[i] + d[i] * (kernel[i] - 1) + extra[i] + 1
        for i in range(2)
    )
    if min(size) < 1 or any(extra[i] >= max(s[i], d[i]) for i in range(2)):
        raise ValueError(
            f"conv_transpose2d: the output must have pixels and output_padding be smaller than "
            f"stride or dilation, got output {size}, output_padding={extra}, stride={s}"
        )
    # Output padding takes away from the padding behind; what it has more than that is zeros.
    more = [max(extra[i] - p[i], 0) for i in range(2)]
    shape = (x.shape[0], weight.shape[1] * groups, size[0] - more[0], size[1] - more[1])
    border = tuple((p[i], max(p[i] - extra[i], 0)) for i in range(2))
    y = _input_grad(x, weight, shape, s, border, d, groups)
    y = pad(y, (0, more[1], 0, more[0])) if any(more) else y
    return _with_bias("conv_transpose2d", y, bias)


def depthwise_conv2d(
    x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: Size = 1,
    padding: Padding = 0, dilation: Size = 1,
) -> Tensor:  # fmt: skip
    """y[n,c*m+k,i,j] = b + sum over u,v of x[n, c, i*sh+u*dh-top, j*sw+v*dw-left] w[c*m+k,0,u,v]

    Every channel has its own m filters (the channel multiplier). The same as conv2d with
    groups=C, which has no sum over channels left. Shapes: (N, C, H, W), (C*m, 1, kh, kw), (C*m,).
    Source: Howard et al., MobileNets, 2017, equation 3.
    """
    x, weight = matching("depthwise_conv2d", x, weight)
    _check_images("depthwise_conv2d", x, weight)
    if weight.shape[1] != 1 or not x.shape[1] or weight.shape[0] % x.shape[1]:
        raise ValueError(
            f"depthwise_conv2d: the weight must be (C*m, 1, kh, kw) for C={x.shape[1]} channels, "
            f"got {weight.shape}"
        )
    how = geometry("depthwise_conv2d", x, weight, stride, padding, dilation)
    return _with_bias("depthwise_conv2d", _depthwise(x, weight, *how), bias)


def _depthwise(x: Tensor, w: Tensor, *how: Any) -> Tensor:
    sx, sw = x.shape, w.shape

    def backward(gy: Tensor) -> Any:
        return (
            lambda: _depthwise_input_grad(gy, w, sx, *how),
            lambda: _depthwise_weight_grad(gy, x, sw, *how),
        )

    y = kernels_for(x.data).depthwise_conv2d(x.data, w.data, *how)
    return record("depthwise_conv2d", y, (x, w), backward, stride=how[0], padding=how[1])


def _depthwise_input_grad(gy: Tensor, w: Tensor, sx: tuple[int, ...], *how: Any) -> Tensor:
    sw = w.shape

    def backward(g: Tensor) -> Any:
        return lambda: _depthwise(g, w, *how), lambda: _depthwise_weight_grad(gy, g, sw, *how)

    gx = kernels_for(gy.data).depthwise_conv2d_input_grad(gy.data, w.data, sx, *how)
    return record("depthwise_conv2d_input_grad", gx, (gy, w), backward)


def _depthwise_weight_grad(gy: Tensor, x: Tensor, sw: tuple[int, ...], *how: Any) -> Tensor:
    sx = x.shape

    def backward(g: Tensor) -> Any:
        return lambda: _depthwise(x, g, *how), lambda: _depthwise_input_grad(gy, g, sx, *how)

    gw = kernels_for(gy.data).depthwise_conv2d_weight_grad(gy.data, x.data, sw, *how)
    return record("depthwise_conv2d_weight_grad", gw, (gy, x), backward)


# Arguments


def pair(what: str, value: Size, least: int) -> Pair:
    """A number or a pair as (height, width), each at least ``least``."""
    both = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(both) != 2 or not all(isinstance(n, Integral) and n >= least for n in both):
        raise ValueError(
            f"{what}: must be a whole number or a pair of at least {least}, got {value}"
        )
    return int(both[0]), int(both[1])


def pad_pairs(name: str, padding: Padding, window: Pair, stride: Pair) -> tuple[Pair, Pair]:
    """Any form of padding as ((top, bottom), (left, right)); ``window`` is the dilated kernel."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f'{name}: padding="same" needs stride 1, got {stride}; give numbers')
        before = [(n - 1) // 2 for n in window]  # an even window gets the odd pixel behind
        return (before[0], window[0] - 1 - before[0]), (before[1], window[1] - 1 - before[1])
    if isinstance(padding, str):
        raise ValueError(f'{name}: padding must be numbers, "same" or "valid", got {padding!r}')
    if not isinstance(padding, Iterable) or not all(isinstance(p, Iterable) for p in padding):
        h, w = pair(f"{name}: padding", padding, 0)  # type: ignore[arg-type]
        return (h, h), (w, w)
    top_bottom, left_right = padding
    return pair(f"{name}: padding", top_bottom, 0), pair(f"{name}: padding", left_right, 0)


def check_fits(name: str, x: Tensor, window: Pair, padding: tuple[Pair, Pair]) -> None:
    """Raise ValueError where the (dilated) window is larger than the padded image."""
    for i, side in enumerate(("height", "width")):
        missing = window[i] - x.shape[2 + i] - sum(padding[i])
        if missing > 0:
            raise ValueError(
                f"{name}: window {window[i]} does not fit input {side} {x.shape[2 + i]} with "
                f"padding {padding[i]}; pad by at least {-(-missing // 2)} more on each side"
            )


def _bad(groups: Any) -> bool:
    return not isinstance(groups, Integral) or groups < 1


def geometry(
    name: str, x: Tensor, weight: Tensor, stride: Size, padding: Padding, dilation: Size
) -> tuple[Pair, tuple[Pair, Pair], Pair]:
    s, d = pair(f"{name}: stride", stride, 1), pair(f"{name}: dilation", dilation, 1)
    kh, kw = weight.shape[2:]
    window = (d[0] * (kh - 1) + 1, d[1] * (kw - 1) + 1)
    p = pad_pairs(name, padding, window, s)
    check_fits(name, x, window, p)
    return s, p, d


def _check_images(name: str, x: Tensor, weight: Tensor) -> None:
    if x.ndim != 4 or weight.ndim != 4 or 0 in weight.shape:
        raise ValueError(
            f"{name}: x must be (N, C, H, W) and weight have 4 axes that are not empty, got "
            f"{x.shape} and {weight.shape}"
        )


def _with_bias(name: str, y: Tensor, bias: TensorLike | None) -> Tensor:
    if bias is None:
        return y
    return add(y, reshape(_bias(name, bias, y.shape[1], y), (-1, 1, 1)))


def _bias(name: str, bias: TensorLike, channels: int, like: Tensor) -> Tensor:
    bias = astype(bias, like.dtype)
    check_device(name, like, bias)
    if bias.shape != (channels,):
        raise ValueError(f"{name}: bias must have shape {(channels,)}, got {bias.shape}")
    return bias
