"""The numbers of NumPy arrays that a kernel is given by the dozen: by the places of the objects.

Numba takes a few array arguments, and unpacks each of them in Python's time. Here a kernel is given
an array of addresses instead, `id(x)` of each array x, and finds the numbers by itself: what NumPy
calls an array is a structure that begins with Python's header, which every object has, and then the
address of the first number.

    id(x) -> [ Python's header | address of the numbers | ... ]
                                         |
                                         +-> [ x0 | x1 | x2 | ... ]

Source: NumPy's C API, `PyArrayObject`. The caller keeps the arrays alive.
"""
# mypy: allow-untyped-defs

import ctypes
from collections.abc import Callable
from typing import Any

from numba import carray, types
from numba.core import config
from numba.extending import intrinsic

from .compiled import subroutine
from .micro.vector import INDEX

_HEADER = object.__basicsize__
_WITHOUT_COMPILER = vars(config)["DISABLE_JIT"]


def _piece(place, first, last, like):
    """Numbers first ... last - 1 of the array object at ``place``, C-contiguous, dtype as like"""
    return ctypes.cast(int(place), ctypes.py_object).value.reshape(-1)[first:last]


@subroutine
def _compiled_piece(place, first, last, like):
    return carray(_numbers(place, like), (last,))[first:last]


@intrinsic
def _numbers(typing, place, like):
    """The address of the numbers of an array object"""
    pointer = types.CPointer(like.dtype)

    def write(context, builder, signature, values):
        field = builder.add(values[0], INDEX(_HEADER))
        address = builder.load(builder.inttoptr(field, INDEX.as_pointer()))
        return builder.inttoptr(address, context.get_value_type(pointer))

    return pointer(types.intp, like), write


piece: Callable[..., Any] = _piece if _WITHOUT_COMPILER else _compiled_piece
