"""Activations and their gradients, each in one pass over memory.

    y[i] = f(x[i]),   gx[i] = gy[i] f'(x[i])

Loop order: that of memory, whatever the axes are called, because every number is on its own. Each
thread takes one contiguous part. `silu` and `silu_slope` below are f and f' for one number, written
without branches so that the loops over them become vector instructions; both `if`s of an
expression `a if c else b` are computed, and one is chosen.

Small arrays are left to `reference`, which is done before threads have started.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from minicnn.kernels.reference import elementwise as reference
from minicnn.kernels.threads import get_num_threads

from .compiled import compiled_parallel, overlays, plain
from .scalar import erfcx, expm1, inlined, like, log1p
from .scalar import exp as _exp

Array = Any
Number = Any
SMALL = 4096  # numbers; from here on two threads are faster than one NumPy


# f and f' for one number


@inlined
def relu_of(x: Number) -> Number:
    return like(0, x) if x <= 0 else x


@inlined
def relu_slope(x: Number) -> Number:
    return like(1, x) if x > 0 else like(0, x)


@inlined
def leaky_relu_of(x: Number, negative_slope: Number) -> Number:
    return x if x > 0 else negative_slope * x


@inlined
def leaky_relu_slope(x: Number, negative_slope: Number) -> Number:
    return like(1, x) if x > 0 else negative_slope


@inlined
def hardtanh_of(x: Number, low: Number, high: Number) -> Number:
    x = low if x < low else x
    return high if x > high else x


@inlined
def hardtanh_slope(x: Number, low: Number, high: Number) -> Number:
    above = like(1, x) if x > low else like(0, x)
    return above if x < high else like(0, x)


@inlined
def hardsigmoid_of(x: Number) -> Number:
    return hardtanh_of(x + like(3, x), like(0, x), like(6, x)) / like(6, x)


@inlined
def hardsigmoid_slope(x: Number) -> Number:
    return hardtanh_slope(x, like(-3, x), like(3, x)) / like(6, x)


@inlined
def hardswish_of(x: Number) -> Number:
    return x * hardsigmoid_of(x)


@inlined
def hardswish_slope(x: Number) -> Number:
    return hardsigmoid_of(x) + x * hardsigmoid_slope(x)


@inlined
def exp_of(x: Number) -> Number:
    return _exp(x)


@inlined
def sigmoid_of(x: Number) -> Number:
    one, e = like(1, x), _exp(-abs(x))
    return (one if x > 0 else e) / (one + e)


@inlined
def sigmoid_slope(x: Number) -> Number:
    """y(x) y(-x) = e^-|x| / (1 + e^-|x|)^2"""
    e = _exp(-abs(x))
    return e / ((like(1, x) + e) * (like(1, x) + e))


@inlined
def silu_of(x: Number) -> Number:
    return x * sigmoid_of(x)


@inlined
def silu_slope(x: Number) -> Number:
    one, e = like(1, x), _exp(-abs(x))
    y, rest = (one, e) if x > 0 else (e, one)  # times 1 + e^-|x|: y(x) and y(-x)
    return y / (one + e) * (one + x * (rest / (one + e)))


@inlined
def tanh_of(x: Number) -> Number:
    """With m = e^(-2|x|) - 1: tanh |x| = -m / (2 + m)"""
    m = expm1(like(-2, x) * abs(x))
    y = m / (like(2, x) + m)
    return y if x < 0 else -y


@inlined
def tanh_slope(x: Number) -> Number:
    y = tanh_of(x)
    return like(1, x) - y * y


@inlined
def elu_of(x: Number, alpha: Number) -> Number:
    return x if x > 0 else alpha * expm1(x)


@inlined
def elu_slope(x: Number, alpha: Number) -> Number:
    return like(1, x) if x > 0 else alpha * _exp(x)


@inlined
def softplus_of(x: Number) -> Number:
    return relu_of(x) + log1p(_exp(-abs(x)))


@inlined
def erf_of(x: Number) -> Number:
    z = abs(x)
    z = like(10, x) if z > 10 else z  # erf is 1 to the last digit from 6 on
    y = like(1, x) - erfcx(z) * _exp(-z * z)
    return -y if x < 0 else y


@inlined
def gelu_of(x: Number) -> Number:
    return x * _normal(x)[0]


@inlined
def gelu_slope(x: Number) -> Number:
    probability, density = _normal(x)
    return probability + x * density


@inlined
def _normal(x: Number) -> tuple[Number, Number]:
    """Phi(x) and its derivative e^(-x^2 / 2) / sqrt(2 pi); Phi(-|x|) = erfc(|x| / sqrt 2) / 2"""
    half, z = like(0.5, x), abs(x) * like(0.7071067811865476, x)
    bell = _exp(-half * x * x)
    tail = half * erfcx(z) * bell
    return (like(1, x) - tail if x > 0 else tail), bell * like(0.3989422804014327, x)


@inlined
def gelu_tanh_of(x: Number) -> Number:
    half, (u, _) = like(0.5, x), _tanh_argument(x)
    return half * x * (like(1, x) + tanh_of(u))


@inlined
def gelu_tanh_slope(x: Number) -> Number:
    one, half, (u, du) = like(1, x), like(0.5, x), _tanh_argument(x)
    t = tanh_of(u)
    return half * (one + t) + half * x * (one - t * t) * du


@inlined
def _tanh_argument(x: Number) -> tuple[Number, Number]:
    """u = sqrt(2/pi) (x + 0.044715 x^3) and du/dx"""
    c, square = like(0.7978845608028654, x), like(0.044715, x) * x * x
    return c * x * (like(1, x) + square), c * (like(1, x) + like(3, x) * square)


# The loops


def _forward(f: Callable) -> Callable:
    @compiled_parallel
    def run(part: int, parts: int, x: Array, y: Array, settings: tuple) -> None:
        n = len(x)
        first, last = n * part // parts, n * (part + 1) // parts
        xs, ys = x[first:last], y[first:last]
        for i in range(len(xs)):
            ys[i] = f(xs[i], *settings)

    return run


def _backward(slope: Callable) -> Callable:
    @compiled_parallel
    def run(part: int, parts: int, gy: Array, x: Array, gx: Array, settings: tuple) -> None:
        n = len(x)
        first, last = n * part // parts, n * (part + 1) // parts
        gys, xs, gxs = gy[first:last], x[first:last], gx[first:last]
        for i in range(len(xs)):
            gxs[i] = gys[i] * slope(xs[i], *settings)

    return run


def _kernel(name: Callable, run: Callable) -> Callable:
    """The kernel that overlays the reference's ``name``: arrays first, then settings (numbers)."""

    @overlays(name)
    @wraps(name)
    def kernel(*args: Any) -> Array:
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        x = arrays[-1]
        if x.size < SMALL:
            return name(*args)
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        ordered = [plain(a.transpose(order)) for a in arrays]
        y = np.empty_like(ordered[-1])
        settings = tuple(x.dtype.type(a) for a in args[len(arrays) :])
        run(get_num_threads(), *(a.reshape(-1) for a in ordered), y.reshape(-1), settings)
        return y.transpose(np.argsort(order))

    return kernel


def _pair(forward: Callable, backward: Callable, f: Callable, slope: Callable) -> tuple:
    return _kernel(forward, _forward(f)), _kernel(backward, _backward(slope))


exp, erf = (_kernel(k, _forward(f)) for k, f in ((reference.exp, exp_of), (reference.erf, erf_of)))
relu, relu_grad = _pair(reference.relu, reference.relu_grad, relu_of, relu_slope)
leaky_relu, leaky_relu_grad = _pair(
    reference.leaky_relu, reference.leaky_relu_grad, leaky_relu_of, leaky_relu_slope
)
hardtanh, hardtanh_grad = _pair(
    reference.hardtanh, reference.hardtanh_grad, hardtanh_of, hardtanh_slope
)
hardsigmoid, hardsigmoid_grad = _pair(
    reference.hardsigmoid, reference.hardsigmoid_grad, hardsigmoid_of, hardsigmoid_slope
)
hardswish, hardswish_grad = _pair(
    reference.hardswish, reference.hardswish_grad, hardswish_of, hardswish_slope
)
sigmoid, sigmoid_grad = _pair(reference.sigmoid, reference.sigmoid_grad, sigmoid_of, sigmoid_slope)
silu, silu_grad = _pair(reference.silu, reference.silu_grad, silu_of, silu_slope)
tanh, tanh_grad = _pair(reference.tanh, reference.tanh_grad, tanh_of, tanh_slope)
elu, elu_grad = _pair(reference.elu, reference.elu_grad, elu_of, elu_slope)
softplus, softplus_grad = _pair(
    reference.softplus, reference.softplus_grad, softplus_of, sigmoid_of
)
gelu, gelu_grad = _pair(reference.gelu, reference.gelu_grad, gelu_of, gelu_slope)
gelu_tanh, gelu_tanh_grad = _pair(
    reference.gelu_tanh, reference.gelu_tanh_grad, gelu_tanh_of, gelu_tanh_slope
)


@overlays(reference.add)
def add(a: Array, b: Array) -> Array:
    """y = a + b"""
    if a.size < 16 * SMALL or a.shape != b.shape or a.strides != b.strides:
        return a + b
    order = sorted(range(a.ndim), key=lambda axis: -a.strides[axis])
    first, second = (plain(x.transpose(order)) for x in (a, b))
    y = np.empty_like(first)
    _add(get_num_threads(), first.reshape(-1), second.reshape(-1), y.reshape(-1))
    return y.transpose(np.argsort(order))


@compiled_parallel
def _add(part: int, parts: int, a: Array, b: Array, y: Array) -> None:
    n = len(a)
    first, last = n * part // parts, n * (part + 1) // parts
    terms, others, sums = a[first:last], b[first:last], y[first:last]
    for i in range(len(terms)):
        sums[i] = terms[i] + others[i]
