"""e^x and its relatives as straight lines of arithmetic: no call, no branch, no table.

The machine has no instruction for e^x, and the mathematics library takes one number per call. A
loop over sums, products and choices between two values becomes vector instructions instead,
several numbers at once.

    e^x = 2^n e^r  with  n = round(x / ln 2),  r = x - n ln 2,  |r| <= ln(2)/2
    e^r = 1 + r + r^2 q(r)                     q: a polynomial

* n comes from adding 1.5 * 2^23 (float32; 2^52 for float64). The sum has no room for a fraction,
  so it is rounded, and its last bits are n. Shifted up to the exponent's bits, n becomes 2^n.
* n ln 2 is subtracted in two parts, the first so short that its product with n is exact.
* A product and a sum may be rounded once instead of twice (`contract`). That leaves NaN and
  infinities alone.

Every function is for float32 or float64 and is called by compiled loops. The polynomials were
fitted with 50 digits, nearly the best of their degree; their errors are below the rounding of T.

Source: Muller et al., Handbook of Floating-Point Arithmetic, 2018, section 10.2 (reduction); Cody,
Waite, Software Manual for the Elementary Functions, 1980, chapter 6 (ln 2 in two parts).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload, register_jitable
from numba.np.numpy_support import as_dtype

Number = Any
Function = Callable[..., Any]

_OPTIONS: Any = {"forceinline": True, "fastmath": {"contract"}}
inlined = register_jitable(**_OPTIONS)  # for functions that compiled loops call
# The same, with sums in any order: each lane of a vector register adds up numbers of its own.
reordered = register_jitable(forceinline=True, fastmath={"contract", "reassoc"})

# How the bits of T are divided, and between which x its e^x is neither 0 nor infinite.
_FORMAT: dict[type, dict[str, Any]] = {
    np.float32: {
        "integer": np.int32, "bits": 23, "bias": 127, "low": -104.0, "high": 89.0,
        "ln2": (0.693359375, -2.12194440e-4),
    },
    np.float64: {
        "integer": np.int64, "bits": 52, "bias": 1023, "low": -746.0, "high": 710.0,
        "ln2": (0.693147180369123816490, 1.90821492927058770002e-10),
    },
}  # fmt: skip

# (e^r - 1 - r) / r^2 on |r| <= ln(2)/2, lowest power first
_EXP = {
    np.float32: (0.5, 0.16666577, 0.0416665546, 0.00836317905, 0.00139261836),
    np.float64: (
        0.5, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062,
        0.0013888888917213717, 0.00019841269863053618, 2.4801521295954376e-05,
        2.7557268459997064e-06, 2.7620088445409746e-07, 2.510038549551032e-08,
    ),
}  # fmt: skip

# (artanh(s)/s - 1) / s^2 as a polynomial in s^2 <= 1/9
_LOG = {
    np.float32: (0.333333337, 0.199998526, 0.142962096, 0.10852771, 0.116148314),
    np.float64: (
        0.3333333333333333, 0.20000000000007354, 0.14285714283537695, 0.11111111360401034,
        0.09090894633246725, 0.07692787412678452, 0.06657033083633097, 0.06000907475849295,
        0.04398474241690317, 0.0808604034599896,
    ),
}  # fmt: skip

# erfc(z) e^(z^2) / t as a polynomial in 2t - 1, where t = 2 / (2 + z) maps z >= 0 to (0, 1]
_ERFC = {
    np.float32: (
        0.510791353, 0.343580313, 0.139735946, 0.0182217491, -0.0107533109, -0.00324373307,
        0.00153384704, 0.000431040022, -0.000304719086, -3.67643616e-05, 4.42884147e-05,
    ),
    np.float64: (
        0.5107913526210115, 0.3435803422069053, 0.13973604627801434, 0.01822111575344406,
        -0.01075533094401701, -0.0032395925341297785, 0.0015453060137318342,
        0.00041864803692931907, -0.0003315365730859826, -1.7185781852311767e-05,
        7.223416759239389e-05, -1.707402515170848e-05, -1.0842910058395442e-05,
        8.05865461413893e-06, -5.77822298179878e-07, -1.8167079024791187e-06,
        1.0308565838096152e-06, -1.1319613509521392e-08, -3.265474979200386e-07,
        1.7630181517105487e-07, 3.620168326093879e-08, -6.818076599065568e-08,
        6.443597925046653e-09, 1.2683080316045675e-08, -1.89831857179008e-09,
        -9.743115754914082e-10,
    ),
}  # fmt: skip


def per_type(make: Callable[[Any], Function]) -> Function:
    """A function of x, a number or a row of them, from ``make``, which writes it for one type T."""
    made = {T: make(T) for T in _FORMAT}

    def function(x: Number) -> Number:
        return made[x.dtype.type](x)

    @overload(function, jit_options=_OPTIONS)
    def compiled(x: Number) -> Number:  # Numba wants the arguments of `function`, hints included
        kind: Any = getattr(x, "dtype", x)
        return made[as_dtype(kind).type]

    return function


def like(value: float, x: Number) -> Number:
    """``value`` in the type of x; a bare 1.0 would make every float32 beside it a float64."""
    return x.dtype.type(value)


@overload(like, jit_options=_OPTIONS)
def _like(value, x):  # type: ignore[no-untyped-def]
    T = as_dtype(x).type
    return lambda value, x: T(value)


def _polynomial(T: Any, coefficients: tuple[float, ...]) -> Function:
    """x -> c[0] + x (c[1] + x (c[2] + ...))"""
    highest, *rest = [T(c) for c in reversed(coefficients)]
    lower = tuple(rest)

    @inlined
    def value(x: Number) -> Number:
        y = highest
        for c in lower:
            y = y * x + c
        return y

    return value


def _exponential(T: Any) -> tuple[Function, Function]:
    """x -> n, e^r - 1 and n -> 2^n; 2^n takes only exponents that T has, for float32 -126 to 127"""
    form, q = _FORMAT[T], _polynomial(T, _EXP[T])
    Whole = form["integer"]
    bits, bias = Whole(form["bits"]), Whole(form["bias"])
    ln2, rest_of_ln2 = map(T, form["ln2"])
    per_ln2, shift = T(1 / np.log(2)), T(1.5 * 2 ** form["bits"])
    origin = shift.view(Whole)

    @inlined
    def split(x: Number) -> tuple[Number, Number]:
        shifted = x * per_ln2 + shift
        n = shifted - shift
        r = (x - n * ln2) - n * rest_of_ln2
        return Whole(T(shifted).view(Whole) - origin), r + r * r * q(r)

    @inlined
    def power(n: Number) -> Number:
        return T(Whole((n + bias) << bits).view(T))

    return split, power


@per_type
def exp(T: Any) -> Function:
    """e^x; 2^n is multiplied on in two halves, because n may reach beyond the exponents of T"""
    split, power = _exponential(T)
    Whole, low, high = _FORMAT[T]["integer"], T(_FORMAT[T]["low"]), T(_FORMAT[T]["high"])
    one = T(1)

    def function(x: Number) -> Number:
        x = high if x > high else x  # in this form NaN stays NaN
        x = low if x < low else x
        n, beyond_one = split(x)
        half = Whole(n >> Whole(1))
        return (one + beyond_one) * power(half) * power(Whole(n - half))

    return function


@per_type
def expm1(T: Any) -> Function:
    """e^x - 1 for x <= 0, with all digits near 0: 2^n (e^r - 1) + (2^n - 1)"""
    split, power = _exponential(T)
    low, one = T(-64), T(1)

    def function(x: Number) -> Number:
        n, beyond_one = split(low if x < low else x)
        return power(n) * beyond_one + (power(n) - one)

    return function


@per_type
def log1p(T: Any) -> Function:
    """ln(1 + x) = 2 artanh(s), s = x / (2 + x), for 0 <= x <= 1"""
    series, two = _polynomial(T, _LOG[T]), T(2)

    def function(x: Number) -> Number:
        s = x / (two + x)
        square = s * s
        return two * (s + s * square * series(square))

    return function


@per_type
def erfcx(T: Any) -> Function:
    """e^(x^2) (1 - erf(x)) for x >= 0"""
    series, one, two = _polynomial(T, _ERFC[T]), T(1), T(2)

    def function(x: Number) -> Number:
        t = two / (two + x)
        return t * series(two * t - one)

    return function


@per_type
def largest(T: Any) -> Function:
    """The largest number of a row; NaN counts as larger than all or smaller than all

    Read as whole numbers, floats are in order once the bits of negative ones are turned over. Whole
    numbers may be compared in any order, so several at once; floats may not, because of NaN.
    """
    Whole = _FORMAT[T]["integer"]
    lowest, sign, turned = (
        Whole(np.iinfo(Whole).min),
        Whole(8 * Whole().itemsize - 1),
        Whole(np.iinfo(Whole).max),
    )

    def function(x: Number) -> Number:
        bits, top = x.view(Whole), lowest
        for i in range(len(bits)):
            key = Whole(bits[i] ^ Whole((bits[i] >> sign) & turned))
            top = key if key > top else top
        return T(Whole(top ^ Whole((top >> sign) & turned)).view(T))

    return function
