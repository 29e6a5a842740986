"""Ops that turn many numbers into few. ``dim`` is an int, a tuple of ints or None (all)."""

import numpy as np

from ..kernels import array_module, kernels_for
from ..modes import is_recording
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .elementwise import exp, where
from .shape import Dims, axes_of, axis_of, broadcast_to, reshape


def sum(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """y = sum of x over ``dim``;  every summand gets gy"""
    x = as_tensor(x)
    axes, shape = axes_of("sum", x.ndim, dim), x.shape
    kept = _kept(shape, axes)
    y = kernels_for(x.data).sum(x.data, axes)
    y = y if keepdim else y.squeeze(axes)
    return record("sum", y, (x,), lambda gy: broadcast_to(reshape(gy, kept), shape))


def mean(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """y = sum of x over ``dim`` / how many"""
    x = as_tensor(x)
    n = _count(x, axes_of("mean", x.ndim, dim))
    return sum(x, dim, keepdim) / float(n)


def var(x: TensorLike, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """y = sum of (x - mean)^2 / (n - correction); correction 1 is unbiased, 0 is biased"""
    x = as_tensor(x)
    n = _count(x, axes_of("var", x.ndim, dim))
    if n <= correction:
        raise ValueError(f"var: needs more than {correction} values, got {n}; set correction=0")
    centred = x - mean(x, dim, keepdim=True)
    return sum(centred * centred, dim, keepdim) / float(n - correction)


def max(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """y = largest x over ``dim`` (values only; see `argmax`); equal maxima share the gradient"""
    return _extreme("max", as_tensor(x), dim, keepdim)


def min(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """y = smallest x over ``dim`` (values only); equal minima share the gradient"""
    return _extreme("min", as_tensor(x), dim, keepdim)


def _extreme(name: str, x: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = axes_of(name, x.ndim, dim)
    kept = _kept(x.shape, axes)
    _check_choice(name, x, axes)

    def backward(gy: Tensor) -> Tensor:
        best = getattr(x.data, name)(axes, keepdims=True)
        wins = x.data == best
        share = reshape(gy, kept) * Tensor((1 / wins.sum(axes, keepdims=True)).astype(gy.dtype))
        return where(wins, broadcast_to(share, x.shape), 0.0)

    return record(name, getattr(x.data, name)(axes, keepdims=keepdim), (x,), backward)


def argmax(x: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the (first) largest value is, as int64; no gradient"""
    x = as_tensor(x)
    axes = axes_of("argmax", x.ndim, dim)
    _check_choice("argmax", x, axes)
    axis = axes[0] if dim is not None and axes else None
    return Tensor(array_module(x.data).asarray(x.data.argmax(axis, keepdims=keepdim)))


def softmax(x: TensorLike, dim: int = -1) -> Tensor:
    """y_i = e^x_i / sum_j e^x_j;  gx = y (gy - sum_j gy_j y_j)"""
    x = as_tensor(x)
    axis = axis_of("softmax", x.ndim, dim)

    def backward(gy: Tensor) -> Tensor:
        if not is_recording():
            return wrap(kernels_for(x.data).softmax_grad(gy.data, x.data, axis))
        y = softmax(x, axis)
        return y * (gy - sum(gy * y, axis, keepdim=True))

    return record("softmax", kernels_for(x.data).softmax(x.data, axis), (x,), backward)


def log_softmax(x: TensorLike, dim: int = -1) -> Tensor:
    """y_i = x_i - ln sum_j e^x_j;  gx = gy - softmax(x) sum_j gy_j"""
    x = as_tensor(x)
    axis = axis_of("log_softmax", x.ndim, dim)

    def backward(gy: Tensor) -> Tensor:
        return gy - softmax(x, axis) * sum(gy, axis, keepdim=True)

    return record("log_softmax", kernels_for(x.data).log_softmax(x.data, axis), (x,), backward)


def logsumexp(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """y = ln sum_j e^x_j;  gx_i = gy e^(x_i - y), which is gy softmax(x)_i"""
    x = as_tensor(x)
    axes = axes_of("logsumexp", x.ndim, dim)
    kept = _kept(x.shape, axes)
    y = kernels_for(x.data).logsumexp(x.data, axes)

    def backward(gy: Tensor) -> Tensor:
        return reshape(gy, kept) * exp(x - logsumexp(x, axes, keepdim=True))

    return record("logsumexp", y if keepdim else y.squeeze(axes), (x,), backward)


def _check_choice(name: str, x: Tensor, axes: tuple[int, ...]) -> None:
    if _count(x, axes) == 0:
        raise ValueError(f"{name}: no values to choose from along dim {axes} of shape {x.shape}")


def _kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the reduced axes kept as 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _count(x: Tensor, axes: tuple[int, ...]) -> int:
    return int(np.prod([x.shape[i] for i in axes]))
