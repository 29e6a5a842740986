"""Derivatives of functions of arrays without knowing a rule.

Central differences with Richardson's check: with D(h) = (f(x + h) - f(x - h)) / 2h,

    D(h) = f'(x) + O(h^2),    (4 D(h/2) - D(h)) / 3 = f'(x) + O(h^4);

where D(h) and D(h/2) differ by more than curvature explains, or the slopes from the left and from
the right do, the entry is a kink: it has no derivative. The complex step

    f'(x) = Im f(x + ih) / h + O(h^2),   h = 1e-30

has no rounding error at all, where the function can be computed with complex numbers.
Source: W. Squire, G. Trapp, "Using complex variables to estimate derivatives of real functions",
SIAM Review 40 (1998).
"""

import warnings
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Function = Callable[[Array], Array]
STEP = 1e-4  # with Richardson's extrapolation the error is h^4 and rounding 1e-16 / h
TINY = 1e-30


def slope(f: Function, x: Array, way: Array, gy: Array, step: float = STEP) -> float:
    """The derivative of sum(gy * f(x + t way)) by t at 0, in float64.

    By the complex step where the function allows it and central differences agree; else by these,
    with a step of ``step * max(1, abs(x))``. NaN at a kink or a jump.
    """
    h = step * max(1.0, float(np.abs(x).max(initial=0.0)))

    def phi(t: float) -> float:
        return float((gy * f(x + t * way)).sum())

    here, whole, half = phi(0.0), (phi(h), phi(-h)), (phi(h / 2), phi(-h / 2))
    coarse, fine = (whole[0] - whole[1]) / (2 * h), (half[0] - half[1]) / h
    if is_kink(here, whole, half, h):
        return float("nan")
    extrapolated = (4 * fine - coarse) / 3
    exact = complex_step(f, x, way, gy)
    if exact is not None and abs(exact - extrapolated) <= 1e-6 * max(1.0, abs(exact)):
        return exact
    return extrapolated


def is_kink(here: float, whole: tuple[float, float], half: tuple[float, float], h: float) -> bool:
    """Whether the bend f(x+h) - 2 f(x) + f(x-h) shrinks by 2, as at a kink, and not by 4.

    A curve's bend goes with h^2, a kink's with h, and a jump's stays. Bends of the size of rounding
    mean nothing.
    """
    bend, finer = (abs(sum(pair) - 2 * here) for pair in (whole, half))
    rounding = 1e-13 * max(1.0, abs(here), *map(abs, (*whole, *half)))
    return bend > 1e-6 * h + 100 * rounding and finer > 0.4 * bend


def complex_step(f: Function, x: Array, way: Array, gy: Array) -> float | None:
    """The slope to the last digit, or None where f does not compute with complex numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y = np.asarray(f(x + TINY * 1j * way))
    except Exception:
        return None
    return float((gy * y.imag).sum()) / TINY if np.iscomplexobj(y) else None
