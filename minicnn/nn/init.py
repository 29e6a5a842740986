"""First values of weights. All functions fill a Tensor in place and return it.

Fan-in is the number of inputs that one output sums over, fan-out the number of outputs that one
input reaches. For a weight (O, I, kh, kw), or (O, I) with kh = kw = 1:

    fan_in = I kh kw            fan_out = O kh kw

With independent inputs of variance s, y = w x has variance fan_in Var(w) s, so Var(w) = 1 / fan_in
keeps the size of the signal from layer to layer (fan_out: of the gradient, on the way back). The
gain makes up for what the activation takes away; ReLU halves the mean square, hence sqrt(2).

Papers: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
networks", 2010, equations 10-16; He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015,
equations 10-15.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..inplace import mark_written
from ..kernels import to_device
from ..random import generator
from ..tensor import Tensor
from .module import Parameter

_skipping: ContextVar[bool] = ContextVar("skipping", default=False)

GAINS = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


@contextmanager
def skip() -> Iterator[None]:
    """Inside, weights are not drawn: they stay zeros, which cost no time and, unread, no memory.

    For models whose weights are loaded anyway, or whose shapes alone matter.
    """
    token = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(token)


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """The factor for the standard deviation of weights before an activation.

    linear, conv2d, sigmoid 1; tanh 5/3; relu sqrt(2); leaky_relu sqrt(2 / (1 + param^2)) with the
    slope ``param``; the same numbers as torch's.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + param**2))
    if nonlinearity not in GAINS:
        known = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(f"init: nonlinearity must be one of {known}, got {nonlinearity!r}")
    return GAINS[nonlinearity]


def fans(x: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (O, I, ...). Raises ValueError for fewer than two axes."""
    if x.ndim < 2:
        raise ValueError(f"init: fan-in and fan-out need at least two axes, got shape {x.shape}")
    field = math.prod(x.shape[2:])
    return x.shape[1] * field, x.shape[0] * field


def constant_(x: Tensor, val: float) -> Tensor:
    """All entries ``val``."""
    return _fill(x, lambda: np.full(x.shape, val), "init.constant_")


def zeros_(x: Tensor) -> Tensor:
    """All entries 0."""
    return constant_(x, 0.0)


def ones_(x: Tensor) -> Tensor:
    """All entries 1."""
    return constant_(x, 1.0)


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """U(a, b): evenly between a and b."""
    return _fill(
        x, lambda: a + (b - a) * generator().random(x.shape, _draw_type(x)), "init.uniform_"
    )


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """N(mean, std^2)."""
    return _fill(x, lambda: mean + std * _normal(x, x.shape), "init.normal_")


def trunc_normal_(
    x: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """N(mean, std^2) on the condition that it lies in [a, b]: what lies outside is drawn again.

    a and b are values, not multiples of std. Raises ValueError where [a, b] holds under 1 % of all.
    """
    low, high = ((bound - mean) / (std * math.sqrt(2)) for bound in (a, b))
    if math.erf(high) - math.erf(low) < 0.02:
        raise ValueError(
            f"trunc_normal_: [a, b] must hold 1 % of N(mean, std^2), got a={a}, b={b}, mean={mean},"
            f" std={std}"
        )

    def draw() -> np.ndarray:
        values = mean + std * _normal(x, x.shape)
        while (outside := (values < a) | (values > b)).any():
            values[outside] = mean + std * _normal(x, (int(outside.sum()),))
        return values

    return _fill(x, draw, "init.trunc_normal_")


def xavier_uniform_(x: Tensor, gain: float = 1.0) -> Tensor:
    """Glorot: U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)). Glorot, Bengio, equation 16."""
    b = gain * math.sqrt(6 / sum(fans(x)))
    return uniform_(x, -b, b)


def xavier_normal_(x: Tensor, gain: float = 1.0) -> Tensor:
    """Glorot: N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)). Glorot, Bengio, equation 12."""
    return normal_(x, 0.0, gain * math.sqrt(2 / sum(fans(x))))


def kaiming_uniform_(
    x: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """He: U(-b, b) with the variance of `kaiming_normal_`, b = gain sqrt(3 / fan)."""
    b = math.sqrt(3) * _he_std(x, a, mode, nonlinearity)
    return uniform_(x, -b, b)


def kaiming_normal_(
    x: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """He: N(0, s^2), s = gain / sqrt(fan), with ``mode`` "fan_in" or "fan_out".

    ``a`` is the slope of leaky_relu, 0 for ReLU. He et al. 2015, equations 10, 14 and 15.
    """
    return normal_(x, 0.0, _he_std(x, a, mode, nonlinearity))


def orthogonal_(x: Tensor, gain: float = 1.0) -> Tensor:
    """A random orthogonal matrix times ``gain``: all singular values are ``gain``.

    x as a matrix (O, the rest) has orthonormal rows, or columns where it has more rows. Q of a QR
    decomposition of normal numbers, its signs set so that all rotations are equally likely.
    Paper: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014, section 3.
    """
    fans(x)
    rows, columns = x.shape[0], math.prod(x.shape[1:])

    def draw() -> np.ndarray:
        q, r = np.linalg.qr(generator().standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return gain * (q if rows >= columns else q.T).reshape(x.shape)

    return _fill(x, draw, "init.orthogonal_")


def weight_and_bias(shape: tuple[int, ...], outputs: int, bias: bool) -> tuple[Any, Any]:
    """The Parameters of a new layer, both U(-b, b) with b = 1 / sqrt(fan_in); bias may be None.

    That is kaiming_uniform_(a=sqrt(5)), which torch's layers start with (there for LeCun's rule:
    "Efficient BackProp", 1998, section 4.6, up to the factor sqrt(3)).
    """
    # Filters lie in memory as (kh, kw, I, O): kernels read and write them in this order.
    weight = Parameter(
        np.zeros((*shape[2:], *shape[1::-1]), np.float32).T.swapaxes(2, 3)
        if len(shape) == 4
        else np.zeros(shape, np.float32)
    )
    b = 1 / math.sqrt(fans(weight)[0])
    uniform_(weight, -b, b)
    return weight, uniform_(Parameter(np.zeros(outputs, np.float32)), -b, b) if bias else None


def _he_std(x: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'init: mode must be "fan_in" or "fan_out", got {mode!r}')
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(x)[mode == "fan_out"])


def _draw_type(x: Tensor) -> Any:
    """float64 for float64, else float32: half the memory and time of drawing doubles."""
    return np.float64 if x.dtype == np.float64 else np.float32


def _normal(x: Tensor, shape: tuple[int, ...]) -> Any:
    return generator().standard_normal(shape, _draw_type(x))


def _fill(x: Tensor, draw: Callable[[], np.ndarray], by: str) -> Tensor:
    if not _skipping.get():
        x.data[...] = to_device(draw().astype(x.dtype, copy=False), x.device)
        mark_written(x, by)
    return x
