"""Kernels: what runs on arrays. This file is the whole dispatch.

A kernel set is a package of plain functions, arrays in and arrays out. `reference` has every
kernel in NumPy style and is the definition of correct. Any other set is laid over it: **the same
name means override**. `override` lays a learner's own functions on top in the same way.

*Device* is where an array lives; *kernel set* is how the CPU computes on it. Arrays that only have
a shape (`shape_only`) get the set `shapes`, which only works out shapes.
"""

import importlib
import importlib.util
from collections.abc import Callable
from contextvars import ContextVar, Token
from difflib import get_close_matches
from functools import cache, lru_cache
from types import SimpleNamespace, TracebackType
from typing import Any
from warnings import warn

import numpy as np

from .arrays import array_module, device_of, is_array, pad, to_device, zeros_as
from .shape_array import ShapeArray, shape_only
from .together import together

__all__ = [
    "array_module", "current_kernels", "device_of", "is_array", "kernel_set", "kernels_for",
    "override", "pad", "shape_only", "to_device", "together", "use_kernels", "zeros_as",
]  # fmt: skip

Table = Any  # a namespace whose attributes are the kernels

# (name of the CPU set, functions laid on top); None: numba where it is installed, else numpy.
_choice: ContextVar[tuple[str | None, tuple[tuple[str, Callable], ...]]] = ContextVar(
    "kernels", default=(None, ())
)


def kernels_for(array: Any) -> Table:
    """The kernels that compute on ``array``: `kernels_for(x).conv2d(x, ...)`."""
    name, extra = _choice.get()
    if type(array) is not np.ndarray:
        if isinstance(array, ShapeArray):
            return _table("shapes", ())  # a learner's function should not meet what has no values
        name = "cuda" if device_of(array) == "cuda" else name
    return _table(name, extra)


def current_kernels() -> str:
    """The name of the CPU kernel set in use: `"numba"` or `"numpy"`."""
    return _choice.get()[0] or _default()


class use_kernels:
    """Choose the CPU kernel set, for good or for a `with` block.

    >>> use_kernels("numpy")              # from here on
    >>> with use_kernels("numba"): ...    # inside the block only

    The choice belongs to the current thread (or asyncio task). Raises ValueError for an unknown
    name and RuntimeError where numba is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in ("numba", "numpy"):
            raise ValueError(f'use_kernels: the set must be "numba" or "numpy", got {name!r}')
        if name == "numba" and importlib.util.find_spec("numba") is None:
            raise RuntimeError("use_kernels: numba is not installed; run `pip install numba`")
        self._enter((name, _choice.get()[1]))

    def _enter(self, choice: tuple[str | None, tuple[tuple[str, Callable], ...]]) -> None:
        self._token: Token = _choice.set(choice)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        _choice.reset(self._token)


class override(use_kernels):
    """Lay functions over the kernels of the same names: `with override(relu=my_relu): ...`.

    Every set and device uses them, and so do kernels that call kernels (`conv2d` calls `im2col`).
    Raises ValueError for a name that no kernel has.
    """

    def __init__(self, **functions: Callable) -> None:
        known = vars(kernel_set("numpy"))
        for name, function in functions.items():
            if not callable(function):
                raise TypeError(f"override: {name} must be a function, got {function!r}")
            if name not in known:
                near = ", ".join(get_close_matches(name, known, 3)) or ", ".join(sorted(known))
                raise ValueError(f"override: no kernel is called {name!r}; near: {near}")
        chosen, extra = _choice.get()
        self._enter((chosen, (*extra, *functions.items())))


def kernel_set(name: str) -> Table:
    """One set without overrides: `"numpy"` (the reference), `"numba"`, `"cuda"` or `"shapes"`."""
    return _table(name, ())


@cache
def _default() -> str:
    """numba where it works: it is a package of many needs, so being there is not enough."""
    try:
        importlib.import_module("numba")
    except ImportError as error:
        if importlib.util.find_spec("numba"):
            warn(f"minicnn: numba cannot be used ({error}); NumPy takes its place", stacklevel=2)
        return "numpy"
    return "numba"


@lru_cache(64)
def _table(name: str | None, extra: tuple[tuple[str, Callable], ...]) -> Table:
    """Reference kernels, overlaid with the set ``name``, overlaid with ``extra``."""
    table = _functions("reference")
    if (name := name or _default()) in ("numba", "shapes"):
        table |= _functions(name)
    return SimpleNamespace(**table | dict(extra))


def _functions(package: str) -> dict[str, Callable]:
    module = importlib.import_module(f"{__name__}.{package}")
    return {name: getattr(module, name) for name in module.__all__}
