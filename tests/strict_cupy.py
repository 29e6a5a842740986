"""A stand-in for CuPy with CuPy's rules, for machines without a GPU.

It computes with NumPy inside, but its arrays refuse what CuPy's refuse: to become NumPy arrays by
themselves, to meet NumPy arrays in an operation or an index, and functions that CuPy does not have.
So code that passes here creates its arrays with the right module. It says nothing about speed or
about CuPy's own kernels; tests/test_cuda.py uses the real CuPy where there is a GPU.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

METHODS = (
    "all", "any", "argmax", "astype", "clip", "copy", "max", "mean", "min", "reshape", "squeeze",
    "sum", "transpose",
)  # fmt: skip
FUNCTIONS = (
    "arange", "array", "asarray", "broadcast_to", "concatenate", "empty", "expand_dims", "eye",
    "full", "isfinite", "maximum", "ones", "ones_like", "pad", "sqrt", "take_along_axis", "where",
    "zeros", "zeros_like",
)  # fmt: skip


class ndarray(NDArrayOperatorsMixin):
    """An array that pretends to live on a GPU."""

    __module__ = "cupy"

    def __init__(self, array: np.ndarray, base: Any = None) -> None:
        self.hidden, self.base = array, base

    shape = property(lambda self: self.hidden.shape)
    ndim = property(lambda self: self.hidden.ndim)
    dtype = property(lambda self: self.hidden.dtype)
    size = property(lambda self: self.hidden.size)
    T = property(lambda self: wrap(self.hidden.T, self))

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        outs = {"out": tuple(strip(x) for x in options.pop("out"))} if "out" in options else {}
        y = ufunc(*[strip(x) for x in inputs], **options, **outs)
        return inputs[0] if outs else wrap(y)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function.__name__ not in FUNCTIONS:
            raise TypeError(f"CuPy has no {function.__name__} here")
        return getattr(module, function.__name__)(*args, **options)

    def __getitem__(self, key: Any) -> "ndarray":
        return wrap(self.hidden[strip(key)], self)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.hidden[strip(key)] = strip(value)

    def __bool__(self) -> bool:
        return bool(self.hidden)

    def __int__(self) -> int:
        return int(self.hidden)

    def __float__(self) -> float:
        return float(self.hidden)

    def __len__(self) -> int:
        return len(self.hidden)

    def item(self) -> Any:
        return self.hidden.item()

    def get(self) -> np.ndarray:
        return self.hidden.copy()


def strip(x: Any) -> Any:
    """The NumPy array inside; a NumPy array from outside is refused, as CuPy does."""
    if isinstance(x, tuple | list):
        return type(x)(strip(i) for i in x)
    if isinstance(x, ndarray):
        return x.hidden
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}: a NumPy array met a CuPy array")
    return x


def wrap(x: Any, of: ndarray | None = None) -> Any:
    """A result as an array of the stand-in; a view remembers whose memory it shows."""
    if isinstance(x, tuple):
        return tuple(wrap(i, of) for i in x)
    array = np.asarray(x)
    shares = of is not None and np.shares_memory(array, of.hidden)
    return ndarray(
        array, (of if of.base is None else of.base) if shares and of is not None else None
    )


def _method(name: str) -> Any:
    def call(self: ndarray, *args: Any, **options: Any) -> Any:
        return wrap(getattr(self.hidden, name)(*(strip(a) for a in args), **options), self)

    return call


def _function(name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        if name in ("array", "asarray"):  # the only two that take NumPy arrays: they upload
            args = tuple(strip(x) if isinstance(x, ndarray) else x for x in args)
            return wrap(np.array(*args, **options))
        return wrap(getattr(np, name)(*(strip(a) for a in args), **options))

    return call


def _copyto(target: ndarray, values: Any, where: Any = True) -> None:
    np.copyto(target.hidden, strip(values), where=strip(where))


def _add_at(target: ndarray, key: Any, values: Any) -> None:
    np.add.at(target.hidden, strip(key), strip(values))


for _name in METHODS:
    setattr(ndarray, _name, _method(_name))

module = SimpleNamespace(
    ndarray=ndarray,
    add=SimpleNamespace(at=_add_at),
    copyto=_copyto,
    cuda=SimpleNamespace(is_available=lambda: True),
    **{name: _function(name) for name in FUNCTIONS},
)
