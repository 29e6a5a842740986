"""Elementwise functions, safe at any input size, and the gradients of the activations.

``f_grad`` is gx = gy f'(x). NumPy's ufuncs work on CuPy arrays too, so one text serves both.
"""

import math
from typing import Any

import numpy as np

from .. import array_module

Array = Any


def add(a: Array, b: Array) -> Array:
    """y = a + b"""
    return a + b


def exp(x: Array) -> Array:
    """y = e^x"""
    return np.exp(x)


def log(x: Array) -> Array:
    """y = ln x"""
    return np.log(x)


def sqrt(x: Array) -> Array:
    """y = x^(1/2)"""
    return np.sqrt(x)


def relu(x: Array) -> Array:
    """y = max(x, 0)"""
    return np.maximum(x, 0)


def relu_grad(gy: Array, x: Array) -> Array:
    """f' = 1 where x > 0, else 0"""
    return gy * (x > 0)


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """y = x where x > 0, else negative_slope x"""
    return x * leaky_relu_grad(x.dtype.type(1), x, negative_slope)


def leaky_relu_grad(gy: Array, x: Array, negative_slope: float) -> Array:
    """f' = 1 where x > 0, else negative_slope"""
    positive = (x > 0).astype(x.dtype)
    return gy * (positive + negative_slope * (1 - positive))


def hardtanh(x: Array, low: float, high: float) -> Array:
    """y = x limited to [low, high]"""
    return np.minimum(np.maximum(x, low), high)


def hardtanh_grad(gy: Array, x: Array, low: float, high: float) -> Array:
    """f' = 1 strictly inside, else 0"""
    return gy * ((x > low) & (x < high))


def hardsigmoid(x: Array) -> Array:
    """y = min(max(x + 3, 0), 6) / 6"""
    return hardtanh(x + 3, 0, 6) / 6


def hardsigmoid_grad(gy: Array, x: Array) -> Array:
    """f' = 1/6 where |x| < 3, else 0"""
    return hardtanh_grad(gy, x, -3, 3) / 6


def hardswish(x: Array) -> Array:
    """y = x hardsigmoid(x)"""
    return x * hardsigmoid(x)


def hardswish_grad(gy: Array, x: Array) -> Array:
    """f' = hardsigmoid(x) + x/6 where |x| < 3"""
    return gy * (hardsigmoid(x) + hardsigmoid_grad(x, x))


def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e^-x)

    Both parts multiplied by e^x where x < 0, so that no exponential overflows.
    """
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def sigmoid_grad(gy: Array, x: Array) -> Array:
    """f' = y (1 - y), where 1 - y(x) = y(-x), which loses no digits"""
    return gy * sigmoid(x) * sigmoid(-x)


def silu(x: Array) -> Array:
    """y = x sigmoid(x)"""
    return x * sigmoid(x)


def silu_grad(gy: Array, x: Array) -> Array:
    """f' = s (1 + x (1 - s)), s = sigmoid(x)"""
    return gy * sigmoid(x) * (1 + x * sigmoid(-x))


def tanh(x: Array) -> Array:
    """y = (e^x - e^-x) / (e^x + e^-x)"""
    return np.tanh(x)


def tanh_grad(gy: Array, x: Array) -> Array:
    """f' = 1 - y^2"""
    return gy * (1 - np.tanh(x) ** 2)


def elu(x: Array, alpha: float) -> Array:
    """y = x where x > 0, else alpha (e^x - 1)"""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def elu_grad(gy: Array, x: Array, alpha: float) -> Array:
    """f' = 1 where x > 0, else alpha e^x"""
    return leaky_relu_grad(gy, x, alpha * np.exp(np.minimum(x, 0)))


def softplus(x: Array) -> Array:
    """y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_grad(gy: Array, x: Array) -> Array:
    """f' = sigmoid(x)"""
    return gy * sigmoid(x)


def gelu(x: Array) -> Array:
    """y = x Phi(x), Phi the normal distribution function"""
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def gelu_grad(gy: Array, x: Array) -> Array:
    """f' = Phi(x) + x phi(x), phi(x) = e^(-x^2/2) / sqrt(2 pi)"""
    probability = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    return gy * (probability + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


def gelu_tanh(x: Array) -> Array:
    """y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3)"""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)))


def gelu_tanh_grad(gy: Array, x: Array) -> Array:
    """f' = (1 + tanh u) / 2 + x/2 (1 - tanh^2 u) du/dx"""
    c, square = math.sqrt(2 / math.pi), 0.044715 * x * x
    t = np.tanh(c * x * (1 + square))
    return gy * 0.5 * (1 + t + x * (1 - t * t) * c * (1 + 3 * square))


def where(mask: Array, a: Array, b: Array) -> Array:
    """y = a where mask is true, else b; the three broadcast

    Like numpy.where, but the result keeps the memory order of the larger operand, so that a
    channels-last image stays one.
    """
    xp, shape = array_module(a), np.broadcast_shapes(mask.shape, a.shape, b.shape)
    full, other, chosen = (a, b, ~mask) if a.shape == shape else (b, a, mask)
    if full.shape != shape:
        return xp.where(mask, a, b)
    y = full.copy(order="K")
    xp.copyto(y, other, where=chosen)
    return y


# ln(erfc(z) e^(z^2) / t) as a Chebyshev series in 2t - 1, where t = 2 / (2 + z) maps z >= 0 to
# (0, 1]. Fitted with 60 digits; the error of erf is below 4e-16.
_ERF = (
    -0.6513268598908547, 0.6419697923564902, 0.019476473204185836, -0.009561514786808632,
    -0.0009465953444820369, 0.00036683949785276145, 4.252332480690777e-05,
    -2.0278578112534242e-05, -1.6242900046470256e-06, 1.3036558355805232e-06,
    1.5626441722066142e-08, -8.523809591492654e-08, 6.5290544390988515e-09,
    5.059343495551469e-09, -9.91364156493033e-10, -2.273651222931836e-10,
    9.646791102015527e-11, 2.3940380830391146e-12, -6.886027526497553e-12,
    8.944879273090725e-13, 3.130921399342958e-13, -1.1270822361367252e-13,
    3.810905255189232e-16, 7.106097613609237e-15, -1.5230282014571043e-15,
)  # fmt: skip


def erf(x: Array) -> Array:
    """y = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x; erf(-x) = -erf(x)"""
    z = np.minimum(np.abs(x), 10)  # erf is 1 to the last digit from 6 on; the square stays small
    t = 2 / (2 + z)
    b1, b2 = 0 * t, 0 * t
    for c in _ERF[:0:-1]:  # Clenshaw's recurrence
        b1, b2 = (4 * t - 2) * b1 - b2 + c, b1
    series = (2 * t - 1) * b1 - b2 + _ERF[0]
    return np.sign(x) * (1 - t * np.exp(series - z * z))
