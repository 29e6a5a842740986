"""Activations: elementwise non-linear functions."""

import math
from collections.abc import Callable

import numpy as np

from ..kernels import kernels_for
from ..modes import is_recording
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .elementwise import astype, clip, erf, exp


def _activation(
    name: str, x: TensorLike, slope: Callable[[Tensor], Tensor], *settings: float
) -> Tensor:
    """y = f(x) by the kernel ``name``;  gx = gy f'(x) by the kernel ``name``_grad, in one pass

    Where the gradient will be differentiated again, it is made of ops: ``slope(x)`` is f'(x).
    """
    x = as_tensor(x)
    if settings and x.dtype.kind != "f":
        x = astype(x, np.float32)
    settings = tuple(map(float, settings))  # np.float64 would make float32 double

    def backward(gy: Tensor) -> Tensor:
        if is_recording():
            return gy * slope(x)
        return wrap(getattr(kernels_for(x.data), f"{name}_grad")(gy.data, x.data, *settings))

    return record(name, getattr(kernels_for(x.data), name)(x.data, *settings), (x,), backward)


def _between(x: Tensor, low: float, high: float) -> Tensor:
    """1 where low < x < high, else 0; flat, so without a gradient"""
    return wrap(((x.data > low) & (x.data < high)).astype(x.dtype))


def _step(x: Tensor, below: TensorLike) -> Tensor:
    """1 where x > 0, else ``below``"""
    positive = (x.data > 0).astype(x.dtype)
    return wrap(positive) + wrap(1 - positive) * below


def relu(x: TensorLike) -> Tensor:
    """y = max(x, 0);  gx = gy [x > 0] (Nair, Hinton, 2010)"""
    return _activation("relu", x, lambda x: _step(x, 0.0))


def leaky_relu(x: TensorLike, negative_slope: float = 0.01) -> Tensor:
    """y = x where x > 0, else negative_slope x (Maas, Hannun, Ng, 2013)"""
    return _activation("leaky_relu", x, lambda x: _step(x, negative_slope), negative_slope)


def relu6(x: TensorLike) -> Tensor:
    """y = min(max(x, 0), 6) (Krizhevsky, 2010); no gradient at 0 and 6"""
    return hardtanh(x, 0.0, 6.0)


def hardtanh(x: TensorLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """y = x limited to [min_val, max_val];  gx = gy strictly inside, else 0"""
    return _activation("hardtanh", x, lambda x: _between(x, min_val, max_val), min_val, max_val)


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """y = x where x > 0, else alpha (e^x - 1) (Clevert, Unterthiner, Hochreiter, 2016)"""
    return _activation("elu", x, lambda x: _step(x, alpha * exp(clip(x, max=0.0))), alpha)


def softplus(x: TensorLike) -> Tensor:
    """y = ln(1 + e^x);  gx = gy sigmoid(x)"""
    return _activation("softplus", x, sigmoid)


def sigmoid(x: TensorLike) -> Tensor:
    """y = 1 / (1 + e^-x);  gx = gy y (1 - y), written with 1 - y(x) = y(-x), exact for large x"""
    return _activation("sigmoid", x, lambda x: sigmoid(x) * sigmoid(-x))


def tanh(x: TensorLike) -> Tensor:
    """y = (e^x - e^-x) / (e^x + e^-x);  gx = gy (1 - y^2)"""
    return _activation("tanh", x, lambda x: 1.0 - tanh(x) ** 2)


def silu(x: TensorLike) -> Tensor:
    """y = x s, s = sigmoid(x), also called swish;  gx = gy s (1 + x (1 - s))

    (Hendrycks, Gimpel, 2016; Ramachandran et al., 2017)
    """
    return _activation("silu", x, lambda x: sigmoid(x) * (1.0 + x * sigmoid(-x)))


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """y = x Phi(x) with the normal distribution function Phi (Hendrycks, Gimpel, 2016)

    ``approximate="tanh"``: y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
    """
    if approximate == "tanh":
        return _activation("gelu_tanh", x, _gelu_tanh_slope)
    if approximate != "none":
        raise ValueError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')
    return _activation("gelu", x, _gelu_slope)


def _gelu_slope(x: Tensor) -> Tensor:
    """Phi(x) + x e^(-x^2/2) / sqrt(2 pi)"""
    bell = exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return 0.5 * (1.0 + erf(x * math.sqrt(0.5))) + x * bell


def _gelu_tanh_slope(x: Tensor) -> Tensor:
    """(1 + tanh u) / 2 + x/2 (1 - tanh^2 u) du/dx"""
    c, square = math.sqrt(2 / math.pi), 0.044715 * x * x
    t = tanh(c * x * (1.0 + square))
    return 0.5 * (1.0 + t + x * (1.0 - t * t) * c * (1.0 + 3.0 * square))


def hardsigmoid(x: TensorLike) -> Tensor:
    """y = min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines (Courbariaux et al., 2015)"""
    return _activation("hardsigmoid", x, lambda x: _between(x, -3, 3) / 6.0)


def hardswish(x: TensorLike) -> Tensor:
    """y = x hardsigmoid(x) (Howard et al., 2019, section 5.2)"""
    return _activation("hardswish", x, lambda x: hardsigmoid(x) + x * _between(x, -3, 3) / 6.0)
