"""Functions of one array, entry by entry."""

from collections.abc import Callable
from typing import Any

from ..op import Call, Mutant


def slope(name: str, bug: str, dy_dx: Callable[[Call], Any], also: tuple[str, ...] = ()) -> Mutant:
    """A mutant with another derivative: gx = gy dy_dx(c)"""
    return Mutant(name, bug, gradients={"x": lambda gy, c: gy * dy_dx(c)}, also=also)
