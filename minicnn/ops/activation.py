"""Activations: elementwise non-linear functions."""

import math

from ..kernels import kernels_for
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .elementwise import clip, erf, exp, where


def relu(x: TensorLike) -> Tensor:
    """y = max(x, 0);  gx = gy [x > 0] (Nair, Hinton, 2010)"""
    x = as_tensor(x)
    y = kernels_for(x.data).relu(x.data)
    # A product, because numpy.where is 15 times slower and forgets the channels-last order.
    return record("relu", y, (x,), lambda gy: gy * wrap((x.data > 0).astype(gy.dtype)))


def leaky_relu(x: TensorLike, negative_slope: float = 0.01) -> Tensor:
    """y = x where x > 0, else negative_slope x (Maas, Hannun, Ng, 2013)"""
    x = as_tensor(x)
    return where(x.data > 0, x, x * negative_slope)


def relu6(x: TensorLike) -> Tensor:
    """y = min(max(x, 0), 6) (Krizhevsky, 2010); no gradient at 0 and 6"""
    return hardtanh(x, 0.0, 6.0)


def hardtanh(x: TensorLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """y = x limited to [min_val, max_val];  gx = gy strictly inside, else 0"""
    x = as_tensor(x)
    inside = (x.data > min_val) & (x.data < max_val)
    return where(inside, x, clip(x.detach(), min_val, max_val))


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """y = x where x > 0, else alpha (e^x - 1) (Clevert, Unterthiner, Hochreiter, 2016)"""
    x = as_tensor(x)
    return where(x.data > 0, x, (exp(clip(x, max=0.0)) - 1.0) * alpha)


def softplus(x: TensorLike) -> Tensor:
    """y = ln(1 + e^x);  gx = gy sigmoid(x)"""
    x = as_tensor(x)
    return record(
        "softplus", kernels_for(x.data).softplus(x.data), (x,), lambda gy: gy * sigmoid(x)
    )


def sigmoid(x: TensorLike) -> Tensor:
    """y = 1 / (1 + e^-x);  gx = gy y (1 - y), written with 1 - y(x) = y(-x), exact for large x"""
    x = as_tensor(x)
    y = kernels_for(x.data).sigmoid(x.data)
    return record("sigmoid", y, (x,), lambda gy: gy * sigmoid(x) * sigmoid(-x))


def tanh(x: TensorLike) -> Tensor:
    """y = (e^x - e^-x) / (e^x + e^-x);  gx = gy (1 - y^2)"""
    x = as_tensor(x)
    return record(
        "tanh", kernels_for(x.data).tanh(x.data), (x,), lambda gy: gy * (1.0 - tanh(x) ** 2)
    )


def silu(x: TensorLike) -> Tensor:
    """y = x sigmoid(x), also called swish (Hendrycks, Gimpel, 2016; Ramachandran et al., 2017)"""
    x = as_tensor(x)
    return x * sigmoid(x)


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """y = x Phi(x) with the normal distribution function Phi (Hendrycks, Gimpel, 2016)

    ``approximate="tanh"``: y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    """
    x = as_tensor(x)
    if approximate == "tanh":
        return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if approximate != "none":
        raise ValueError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def hardsigmoid(x: TensorLike) -> Tensor:
    """y = min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines (Courbariaux et al., 2015)"""
    return relu6(as_tensor(x) + 3.0) / 6.0


def hardswish(x: TensorLike) -> Tensor:
    """y = x hardsigmoid(x) (Howard et al., 2019, section 5.2)"""
    x = as_tensor(x)
    return x * hardsigmoid(x)
