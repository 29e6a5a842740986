"""Normalisation layers' arithmetic: one op, `normalize`, over different axes."""

from itertools import compress
from typing import Any

import numpy as np

from ..inplace import mark_written
from ..kernels import array_module, kernels_for
from ..modes import is_recording
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .conv import conv2d
from .elementwise import add, astype, mul
from .reduce import mean
from .shape import common_dtype, reshape, sum_to

# Between which values an activation keeps what it gets; it has no gradient at the ends.
LIMITS = {None: None, "relu": (0.0, np.inf), "relu6": (0.0, 6.0)}


def normalize(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, axes: tuple[int, ...], eps: float,
    moments: tuple[Any, Any] = (None, None), residual: Tensor | None = None,
    activation: str | None = None,
) -> tuple[Tensor, Any, Any]:  # fmt: skip
    """y = activation((x - mean) / sqrt(var + eps) * weight + bias + residual)

    Returns y and the arrays mean and var: ``moments``, or without them x's own over ``axes``, with
    biased var. weight and bias broadcast against x. The gradient uses the fused kernel, or the same
    formula in ops where it will be differentiated again.
    """
    dtype = common_dtype(*[p for p in (x, weight, bias, residual) if p is not None])
    x = astype(x, dtype)
    weight, bias, residual = (
        None if p is None else astype(p, dtype) for p in (weight, bias, residual)
    )
    kernels, eps = kernels_for(x.data), float(eps)  # np.float64 would make float32 double
    w, b, r = (None if p is None else p.data for p in (weight, bias, residual))
    m, v = (None if m is None else m.astype(dtype, copy=False) for m in moments)
    is_fixed, limits = m is not None, LIMITS[activation]
    y, m, v = kernels.normalize(x.data, w, b, axes, eps, m, v, r, limits)
    given = [p is not None for p in (x, weight, bias, residual)]

    def backward(gy: Tensor) -> Any:
        if not is_recording():
            options = (axes, eps, b, r, limits, is_fixed)
            arrays = kernels.normalize_grad(gy.data, x.data, w, m, v, *options)
            return tuple(map(wrap, compress(arrays, given)))
        if limits is not None:
            z = kernels.normalize(x.data, w, b, axes, eps, m, v, r)[0]
            gy = gy * wrap(((z > limits[0]) & (z < limits[1])).astype(gy.dtype))
        gx, gw = _gradients(gy, x, weight, axes, eps, (m, v) if is_fixed else None)
        gb = None if bias is None else sum_to(gy, bias.shape)
        return tuple(compress((gx, gw, gb, gy), given))

    inputs = tuple(p for p in (x, weight, bias, residual) if p is not None)
    return record("normalize", y, inputs, backward, axes=axes, eps=eps), m, v


def _gradients(
    gy: Tensor, x: Tensor, weight: Tensor | None, axes: tuple[int, ...], eps: float,
    fixed: tuple[Any, Any] | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The kernel's formulas in ops, which can be differentiated again.

    gx = s (g - mean(g) - h mean(g h)), gweight = sum gy h, with h = (x - mean) s, g = gy weight;
    gx = s g where mean and var are ``fixed``.
    """
    m, v = (mean(x, axes, keepdim=True), None) if fixed is None else map(wrap, fixed)
    centred = x - m
    s = ((mean(centred * centred, axes, keepdim=True) if v is None else v) + eps) ** -0.5
    h = centred * s
    g = gy if weight is None else gy * weight
    gx = s * g
    if fixed is None:
        gx = s * (g - mean(g, axes, keepdim=True) - h * mean(g * h, axes, keepdim=True))
    return gx, None if weight is None else sum_to(gy * h, weight.shape)


def batch_norm(
    x: TensorLike, running_mean: Tensor | None, running_var: Tensor | None,
    weight: TensorLike | None = None, bias: TensorLike | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5, *, residual: TensorLike | None = None,
    activation: str | None = None,
) -> Tensor:  # fmt: skip
    """y = activation((x - mean) / sqrt(var + eps) * weight + bias + residual), per channel (axis 1)

    In training, mean and *biased* variance of the batch normalise, and the running estimates move:
    r <- (1 - momentum) r + momentum * batch value, with the *unbiased* variance. Otherwise the
    running estimates normalise; they have no gradients. (N, C) or (N, C, ...) -> the same. What
    often comes next can be had in the same pass over memory: adding a ``residual`` of x's shape,
    and "relu" or "relu6" as ``activation``.
    Paper: Ioffe, Szegedy, Batch Normalization, 2015, algorithms 1 and 2.
    """
    x, more = as_tensor(x), None if residual is None else as_tensor(residual)
    _check_batch_norm(x, running_mean, running_var, weight, bias, more, activation)
    n, shape = x.numel() // max(x.shape[1], 1), (x.shape[1],) + (1,) * (x.ndim - 2)
    w, b = (None if p is None else reshape(as_tensor(p), shape) for p in (weight, bias))
    moments, running = (None, None), None
    if running_mean is not None and running_var is not None:
        running = as_tensor(running_mean), as_tensor(running_var)
    if running and not training:
        moments = running[0].data.reshape(1, *shape), running[1].data.reshape(1, *shape)
    elif n <= 1:
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, got x {x.shape}; use a "
            "larger batch (drop_last=True) or eval()"
        )
    y, m, v = normalize(x, w, b, (0, *range(2, x.ndim)), eps, moments, more, activation)
    if running and training:
        _move(running[0], m, momentum)
        _move(running[1], v * (n / (n - 1)), momentum)
    return y


def _check_batch_norm(
    x: Tensor, running_mean: Any, running_var: Any, weight: Any, bias: Any,
    residual: Tensor | None, activation: str | None,
) -> None:  # fmt: skip
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x must be (N, C) or (N, C, ...), got {x.shape}")
    params = (running_mean, running_var, weight, bias)
    for name, p in zip(("running_mean", "running_var", "weight", "bias"), params, strict=True):
        if p is not None and as_tensor(p).shape != (x.shape[1],):
            raise ValueError(
                f"batch_norm: {name} must have one value per channel of x {x.shape}, got "
                f"{as_tensor(p).shape}"
            )
    if residual is not None and residual.shape != x.shape:
        raise ValueError(f"batch_norm: residual must have x's {x.shape}, got {residual.shape}")
    if activation not in LIMITS:
        raise ValueError(f"batch_norm: activation must be in {list(LIMITS)}, got {activation!r}")


def _move(running: Tensor, batch: Any, momentum: float) -> None:
    running.data += momentum * (batch.reshape(-1).astype(running.dtype) - running.data)
    mark_written(running, "batch_norm")


def layer_norm(
    x: TensorLike, normalized_shape: int | tuple[int, ...], weight: TensorLike | None = None,
    bias: TensorLike | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes, ``normalized_shape``

    Paper: Ba, Kiros, Hinton, Layer Normalization, 2016, equation 4.
    """
    x = as_tensor(x)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    for name, got in (("the end of x.shape", x.shape[x.ndim - len(shape) :]),
                      ("weight", shape if weight is None else as_tensor(weight).shape),
                      ("bias", shape if bias is None else as_tensor(bias).shape)):  # fmt: skip
        if got != shape or not shape:
            raise ValueError(f"layer_norm: {name} must be {shape}, got {got} (x {x.shape})")
    w, b = (None if p is None else as_tensor(p) for p in (weight, bias))
    return normalize(x, w, b, tuple(range(x.ndim - len(shape), x.ndim)), eps)[0]


def group_norm(
    x: TensorLike, num_groups: int, weight: TensorLike | None = None,
    bias: TensorLike | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """y = (x - mean) / sqrt(var + eps) * weight + bias over each sample's groups of channels

    (N, C, ...) -> the same; weight and bias are (C,). Paper: Wu, He, Group Normalization, 2018.
    """
    x = as_tensor(x)
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups must divide the channels of x (N, C, ...), got {num_groups} "
            f"and x {x.shape}"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and as_tensor(p).shape != x.shape[1:2]:
            raise ValueError(
                f"group_norm: {name} must have one value per channel of x {x.shape}, got "
                f"{as_tensor(p).shape}"
            )
    size = int(np.prod(x.shape[1:])) // num_groups
    grouped = reshape(x, (x.shape[0], num_groups, size))
    y = reshape(normalize(grouped, None, None, (2,), eps)[0], x.shape)
    shape = (x.shape[1],) + (1,) * (x.ndim - 2)
    y = y if weight is None else mul(y, reshape(weight, shape))
    return y if bias is None else add(y, reshape(bias, shape))


def local_response_norm(
    x: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """y[n,c] = x[n,c] / (k + alpha/size * sum of x[n,j]^2 over the ``size`` channels around c)^beta

    The window reaches size // 2 channels down and (size - 1) // 2 up. A sum over neighbouring
    channels is a 1x1 convolution with a band of ones. (N, C, H, W) -> the same.
    Paper: Krizhevsky, Sutskever, Hinton, 2012, section 3.3 (there alpha is not divided by size).
    """
    x = as_tensor(x)
    if x.ndim != 4 or size < 1:
        raise ValueError(
            f"local_response_norm: x must be (N, C, H, W) and size at least 1, got {x.shape} and "
            f"{size}"
        )
    xp, c = array_module(x.data), x.shape[1]
    offset = xp.arange(c) - xp.arange(c)[:, None]
    band = ((offset >= -(size // 2)) & (offset <= (size - 1) // 2)).astype(x.dtype)
    energy = conv2d(x * x, Tensor(band[:, :, None, None]))
    return x * (float(k) + float(alpha) / size * energy) ** -float(beta)
