"""Which input entry meets which output entry in an elementwise op."""

import numpy as np

from ..case import Case
from .pair import Array


def fits(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether an array of the one shape can be broadcast to the other."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def sum_to(a: Array, shape: tuple[int, ...]) -> Array:
    """a, summed over the axes along which an array of this shape was broadcast."""
    a = a.sum(tuple(range(a.ndim - len(shape))))
    thin = tuple(i for i, n in enumerate(shape) if n == 1 and a.shape[i] != 1)
    return a.sum(thin, keepdims=True)


def placed(case: Case, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that an input must get to be broadcast against y, or None where it cannot be.

    Axes are matched by their names, such as the C of a bias with the C of (N, C, H, W); where they
    have none, from the last one on, as NumPy does.
    """
    large = np.shape(case.gy)
    names, y_names = case.axes.get(name, ())[: len(shape)], case.axes.get("y", ())[: len(large)]
    if len(names) == len(shape) and len(y_names) == len(large) and set(names) <= set(y_names):
        lengths = dict(zip(names, shape, strict=True))
        shape = tuple(lengths.get(n, 1) for n in y_names)
    return shape if fits(shape, large) else None
