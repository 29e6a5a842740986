"""Products of matrices."""

from typing import Any

import numpy as np

from ..kernels import kernels_for
from ..tensor import Tensor, TensorLike, as_tensor, record
from .elementwise import add, astype, check_broadcast, check_device
from .shape import common_dtype, reshape, squeeze, sum_to, transpose, unsqueeze


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """y[...,i,j] = sum_k a[...,i,k] b[...,k,j];  ga = gy b^T, gb = a^T gy

    (..., n, k) @ (..., k, m) -> (..., n, m); leading axes broadcast; a vector counts as a row on
    the left and as a column on the right, and that axis is dropped again.
    """
    a, b = matching("matmul", a, b)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(
            "matmul: the last axis of the first must equal the second-last of the second, got "
            f"{a.shape} and {b.shape}"
        )
    if a.ndim == 1:
        return squeeze(matmul(unsqueeze(a, 0), b), max(b.ndim - 2, 0))
    if b.ndim == 1:
        return squeeze(matmul(a, unsqueeze(b, 1)), -1)
    check_broadcast("matmul", a.shape[:-2], b.shape[:-2])
    sa, sb = a.shape, b.shape

    def backward(gy: Tensor) -> Any:
        return (
            lambda: sum_to(matmul(gy, transpose(b, -1, -2)), sa),
            lambda: sum_to(matmul(transpose(a, -1, -2), gy), sb),
        )

    return record("matmul", kernels_for(a.data).matmul(a.data, b.data), (a, b), backward)


def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """y[...,o] = sum_i x[...,i] w[o,i] + b[o];  gx = gy w, gw = gy^T x, gb = sum gy

    Shapes: (..., I), (O, I), (O,) -> (..., O).
    """
    x, weight = matching("linear", x, weight)
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            "linear: the last axis of x must equal in_features, the second axis of the weight, got "
            f"x {x.shape} and weight {weight.shape}"
        )

    def backward(gy: Tensor) -> Any:
        return lambda: matmul(gy, weight), lambda: matmul(transpose(_rows(gy)), _rows(x))

    product = kernels_for(x.data).matmul(x.data, weight.data.T)
    y = record("linear", product, (x, weight), backward)
    if bias is None:
        return y
    bias = as_tensor(bias)
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias must have shape {weight.shape[:1]}, got {bias.shape}")
    return add(y, bias)


def matching(name: str, a: TensorLike, b: TensorLike) -> tuple[Tensor, Tensor]:
    """Both as Tensors on one device, in the wider of their dtypes."""
    a, b = as_tensor(a), as_tensor(b)
    check_device(name, a, b)
    if a.dtype == b.dtype:
        return a, b
    if {a.dtype.kind, b.dtype.kind} != {"f"}:
        raise TypeError(
            f"{name}: both tensors must be floating-point (or one integer type), got {a.dtype} and "
            f"{b.dtype}; convert with astype(np.float32), images also with / 255"
        )
    dtype = common_dtype(a, b)
    return astype(a, dtype), astype(b, dtype)


def _rows(x: Tensor) -> Tensor:
    """(..., I) -> (rows, I)"""
    if x.ndim == 2:
        return x
    return reshape(x, (int(np.prod(x.shape[:-1])), x.shape[-1]))
