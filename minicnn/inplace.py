"""In-place writes: who changed an array, and when.

A rule such as that of `a * b` needs the values of a and b at the time of recording. Every write
through our own API is stamped with the clock that also numbers the recorded ops, so a backward can
see that a value it needs is gone.
"""

from typing import Any

from .autograd import tick
from .kernels import is_array

_writes: dict[int, tuple[int, str]] = {}


def mark_written(x: Any, by: str) -> None:
    """Say that ``x.data`` was changed in place by ``by``; views of the same memory are meant too.

    An entry may outlive its array. A new array at the same address is not harmed by that: the ops
    recorded on it are younger than the entry.
    """
    _writes[id(_owner(x.data))] = (tick(), by)


def written_since(x: Any, time: int) -> str | None:
    """Who has changed the memory of ``x`` in place after ``time``; None if nobody."""
    when, by = _writes.get(id(_owner(x.data)), (0, ""))
    return by if when > time else None


def _owner(array: Any) -> Any:
    """The array that owns the memory of a view."""
    while (base := getattr(array, "base", None)) is not None and is_array(base):
        array = base
    return array
