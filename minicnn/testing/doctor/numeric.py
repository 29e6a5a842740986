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
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Function = Callable[[Array], Array]
STEP = 1e-4  # with Richardson's extrapolation the error is h^4 and rounding 1e-16 / h
TINY = 1e-30


class Slopes(NamedTuple):
    """sum(gy * y)'s derivative by each entry of x, and where there is none."""

    values: Array
    kinks: Array


def central(f: Function, x: Array, gy: Array, step: float = STEP) -> Slopes:
    """Central differences of sum(gy * f(x)) for every entry of x, in float64.

    The step is ``step * max(1, abs(x))`` per entry.
    """
    values, kinks = np.zeros(x.shape), np.zeros(x.shape, bool)
    here = float((gy * f(x.copy())).sum())
    for index in np.ndindex(x.shape):
        h = step * max(1.0, abs(float(x[index])))

        def phi(move: float, index: tuple[int, ...] = index) -> float:
            moved = x.copy()
            moved[index] += move
            return float((gy * f(moved)).sum())

        after, before, half_after, half_before = phi(h), phi(-h), phi(h / 2), phi(-h / 2)
        whole, half = (after - before) / (2 * h), (half_after - half_before) / h
        values[index] = (4 * half - whole) / 3
        kinks[index] = _is_kink(here, (after, before), (half_after, half_before), h)
    return Slopes(values, kinks)


def _is_kink(here: float, whole: tuple[float, float], half: tuple[float, float], h: float) -> bool:
    """Whether the bend f(x+h) - 2 f(x) + f(x-h) shrinks by 2, as at a kink, and not by 4.

    A curve's bend goes with h^2, a kink's with h, and a jump's stays. Bends of the size of rounding
    mean nothing.
    """
    bend, finer = (abs(sum(pair) - 2 * here) for pair in (whole, half))
    rounding = 1e-13 * max(1.0, abs(here), *map(abs, (*whole, *half)))
    return bend > 1e-6 * h + 100 * rounding and finer > 0.4 * bend


def complex_step(f: Function, x: Array, gy: Array) -> Array | None:
    """Exact slopes, or None where the function does not compute with complex numbers."""
    values = np.zeros(x.shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for index in np.ndindex(x.shape):
                moved = x.astype(complex)
                moved[index] += TINY * 1j
                y = np.asarray(f(moved))
                if not np.iscomplexobj(y):
                    return None
                values[index] = float((gy * y.imag).sum()) / TINY
    except Exception:
        return None
    return values


def slopes(f: Function, x: Array, gy: Array) -> Slopes:
    """Central differences, replaced by the complex step where the two agree."""
    differences = central(f, x, gy)
    exact = complex_step(f, x, gy)
    if exact is None or differences.kinks.any():
        return differences
    size = max(1.0, float(abs(exact).max(initial=0.0)))
    if np.all(abs(exact - differences.values) <= 1e-6 * size):
        return Slopes(exact, differences.kinks)
    return differences
