"""Arithmetic and elementary functions, with NumPy broadcasting.

Where broadcasting has copied an input, its gradient is the sum over the copies (`sum_to`).
"""

from typing import Any, TypeGuard

import numpy as np

from ..kernels import array_module, kernels_for
from ..tensor import Tensor, TensorLike, as_tensor, record, wrap
from .shape import common_dtype, sum_to

_NUMBERS = (int, float)


def operands(name: str, a: TensorLike, b: TensorLike) -> tuple[Tensor, Tensor]:
    """Both operands as Tensors of one dtype, whose shapes broadcast.

    A Python number takes the other's dtype; of two dtypes the wider wins.
    """
    a = a if isinstance(a, Tensor) else _like(a, b)
    b = b if isinstance(b, Tensor) else _like(b, a)
    x, y = a.data, b.data
    if type(x) is not type(y):
        check_device(name, a, b)
    if x.shape != y.shape and x.ndim and y.ndim:
        check_broadcast(name, x.shape, y.shape)
    if x.dtype is not y.dtype and x.dtype != y.dtype:
        dtype = common_dtype(a, b)
        return astype(a, dtype), astype(b, dtype)
    return a, b


def _like(x: TensorLike, other: TensorLike) -> Tensor:
    """x as a Tensor; a Python number takes the other's dtype and device.

    Only where that dtype cannot hold it (2.5 beside integers) it is float32 or int64.
    """
    if not isinstance(x, _NUMBERS) or not isinstance(other, Tensor):
        return as_tensor(x)
    array = other.data
    dtype = array.dtype
    if dtype.kind != "f" and (dtype.kind == "b" or isinstance(x, float)):
        dtype = np.dtype(np.int64 if isinstance(x, int) else np.float32)
    xp = np if type(array) is np.ndarray else array_module(array)
    return wrap(xp.asarray(x, dtype))


def check_device(name: str, *tensors: Tensor) -> None:
    """Raise ValueError unless all tensors are on one device."""
    devices = [x.device for x in tensors]
    if len(set(devices)) > 1:
        raise ValueError(f'{name}: tensors must be on one device, got {devices}; use .to("cuda")')


def check_broadcast(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Raise ValueError unless the two shapes broadcast."""
    for n, m in zip(reversed(a), reversed(b), strict=False):
        if n != m and n != 1 and m != 1:
            raise ValueError(
                f"{name}: shapes must be equal or 1 on every axis counted from the right, "
                f"got {a} and {b}"
            )


def astype(x: TensorLike, dtype: Any) -> Tensor:
    """x with another dtype; the gradient is converted back."""
    x, dtype = as_tensor(x), np.dtype(dtype)
    here = x.dtype
    if dtype == here:
        return x
    y = x.data.astype(dtype)
    return (
        record("astype", y, (x,), lambda gy: astype(gy, here)) if dtype.kind == "f" else Tensor(y)
    )


def _takes_number(a: TensorLike) -> TypeGuard[Tensor]:
    """A float tensor beside a Python number: nothing to convert, check, broadcast or give back."""
    return isinstance(a, Tensor) and a.data.dtype.kind == "f"


def add(a: TensorLike, b: TensorLike) -> Tensor:
    """y = a + b"""
    if type(b) in _NUMBERS and _takes_number(a):
        return record("add", a.data + b, (a,), lambda gy: gy, number=b)
    a, b = operands("add", a, b)
    sa, sb = a.data.shape, b.data.shape

    def backward(gy: Tensor) -> Any:
        return sum_to(gy, sa), sum_to(gy, sb)

    return record("add", kernels_for(a.data).add(a.data, b.data), (a, b), backward)


def sub(a: TensorLike, b: TensorLike) -> Tensor:
    """y = a - b"""
    if type(b) in _NUMBERS and _takes_number(a):
        return record("sub", a.data - b, (a,), lambda gy: gy, number=b)
    a, b = operands("sub", a, b)
    sa, sb = a.data.shape, b.data.shape

    def backward(gy: Tensor) -> Any:
        return sum_to(gy, sa), lambda: sum_to(-gy, sb)

    return record("sub", a.data - b.data, (a, b), backward)


def mul(a: TensorLike, b: TensorLike) -> Tensor:
    """y = a b;  ga = gy b, gb = gy a"""
    if type(b) in _NUMBERS and _takes_number(a):
        return record("mul", a.data * b, (a,), lambda gy: gy * b, number=b)
    a, b = operands("mul", a, b)
    sa, sb = a.data.shape, b.data.shape

    def backward(gy: Tensor) -> Any:
        return lambda: sum_to(gy * b, sa), lambda: sum_to(gy * a, sb)

    return record("mul", a.data * b.data, (a, b), backward)


def div(a: TensorLike, b: TensorLike) -> Tensor:
    """y = a / b;  ga = gy / b, gb = -gy a / b^2"""
    if type(b) in _NUMBERS and _takes_number(a):
        return record("div", a.data / b, (a,), lambda gy: gy / b, number=b)
    a, b = operands("div", a, b)
    y = a.data / b.data
    if y.dtype is not a.data.dtype and a.data.dtype.kind != "f":  # whole numbers
        return div(astype(a, np.float32), astype(b, np.float32))
    sa, sb = a.data.shape, b.data.shape

    def backward(gy: Tensor) -> Any:
        return lambda: sum_to(gy / b, sa), lambda: sum_to(-gy * a / (b * b), sb)

    return record("div", y, (a, b), backward)


def neg(x: TensorLike) -> Tensor:
    """y = -x"""
    x = as_tensor(x)
    return record("neg", -x.data, (x,), lambda gy: neg(gy))


def pow(a: TensorLike, b: TensorLike) -> Tensor:
    """y = a^b;  ga = gy b a^(b-1), gb = gy a^b ln a

    A fixed exponent needs no logarithm, so negative bases are fine with whole exponents.
    """
    if isinstance(b, _NUMBERS):
        b = b if isinstance(b, int) else float(b)  # np.float64 would make float32 double
        return _fixed_power(as_tensor(a), b)
    a, b = operands("pow", a, b)

    def backward(gy: Tensor) -> Any:
        def base() -> Tensor:
            return sum_to(gy * where(b.data == 0, 0.0, b * pow(a, b - 1.0)), a.shape)

        def exponent() -> Tensor:
            zero = a.data == 0  # 0^b stays 0 when b moves, and ln 0 must not be asked for
            return sum_to(gy * where(zero, 0.0, pow(a, b) * log(where(zero, 1.0, a))), b.shape)

        return base, exponent

    return record("pow", a.data**b.data, (a, b), backward)


def _fixed_power(x: Tensor, p: float) -> Tensor:
    if x.dtype.kind != "f" and (p < 0 or p != int(p)):
        x = astype(x, np.float32)

    def backward(gy: Tensor) -> Tensor:
        return gy * (p * _fixed_power(x, p - 1)) if p else gy * 0.0

    return record("pow", x.data**p, (x,), backward, exponent=p)


def exp(x: TensorLike) -> Tensor:
    """y = e^x;  gx = gy e^x"""
    x = as_tensor(x)
    return record("exp", kernels_for(x.data).exp(x.data), (x,), lambda gy: gy * exp(x))


def log(x: TensorLike) -> Tensor:
    """y = ln x;  gx = gy / x"""
    x = as_tensor(x)
    return record("log", kernels_for(x.data).log(x.data), (x,), lambda gy: gy / x)


def sqrt(x: TensorLike) -> Tensor:
    """y = x^(1/2);  gx = gy / (2 x^(1/2)), infinite at 0"""
    x = as_tensor(x)
    return record("sqrt", kernels_for(x.data).sqrt(x.data), (x,), lambda gy: gy / (2.0 * sqrt(x)))


def abs(x: TensorLike) -> Tensor:
    """y = |x|;  gx = gy sign(x), 0 at x = 0"""
    x = as_tensor(x)
    return record("abs", np.abs(x.data), (x,), lambda gy: gy * Tensor(np.sign(x.data)))


def erf(x: TensorLike) -> Tensor:
    """y = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x;  gx = gy 2/sqrt(pi) e^(-x^2)"""
    x = as_tensor(x)
    y = kernels_for(x.data).erf(x.data)
    return record("erf", y, (x,), lambda gy: gy * (2 / np.pi**0.5) * exp(-(x * x)))


def clip(x: TensorLike, min: float | None = None, max: float | None = None) -> Tensor:
    """y = x limited to [min, max];  gx = gy where min <= x <= max, else 0"""
    x = as_tensor(x)
    if min is None and max is None:
        raise ValueError("clip: min or max must be given, got neither")
    if x.dtype.kind != "f" and any(isinstance(m, float) for m in (min, max)):
        x = astype(x, np.float32)
    y = x.data if min is None else np.maximum(x.data, x.dtype.type(min))
    y = y if max is None else np.minimum(y, x.dtype.type(max))

    def backward(gy: Tensor) -> Tensor:
        inside = True if min is None else x.data >= min
        return where(inside if max is None else inside & (x.data <= max), gy, 0.0)

    return record("clip", y, (x,), backward, min=min, max=max)


def maximum(a: TensorLike, b: TensorLike) -> Tensor:
    """y = max(a, b);  the gradient goes to the larger, half to each where they are equal"""
    a, b = operands("maximum", a, b)
    y = np.maximum(a.data, b.data)
    return record("maximum", y, (a, b), lambda gy: _to_winner(gy, a, b, a.data > b.data))


def minimum(a: TensorLike, b: TensorLike) -> Tensor:
    """y = min(a, b);  the gradient goes to the smaller, half to each where they are equal"""
    a, b = operands("minimum", a, b)
    y = np.minimum(a.data, b.data)
    return record("minimum", y, (a, b), lambda gy: _to_winner(gy, a, b, a.data < b.data))


def _to_winner(gy: Tensor, a: Tensor, b: Tensor, a_wins: Any) -> tuple[Tensor, Tensor]:
    share = a_wins + 0.5 * (a.data == b.data)
    part = Tensor(share.astype(gy.dtype))
    return sum_to(gy * part, a.shape), sum_to(gy * (1.0 - part), b.shape)


def where(condition: Any, a: TensorLike, b: TensorLike) -> Tensor:
    """y = a where the condition is true, else b; the condition has no gradient"""
    a, b = operands("where", a, b)
    mask = condition.data.copy() if isinstance(condition, Tensor) else condition
    mask = array_module(a.data).asarray(mask, dtype=bool)
    sa, sb = a.data.shape, b.data.shape
    check_broadcast("where", sa, sb)
    check_broadcast("where", mask.shape, np.broadcast_shapes(sa, sb))

    def backward(gy: Tensor) -> Any:
        return (
            lambda: sum_to(where(mask, gy, 0.0), sa),
            lambda: sum_to(where(mask, 0.0, gy), sb),
        )

    return record("where", kernels_for(a.data).where(mask, a.data, b.data), (a, b), backward)


# Comparisons have no gradient: a step is flat wherever it has a slope.


def greater(a: TensorLike, b: TensorLike) -> Tensor:
    """a > b"""
    a, b = operands("greater", a, b)
    return Tensor(a.data > b.data)


def greater_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a >= b"""
    a, b = operands("greater_equal", a, b)
    return Tensor(a.data >= b.data)


def less(a: TensorLike, b: TensorLike) -> Tensor:
    """a < b"""
    a, b = operands("less", a, b)
    return Tensor(a.data < b.data)


def less_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a <= b"""
    a, b = operands("less_equal", a, b)
    return Tensor(a.data <= b.data)


def equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a == b"""
    a, b = operands("equal", a, b)
    return Tensor(a.data == b.data)


def not_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a != b"""
    a, b = operands("not_equal", a, b)
    return Tensor(a.data != b.data)
