"""Pickled data without Python's pickle: values and NumPy arrays are read, and nothing can run."""

from .arrays import ARRAYS, Array, whole_numbers
from .machine import Beside, Buildable, Handler, Refused, as_key, kind, short, unpickle

__all__ = [
    "ARRAYS",
    "Array",
    "Beside",
    "Buildable",
    "Handler",
    "Refused",
    "as_key",
    "kind",
    "short",
    "unpickle",
    "whole_numbers",
]
