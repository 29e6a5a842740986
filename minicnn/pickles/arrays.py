"""What the names in a pickled NumPy array stand for here.

NumPy pickles an array as a call that makes an empty one and a second step that fills it with a
shape, a type and bytes. Here neither calls NumPy with anything but checked values.

Source: NumPy's ndarray.__reduce__ and dtype.__reduce__.
"""

import math
import re
from typing import Any

import numpy as np

from .machine import Buildable, Handler, Refused, short

_MAX_AXES = 64


class Array(Buildable):
    """An array that the pickled data make empty and fill in a second step."""

    array: np.ndarray | None = None

    def build(self, state: Any) -> None:
        _, shape, dtype, column_major, data = state
        self.array = _array(data, dtype, shape, "F" if column_major else "C")


class _DType(Buildable):
    def __init__(self, text: Any, align: Any = False, copy: Any = False) -> None:
        if type(text) is not str or not re.fullmatch(r"[biufcSU]\d{1,4}", text):
            raise Refused(
                f"arrays must hold numbers, got NumPy values of type {short(text)}; convert them "
                "in the program that made the file"
            )
        self.dtype = np.dtype(text)

    def build(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def whole_numbers(values: Any, what: str) -> tuple[int, ...]:
    """Shapes and the like as a tuple. Raises ValueError for anything but numbers from 0."""
    if type(values) not in (tuple, list) or len(values) > _MAX_AXES:
        raise ValueError(f"{what} must be at most {_MAX_AXES} numbers, got {short(values)}")
    if any(type(v) is not int or not 0 <= v < 2**63 for v in values):
        raise ValueError(f"{what} must be whole numbers from 0, got {[short(v) for v in values]}")
    return tuple(values)


def _bytes(text: Any = "", encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("the pickled data hold bytes in an unknown encoding")
    return text.encode("latin-1")


def _array(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> np.ndarray:
    if type(data) is str and len(data) < 256:
        data = data.encode("utf-8")  # as Python 2 wrote them, see `machine._text_or_bytes`
    if not isinstance(dtype, _DType) or type(data) is not bytes:
        raise ValueError("the pickled data hold a NumPy array without a type or bytes")
    shape = whole_numbers(shape, "the shape of an array")
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise ValueError("the pickled data hold a NumPy array of another size than its bytes")
    array = np.frombuffer(data, dtype.dtype)
    return array.reshape(shape, order="F" if order == "F" else "C")


# Names as NumPy 1 has them; NumPy 2 says numpy._core for numpy.core.
ARRAYS: dict[str, Any] = {
    "builtins.bytes": Handler(_bytes),
    "_codecs.encode": Handler(_bytes),
    "numpy.dtype": Handler(_DType),
    "numpy.ndarray": "numpy.ndarray",
    "numpy.core.multiarray._reconstruct": Handler(lambda *_: Array()),
    "numpy.core.numeric._frombuffer": Handler(_array),
}
